/* SPDX-License-Identifier: MIT */
/*
 * What the host's CPU offers (CPUID; SDM 2A, AMD APM 3 appendix E). Read once on the bootstrap CPU
 * and constant afterwards; the other CPUs are taken to be the same model, as the manual demands of
 * a multi-processor system. What VT-x offers in detail is the backend's business.
 */
#ifndef ARCH_X86_64_CPU_FEATURES_H
#define ARCH_X86_64_CPU_FEATURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cpu_vendor {
	CPU_VENDOR_OTHER,
	CPU_VENDOR_INTEL,
	CPU_VENDOR_AMD, /* and Hygon */
};

struct cpu_features {
	enum cpu_vendor vendor;
	char brand[49];
	uint32_t physical_bits; /* of a physical address */

	bool has_vmx, has_svm;
	bool has_x2apic, has_tsc_deadline, has_invariant_tsc, has_rdtscp;
	bool has_nx, has_pages_1g, has_smep, has_smap, has_umip, has_pcid;
	bool has_fsgsbase, has_invpcid;
	bool has_xsave, has_xsaves;

	/* For mitigation.c. */
	bool has_arch_capabilities, has_ibrs, has_ibpb, has_stibp, has_l1d_flush;
	bool has_md_clear, has_rtm, has_bhi_ctrl;
	bool has_automatic_ibrs; /* AMD */
	uint64_t arch_capabilities;
};

/* Bootstrap CPU, first of all. */
void cpu_features_init(void);

const struct cpu_features *cpu_features_get(void);

/* "x2apic tsc-deadline …" for the boot log; returns the length. */
size_t cpu_features_describe(char *out, size_t size);

#endif
