/* SPDX-License-Identifier: MIT */
/*
 * Entry of a bare-metal partition, and the entries of its exceptions and interrupts.
 *
 * Ring 0 starts vCPU 0 here in 64-bit mode with flat segments, interrupts off, an identity map of the
 * first 4 GiB, and RDI = guest-physical address of struct mux_guest_boot (muxvisor/manifest.h).
 */
	.section .text.start, "ax", @progbits
	.globl runtime_start
runtime_start:
	leaq	boot_stack_top(%rip), %rsp
	xorl	%ebp, %ebp
	cld
	/* The C library uses SSE: no emulation, no lazy switch (Intel SDM 3A 13.1.3), WP for the
	 * read-only pages of memory_map.c. */
	movq	%cr0, %rax
	andq	$~((1 << 2) | (1 << 3)), %rax		/* EM, TS */
	orq	$((1 << 1) | (1 << 5) | (1 << 16)), %rax /* MP, NE, WP */
	movq	%rax, %cr0
	movq	%cr4, %rax
	orq	$((1 << 9) | (1 << 10)), %rax		/* OSFXSR, OSXMMEXCPT */
	movq	%rax, %cr4
	fninit
	/* -> RSP of the stack that the program runs on */
	call	runtime_prepare
	movq	%rax, %rsp
	call	runtime_main
1:	cli
	hlt
	jmp	1b

/* Every exception ends the partition: one frame with vector and error code, then C, on the stack
 * of the TSS (exceptions.c), so that a stack overflow is reported too. */
	.text
	.macro exception_entry vector, has_error
	.balign 16
	.if \has_error == 0
	pushq	$0
	.endif
	pushq	$\vector
	jmp	exception_common
	.endm

	.balign 16
	.globl exceptions_entries
exceptions_entries:
	.set vector, 0
	.rept 32
	/* Error codes: Intel SDM 3A, table 6-1. */
	.if vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30
	exception_entry vector, 1
	.else
	exception_entry vector, 0
	.endif
	.set vector, vector + 1
	.endr

exception_common:
	pushq	%rax
	pushq	%rcx
	pushq	%rdx
	pushq	%rbx
	pushq	%rbp
	pushq	%rsi
	pushq	%rdi
	pushq	%r8
	pushq	%r9
	pushq	%r10
	pushq	%r11
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	movq	%rsp, %rdi
	cld
	andq	$~15, %rsp
	call	exceptions_report

/* Interrupts only mark: counters, no SSE, no C. EOI by the x2APIC MSR 0x80b. */
	.macro interrupt_entry name, mark=0, value=0
	.balign 16
	.globl \name
\name:
	pushq	%rax
	pushq	%rcx
	pushq	%rdx
	incq	idle_interrupts(%rip)
	.ifnc \mark,0
	movq	$\value, \mark(%rip)
	.endif
	movl	$0x80b, %ecx
	xorl	%eax, %eax
	xorl	%edx, %edx
	wrmsr
	popq	%rdx
	popq	%rcx
	popq	%rax
	iretq
	.endm

	interrupt_entry idle_device_entry
	interrupt_entry idle_timer_entry, idle_timer_deadline, 0
	interrupt_entry idle_configuration_entry, idle_configuration_change, 1

	.balign 16
	.globl idle_spurious_entry
idle_spurious_entry:
	iretq

	.section .bss.boot_stack, "aw", @nobits
	.balign 16
	.skip	4096
boot_stack_top:

	.section .note.GNU-stack, "", @progbits
