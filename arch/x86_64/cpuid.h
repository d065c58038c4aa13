/* SPDX-License-Identifier: MIT */
/* The CPUID instruction. Any CPU. */
#ifndef ARCH_X86_64_CPUID_H
#define ARCH_X86_64_CPUID_H

#include <stdint.h>

struct cpuid_regs {
	uint32_t eax;
	uint32_t ebx;
	uint32_t ecx;
	uint32_t edx;
};

static inline struct cpuid_regs cpuid(uint32_t leaf, uint32_t subleaf)
{
	struct cpuid_regs r;

	__asm__ volatile("cpuid"
			 : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
			 : "a"(leaf), "c"(subleaf));
	return r;
}

/* The same, all zero for a leaf above the highest that the CPU has in its range. */
static inline struct cpuid_regs cpuid_if_offered(uint32_t leaf, uint32_t subleaf)
{
	uint32_t highest = cpuid(leaf & 0xf0000000U, 0).eax;

	/* Without extended leaves, CPUs answer with the data of the highest basic leaf. */
	if (highest < leaf || highest > (leaf | 0xffffU)) {
		return (struct cpuid_regs){0};
	}
	return cpuid(leaf, subleaf);
}

#endif
