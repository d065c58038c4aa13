/* SPDX-License-Identifier: MIT */
/*
 * Exceptions of ring 0 itself: each one but an NMI is a fault of ring 0 or of the machine, so the
 * handler prints what it knows and stops the machine. Interrupts with handlers of their own
 * (apic.c) do not come through here.
 */
#ifndef ARCH_X86_64_EXCEPTIONS_H
#define ARCH_X86_64_EXCEPTIONS_H

#define EXCEPTION_NMI		2U
#define EXCEPTION_DOUBLE_FAULT	8U
#define EXCEPTION_PAGE_FAULT	14U
#define EXCEPTION_MACHINE_CHECK 18U
#define EXCEPTION_VECTORS	32

#define EXCEPTIONS_STUB_SIZE 16

#ifndef __ASSEMBLER__

#include <stdint.h>

/* As exceptions_entry.S and the CPU push it (SDM 3A 6.14.2), lowest address first. */
struct exception_frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
	uint64_t rbp, rdi, rsi, rdx, rcx, rbx, rax;
	uint64_t vector;
	uint64_t error;
	uint64_t rip, cs, rflags, rsp, ss;
};

/* 256 entry points of EXCEPTIONS_STUB_SIZE bytes each. */
extern const char exceptions_stubs[];

/* Called by the stubs. Returns from an NMI and from a stray interrupt only. */
void exceptions_dispatch(const struct exception_frame *frame);

/* Prints the return addresses found on the stack from `rsp` on, a bounded number. */
void exceptions_print_stack(uint64_t rsp);

#endif
#endif
