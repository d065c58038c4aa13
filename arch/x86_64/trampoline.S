/* SPDX-License-Identifier: MIT */
/*
 * The first code of a CPU after its start-up IPI: real mode at CS:IP = page:0000, then protected
 * mode, then 64-bit mode (SDM 3A 9.8.5), then entry_cpu. Copied to a page below 1 MiB by smp.c,
 * which fills in the values that depend on the page's address. With paging on, the page is not
 * writable: nothing here is changed by the code.
 */
#define CR0_PE		0x00000001
#define CR0_WP		0x00010000
#define CR0_PG		0x80000000
#define CR4_PAE		0x00000020
#define MSR_EFER	0xc0000080
#define EFER_LME_NXE	0x00000900

#define OFFSET(label)	(label - trampoline_start)

	.section .rodata.trampoline, "a", @progbits
	.balign 16
	.global trampoline_start, trampoline_end, trampoline_gdt, trampoline_gdt_base, trampoline_cr3
	.global trampoline_code_32, trampoline_target_32, trampoline_code_64, trampoline_target_64

	.code16
trampoline_start:
	cli
	cld
	mov %cs, %ax
	mov %ax, %ds
	xor %ebx, %ebx
	mov %ax, %bx
	shl $4, %ebx			/* EBX: physical address of the page */
	lgdtl OFFSET(gdt_pointer)
	mov $CR0_PE, %eax		/* caches on: INIT leaves CD and NW set */
	mov %eax, %cr0
	ljmpl *OFFSET(trampoline_target_32)

	.code32
trampoline_code_32:
	mov $0x10, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov $CR4_PAE, %eax
	mov %eax, %cr4
	mov OFFSET(trampoline_cr3)(%ebx), %eax
	mov %eax, %cr3
	mov $MSR_EFER, %ecx
	rdmsr
	or $EFER_LME_NXE, %eax
	wrmsr
	mov $(CR0_PG | CR0_WP | CR0_PE), %eax
	mov %eax, %cr0
	ljmpl *OFFSET(trampoline_target_64)(%ebx)

	.code64
trampoline_code_64:
	mov $entry_cpu, %rax
	jmp *%rax

/* Accessed bits are set already, so that the CPU writes none. */
	.balign 8
trampoline_gdt:
	.quad 0
	.quad 0x00cf9b000000ffff	/* 0x08: 32-bit code */
	.quad 0x00cf93000000ffff	/* 0x10: data */
	.quad 0x00209b0000000000	/* 0x18: 64-bit code */
gdt_end:

gdt_pointer:
	.word gdt_end - trampoline_gdt - 1
trampoline_gdt_base:
	.long 0
trampoline_target_32:
	.long 0
	.word 0x08
trampoline_target_64:
	.long 0
	.word 0x18
trampoline_cr3:
	.long 0
trampoline_end:

	.section .note.GNU-stack, "", @progbits
