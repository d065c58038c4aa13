/* SPDX-License-Identifier: MIT */
/* In ring 0's place: entry from the loader (arch/x86_64/boot/handoff.h), and the jump into the kernel. */

	.section .text.entry, "ax", @progbits
	.global hv_entry
	.type hv_entry, @function
hv_entry:
	cli
	cld
	and $-16, %rsp
	call direct_main
	ud2
	.size hv_entry, . - hv_entry

	.text
/*
 * void direct_jump(uint64_t offset, uint64_t cr3, uint64_t entry, uint64_t argument)
 *
 * Starts the kernel as ring 0 starts a partition: 64-bit mode, its own page tables, RSI = argument. They map memory at its
 * physical address alone, so this code leaves its link address first; offset is what is to be added to that.
 */
	.global direct_jump
	.type direct_jump, @function
direct_jump:
	mov %rcx, %r8
	mov $1f, %rax
	add %rdi, %rax
	jmp *%rax
1:
	mov %rsi, %cr3
	mov %r8, %rsi
	mov %r8, %rdi
	xor %ebp, %ebp
	xor %esp, %esp
	jmp *%rdx
	.size direct_jump, . - direct_jump

	.section .note.GNU-stack, "", @progbits
