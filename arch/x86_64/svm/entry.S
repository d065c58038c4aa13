/* SPDX-License-Identifier: MIT */
/*
 * VMRUN and #VMEXIT.
 *
 *   void svm_entry(struct vcpu *vcpu [rdi], uint64_t vmcb [rsi], uint64_t host [rdx])
 *
 * Loads the guest's registers and runs it until it exits; returns with the registers saved. RAX and
 * RSP are in the VMCB. An entry that the CPU refuses exits at once, with exit code -1.
 *
 * From CLGI to STGI nothing interrupts ring 0 (AMD APM vol. 2, 15.17): its FS, GS and TR are the
 * guest's meanwhile. IF is 1 at VMRUN, so that physical interrupts exit the guest (15.21.1), and 0
 * again before STGI, behind which a pending NMI comes; interrupts wait for ring 0 to take them.
 *
 * Guest values are cleared from the scratch registers after the exit, so that nothing runs
 * speculatively on what a guest chose.
 */
#include "vcpu_offsets.h"

#define MSR_PRED_CMD  0x49
#define PRED_CMD_IBPB 1

	.text
	.globl	svm_entry
	.type	svm_entry, @function
svm_entry:
	push	%rbp
	push	%rbx
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	push	%rdi
	push	%rdx
	mov	%rsi, %rax
	clgi
	sti
	vmload	%rax
	mov	VCPU_RCX(%rdi), %rcx
	mov	VCPU_RDX(%rdi), %rdx
	mov	VCPU_RBX(%rdi), %rbx
	mov	VCPU_RBP(%rdi), %rbp
	mov	VCPU_RSI(%rdi), %rsi
	mov	VCPU_R8(%rdi), %r8
	mov	VCPU_R9(%rdi), %r9
	mov	VCPU_R10(%rdi), %r10
	mov	VCPU_R11(%rdi), %r11
	mov	VCPU_R12(%rdi), %r12
	mov	VCPU_R13(%rdi), %r13
	mov	VCPU_R14(%rdi), %r14
	mov	VCPU_R15(%rdi), %r15
	mov	VCPU_RDI(%rdi), %rdi
	/* As late as that: nothing of ring 0 comes behind it. */
	cmpb	$0, svm_has_verw_at_entry(%rip)
	je	1f
	verw	svm_verw_selector(%rip)
1:	vmrun	%rax
	/* RAX is the VMCB's address again (15.5.1, 15.6). */
	vmsave	%rax
	push	%rdi
	mov	16(%rsp), %rdi
	mov	%rcx, VCPU_RCX(%rdi)
	mov	%rdx, VCPU_RDX(%rdi)
	mov	%rbx, VCPU_RBX(%rdi)
	mov	%rbp, VCPU_RBP(%rdi)
	mov	%rsi, VCPU_RSI(%rdi)
	mov	%r8, VCPU_R8(%rdi)
	mov	%r9, VCPU_R9(%rdi)
	mov	%r10, VCPU_R10(%rdi)
	mov	%r11, VCPU_R11(%rdi)
	mov	%r12, VCPU_R12(%rdi)
	mov	%r13, VCPU_R13(%rdi)
	mov	%r14, VCPU_R14(%rdi)
	mov	%r15, VCPU_R15(%rdi)
	pop	%rax
	mov	%rax, VCPU_RDI(%rdi)
	pop	%rax
	vmload	%rax
	xor	%ecx, %ecx
	xor	%edx, %edx
	xor	%esi, %esi
	xor	%ebp, %ebp
	xor	%ebx, %ebx
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d
	/* A guest may have taught the predictor where any return goes: the barrier comes before the first
	 * one, and nothing runs past it speculatively. */
	cmpb	$0, svm_has_barrier_at_exit(%rip)
	je	1f
	mov	$MSR_PRED_CMD, %ecx
	mov	$PRED_CMD_IBPB, %eax
	wrmsr
1:	lfence
	/* The guest may have filled the return-stack buffer: a direct call and its own return, with which
	 * the buffer is overwritten, come before any return to an older caller. */
	call	mitigation_after_exit
	cli
	stgi
	pop	%rdi
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbx
	pop	%rbp
	ret
	.size	svm_entry, . - svm_entry

	.section .note.GNU-stack, "", @progbits
