/* SPDX-License-Identifier: MIT */
/*
 * The instruction behind an intercept, from its bytes: for CPUs that tell neither its length (NRIP
 * save) nor its register (decode assists). The bytes are the guest's and may have changed since the
 * CPU executed them, so only the instruction that the intercept is about counts. Pure C, no state.
 */
#ifndef ARCH_X86_64_SVM_INSTRUCTION_H
#define ARCH_X86_64_SVM_INSTRUCTION_H

#include <stdbool.h>
#include <stdint.h>

enum instruction_kind {
	INSTRUCTION_CPUID,
	INSTRUCTION_HLT,
	INSTRUCTION_RDMSR,
	INSTRUCTION_WRMSR,
	INSTRUCTION_VMMCALL,
	INSTRUCTION_INVD,
	INSTRUCTION_WBINVD, /* and WBNOINVD */
	INSTRUCTION_XSETBV,
	INSTRUCTION_READ_CR,  /* MOV from CRn */
	INSTRUCTION_WRITE_CR, /* MOV to CRn, LMSW from a register */
};

struct instruction {
	uint8_t length;
	uint8_t cr;  /* READ_CR and WRITE_CR: number of the control register */
	uint8_t reg; /* and of the general register */
	bool is_lmsw;
};

/* 0, or -EINVAL: the bytes are not a whole instruction of that kind. */
int instruction_decode(const uint8_t *bytes, uint32_t count, bool is_64bit,
		       enum instruction_kind kind, struct instruction *out);

#endif
