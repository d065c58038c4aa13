/* SPDX-License-Identifier: MIT */
/*
 * Start of a second vCPU: copied to GPA 0x8000, entered there by a start-up IPI in real mode; goes to
 * 64-bit mode with the page tables, descriptor tables and stack of the words at its end, and calls the
 * function there.
 */
#define AT(label) ((label) - trampoline_start + 0x8000)

	.section .rodata
	.balign 16
	.globl	trampoline_start, trampoline_end, trampoline_cr3, trampoline_function, trampoline_stack
	.code16
trampoline_start:
	cli
	xorw	%ax, %ax
	movw	%ax, %ds
	lgdtl	AT(gdt_pointer)
	movl	%cr4, %eax
	orl	$0x620, %eax		/* PAE, OSFXSR, OSXMMEXCPT */
	movl	%eax, %cr4
	movl	AT(trampoline_cr3), %eax
	movl	%eax, %cr3
	movl	$0xc0000080, %ecx
	rdmsr
	orl	$0x900, %eax		/* LME, NXE */
	wrmsr
	movl	$0x80010033, %eax	/* PG, WP, NE, MP, PE */
	movl	%eax, %cr0
	ljmpl	$8, $AT(long_mode)
	.code64
long_mode:
	movl	$16, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	movq	AT(trampoline_stack), %rsp
	movq	AT(trampoline_function), %rax
	call	*%rax
1:	cli
	hlt
	jmp	1b

	.balign 8
gdt:
	.quad	0, 0x00af9b000000ffff, 0x00cf93000000ffff
gdt_pointer:
	.word	23
	.long	AT(gdt)
	.balign 8
trampoline_cr3:
	.quad	0
trampoline_function:
	.quad	0
trampoline_stack:
	.quad	0
trampoline_end:

	.section .note.GNU-stack, "", @progbits
