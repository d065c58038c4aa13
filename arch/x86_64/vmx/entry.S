/* SPDX-License-Identifier: MIT */
/*
 * VM entry and VM exit.
 *
 *   int vmx_entry(struct vcpu *vcpu [rdi], bool launched [sil])
 *
 * Loads the guest's general-purpose registers and enters the guest; returns 0 when it left it again,
 * with the registers saved, or 1 when the CPU refused the entry (SDM 3C 27.2, 27.8: VMfailValid or
 * VMfailInvalid; the cause is in the VM-instruction error field). A failed VM entry due to guest state
 * comes back through vmx_exit like any exit (SDM 3C 27.8).
 *
 * HOST_RSP is written here, HOST_RIP is vmx_exit. Guest values are cleared from the scratch registers
 * after the exit, so that nothing runs speculatively on what a guest chose.
 */
#include "vcpu_offsets.h"

#define VMCS_HOST_RSP 0x6c14

	.text
	.globl	vmx_entry, vmx_exit
	.type	vmx_entry, @function
vmx_entry:
	push	%rbp
	push	%rbx
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	push	%rdi
	mov	$VMCS_HOST_RSP, %eax
	vmwrite	%rsp, %rax
	jbe	.Lfailed
	test	%sil, %sil
	mov	VCPU_RAX(%rdi), %rax
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
	jnz	.Lresume
	vmlaunch
	jmp	.Lfailed
.Lresume:
	vmresume
.Lfailed:
	mov	$1, %eax
	jmp	.Lreturn
	.size	vmx_entry, . - vmx_entry

	.p2align 4
	.type	vmx_exit, @function
vmx_exit:
	push	%rdi
	mov	8(%rsp), %rdi
	mov	%rax, VCPU_RAX(%rdi)
	pop	%rax
	mov	%rcx, VCPU_RCX(%rdi)
	mov	%rdx, VCPU_RDX(%rdi)
	mov	%rbx, VCPU_RBX(%rdi)
	mov	%rbp, VCPU_RBP(%rdi)
	mov	%rsi, VCPU_RSI(%rdi)
	mov	%rax, VCPU_RDI(%rdi)
	mov	%r8, VCPU_R8(%rdi)
	mov	%r9, VCPU_R9(%rdi)
	mov	%r10, VCPU_R10(%rdi)
	mov	%r11, VCPU_R11(%rdi)
	mov	%r12, VCPU_R12(%rdi)
	mov	%r13, VCPU_R13(%rdi)
	mov	%r14, VCPU_R14(%rdi)
	mov	%r15, VCPU_R15(%rdi)
	xor	%ecx, %ecx
	xor	%edx, %edx
	xor	%esi, %esi
	xor	%ebp, %ebp
	xor	%ebx, %ebx
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d
	/* The guest may have filled the return-stack buffer: a direct call and its own return, with which
	 * the buffer is overwritten, come before any return to an older caller. */
	call	mitigation_after_exit
	xor	%eax, %eax
.Lreturn:
	pop	%rdi
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbx
	pop	%rbp
	ret
	.size	vmx_exit, . - vmx_exit

	.section .note.GNU-stack, "", @progbits
