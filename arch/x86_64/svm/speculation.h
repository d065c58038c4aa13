/* SPDX-License-Identifier: MIT */
/*
 * What AMD's CPUs need against side channels besides arch/x86_64/mitigation.h. Nothing here takes a
 * lock: decided on the bootstrap CPU before the others start.
 */
#ifndef ARCH_X86_64_SVM_SPECULATION_H
#define ARCH_X86_64_SVM_SPECULATION_H

#include <stdbool.h>
#include <stdint.h>

#include "arch/x86_64/cpuid.h"

/* Ring 0's returns, which a guest could have led astray (BTC, SRSO). */
enum svm_returns {
	SVM_RETURNS_SAFE,
	SVM_RETURNS_REDUCED, /* the CPU keeps a guest's predictions from ring 0 (BP_CFG) */
	SVM_RETURNS_BARRIER, /* IBPB after each exit, before the first return */
	SVM_RETURNS_OPEN,    /* the CPU needs IBPB, but its microcode does not have it */
};

struct svm_speculation {
	enum svm_returns returns;
	bool has_verw; /* before each entry (TSA) */
	bool is_automatic_ibrs;
};

/* For entry.S. */
extern bool svm_has_barrier_at_exit;
extern bool svm_has_verw_at_entry;
extern const uint16_t svm_verw_selector;

/* From EBX of CPUID Fn8000_0008 and the whole of Fn8000_0021. */
void svm_speculation_choose(uint32_t ebx_8, const struct cpuid_regs *leaf_21,
			    struct svm_speculation *out);

/* Bootstrap CPU. */
void svm_speculation_init(void);
/* Each CPU, once: automatic IBRS, which mitigation.c relies on; BP_CFG. */
void svm_speculation_init_cpu(void);
/* "IBPB at exits", …, for the boot log. */
const char *svm_speculation_describe(void);

#endif
