/* SPDX-License-Identifier: MIT */
/* Where CPUs enter ring 0's C code: the bootstrap CPU from the loader, the others from trampoline.S. */
#include "arch/x86_64/entry.h"

/* From the loader, as boot/handoff.h says: RDI = physical address of struct handoff. */
	.section .text.entry, "ax", @progbits
	.global hv_entry
	.type hv_entry, @function
hv_entry:
	cli
	cld
	xor %ebp, %ebp
	and $-16, %rsp
	call platform_start
	ud2
	.size hv_entry, . - hv_entry

	.text
/* void entry_switch(uint64_t root, void *stack_top, void (*next)(void)): see entry.h */
	.global entry_switch
	.type entry_switch, @function
entry_switch:
	mov %rdi, %cr3
	mov %rsi, %rsp
	xor %ebp, %ebp
	call *%rdx
	ud2
	.size entry_switch, . - entry_switch

/*
 * From trampoline.S, in 64-bit mode on its page tables. The CPU leaves these at once, since they go
 * away when the start is over.
 */
	.global entry_cpu
	.type entry_cpu, @function
entry_cpu:
	mov smp_root, %rax
	mov %rax, %cr3
	mov $1, %edi
	lock xadd %edi, smp_arrived
	cmp $ENTRY_CPUS_MAX, %edi
	jae .Lno_place
.Lwait_for_stack:
	pause
	mov smp_stack_tops(,%rdi,8), %rsp
	test %rsp, %rsp
	jz .Lwait_for_stack
	xor %ebp, %ebp
	call smp_enter
.Lno_place:
	hlt
	jmp .Lno_place
	.size entry_cpu, . - entry_cpu

	.section .note.GNU-stack, "", @progbits
