/* SPDX-License-Identifier: MIT */
/* Catching exceptions: see attack.h. One level, one vCPU. */
	.text
	.globl	fault_catch, fault_enter_user
fault_catch:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, fault_rsp(%rip)
	mov	%rdi, %rax
	mov	%rsi, %rdi
	call	*%rax
	mov	$-1, %eax
fault_return:
	movq	$0, fault_rsp(%rip)
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret

/* (function, argument, stack): as fault_catch, at privilege level 3. */
fault_enter_user:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, fault_rsp(%rip)
	mov	%rdi, %rax
	mov	%rsi, %rdi
	push	$(5 * 8 + 3)	/* data */
	push	%rdx
	push	$0x3202		/* IOPL 3, interrupts on */
	push	$(6 * 8 + 3)	/* code */
	push	%rax
	iretq

	.macro fault_entry vector, has_error
	.balign 16
	.if \has_error == 0
	push	$0
	.endif
	push	$\vector
	jmp	fault_common
	.endm

	.balign 16
	.globl	fault_entries
fault_entries:
	.set vector, 0
	.rept 32
	.if vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21
	fault_entry vector, 1
	.else
	fault_entry vector, 0
	.endif
	.set vector, vector + 1
	.endr

/* An interrupt that nobody waits for. */
	.balign 16
	.globl	fault_interrupt
fault_interrupt:
	push	%rax
	push	%rcx
	push	%rdx
	mov	$0x80b, %ecx
	xor	%eax, %eax
	xor	%edx, %edx
	wrmsr
	pop	%rdx
	pop	%rcx
	pop	%rax
	iretq

fault_common:
	mov	%rax, fault_rax(%rip)
	pop	%rax
	mov	%rax, fault_vector(%rip)
	pop	%rax
	mov	%rax, fault_error(%rip)
	mov	16(%rsp), %rax
	mov	%rax, fault_flags(%rip)
	mov	(%rsp), %rax
	mov	%rax, fault_rip(%rip)
	cmpq	$0, fault_rsp(%rip)
	je	fault_unexpected
	mov	fault_rsp(%rip), %rsp
	mov	$0x10, %eax
	mov	%eax, %ss
	cld
	push	$0x202
	popf
	mov	fault_vector(%rip), %eax
	jmp	fault_return

	.bss
	.balign 8
fault_rsp:
	.skip	8

	.section .note.GNU-stack, "", @progbits
