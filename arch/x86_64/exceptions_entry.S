/* SPDX-License-Identifier: MIT */
/*
 * Entry points of exceptions and of interrupts without a handler of their own. Each makes the stack
 * look like struct exception_frame and calls exceptions_dispatch().
 */
#include "arch/x86_64/exceptions.h"

/* Vectors for which the CPU pushes an error code: #DF #TS #NP #SS #GP #PF #AC #CP #VC #SX. */
#define ERROR_CODE_VECTORS 0x60227d00

	.text
	.balign EXCEPTIONS_STUB_SIZE
	.global exceptions_stubs
	.type exceptions_stubs, @function
exceptions_stubs:
	.set vector, 0
	.rept EXCEPTION_VECTORS
	.balign EXCEPTIONS_STUB_SIZE
	.if ((ERROR_CODE_VECTORS >> vector) & 1) == 0
	pushq $0
	.endif
	pushq $vector
	jmp save_and_dispatch
	.set vector, vector + 1
	.endr
	.rept 256 - EXCEPTION_VECTORS
	.balign EXCEPTIONS_STUB_SIZE
	pushq $0
	pushq $vector
	jmp save_and_dispatch
	.set vector, vector + 1
	.endr
	.size exceptions_stubs, . - exceptions_stubs

	.type save_and_dispatch, @function
save_and_dispatch:
	cld
	push %rax
	push %rbx
	push %rcx
	push %rdx
	push %rsi
	push %rdi
	push %rbp
	push %r8
	push %r9
	push %r10
	push %r11
	push %r12
	push %r13
	push %r14
	push %r15
	/* The CPU aligned RSP to 16 before it pushed 5 words; with 17 more it is aligned again. */
	mov %rsp, %rdi
	call exceptions_dispatch
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rbp
	pop %rdi
	pop %rsi
	pop %rdx
	pop %rcx
	pop %rbx
	pop %rax
	add $16, %rsp
	iretq
	.size save_and_dispatch, . - save_and_dispatch

	.section .note.GNU-stack, "", @progbits
