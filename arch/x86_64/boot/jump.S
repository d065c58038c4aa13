/* SPDX-License-Identifier: MIT */
/*
 * void jump_to_hypervisor(uint64_t handoff, uint64_t cr3, uint64_t stack_top, uint64_t entry)
 *
 * Leaves the firmware's world for good (handoff.h, "State at the entry point"). This code and the
 * stack lie in RAM, which both page tables map at the same address.
 */
	.text
	.globl jump_to_hypervisor
jump_to_hypervisor:
	cli
	cld
	mov %rsi, %cr3
	mov %rdx, %rsp
	xor %ebp, %ebp
	push $0			/* no return address: a backtrace ends here */
	jmp *%rcx

	.section .note.GNU-stack, "", @progbits
