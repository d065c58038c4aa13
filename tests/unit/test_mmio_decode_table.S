/* SPDX-License-Identifier: MIT */
/* Instructions as the assembler encodes them, and the frame in which a test executes one. */

	.macro entry text:vararg
	.byte	9f - 8f
8:	\text
9:
	.endm

	.section .rodata
	.globl	gas_64, gas_32, gas_refused

	/* Decoded in 64-bit code. */
	.code64
gas_64:
	entry	movl %eax, 0x12345678(%rdi)
	entry	movl (%rsi), %r15d
	entry	movq %r9, 8(%r13)
	entry	movl gas_64(%rip), %edx
	entry	movl $1, 0x10(%rip)
	entry	movq $-1, (%rax)
	entry	movl $0, 0x7ee00000
	entry	movl %gs:(%rax), %eax
	entry	movl %fs:0x10(%rip), %eax
	entry	movl %cs:(%rax), %eax
	entry	movl %edx, 4(%rax,%rcx,8)
	entry	movq 0x1000(%rbp,%r14,2), %rdi
	entry	movq $1, (%r13)
	.byte	0

	/* Decoded in 32-bit code. */
	.code32
gas_32:
	entry	movl 0xfee00000, %ebx
	entry	movl %ecx, 0xfee00000
	entry	movl %fs:(%eax), %ecx
	entry	movl $5, 8(%ecx,%edx,4)
	.byte	0

	/* Refused in 64-bit code. */
	.code64
gas_refused:
	entry	movw %cx, (%r12)
	entry	movb %sil, (%rsp)
	entry	movb %ah, 4(%rax,%rcx,8)
	entry	movw $0x1234, 0x1000(%rbp,%r14,2)
	entry	movb $7, (%r13)
	entry	movzbl (%rdx), %eax
	entry	movzwl 2(%rdx), %r8d
	entry	movsbq (%r10), %rax
	entry	movswl (%rbx,%rbx), %ecx
	entry	movzbw 1(%rdi), %ax
	entry	movl (%eax), %ecx
	entry	movl %ecx, 4(%r8d)
	entry	movabs 0x1122334455667788, %al
	entry	movabs %rax, 0x1122334455667788
	entry	movabs %ax, 0x1122334455667788
	entry	movl %eax, %ecx
	entry	movb $1, %al
	entry	addl %eax, (%rbx)
	entry	movsb
	entry	rep movsb
	entry	lock addl $1, (%rax)
	entry	movntil %eax, (%rbx)
	entry	nop
	entry	movups %xmm0, (%rax)
	entry	xchgl %eax, (%rax)
	entry	movslq (%rax), %rax
	entry	movbel (%rax), %eax
	entry	movq %rax, %cr0
	entry	vmovups %ymm0, (%rax)
	entry	movw %ds, (%rax)
	entry	pushq (%rax)
	entry	xabort $1
	entry	movzbl %al, %eax
	entry	cmpl $0, (%rax)
	entry	testb $1, (%rax)
	entry	movl $1, %eax
	entry	ud2
	.byte	0

	/* void native_run(void): struct native is 16 registers, then the address to call. */
	.text
	.globl	native_run
	.type	native_run, @function
native_run:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	lea	native_state(%rip), %rax
	mov	0x08(%rax), %rcx
	mov	0x10(%rax), %rdx
	mov	0x18(%rax), %rbx
	mov	0x28(%rax), %rbp
	mov	0x30(%rax), %rsi
	mov	0x38(%rax), %rdi
	mov	0x40(%rax), %r8
	mov	0x48(%rax), %r9
	mov	0x50(%rax), %r10
	mov	0x58(%rax), %r11
	mov	0x60(%rax), %r12
	mov	0x68(%rax), %r13
	mov	0x70(%rax), %r14
	mov	0x78(%rax), %r15
	mov	(%rax), %rax
	call	*native_state+0x80(%rip)
	push	%rax
	lea	native_state(%rip), %rax
	mov	%rcx, 0x08(%rax)
	mov	%rdx, 0x10(%rax)
	mov	%rbx, 0x18(%rax)
	mov	%rbp, 0x28(%rax)
	mov	%rsi, 0x30(%rax)
	mov	%rdi, 0x38(%rax)
	mov	%r8, 0x40(%rax)
	mov	%r9, 0x48(%rax)
	mov	%r10, 0x50(%rax)
	mov	%r11, 0x58(%rax)
	mov	%r12, 0x60(%rax)
	mov	%r13, 0x68(%rax)
	mov	%r14, 0x70(%rax)
	mov	%r15, 0x78(%rax)
	pop	%rcx
	mov	%rcx, (%rax)
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret

	.section .note.GNU-stack, "", @progbits
