/* SPDX-License-Identifier: MIT */
/*
 * Side channels of the CPU: what its CPUID and ARCH_CAPABILITIES bits ask for is on (SDM 4 table
 * 2-2, MSRs 48H, 49H, 10AH, 10BH; Intel and AMD guidance on speculative execution). Decided once on
 * the bootstrap CPU, constant afterwards; each hook costs one predictable branch where nothing is
 * to be done.
 *
 * This is about ring 0 and partitions among each other. Nothing of it helps a guest against its own
 * programs.
 */
#ifndef ARCH_X86_64_MITIGATION_H
#define ARCH_X86_64_MITIGATION_H

#include <stdbool.h>
#include <stddef.h>

struct mitigation_actions {
	bool on_entry;
	bool on_exit;
	bool on_switch;
};

extern struct mitigation_actions mitigation_actions; /* written by mitigation_init only */

/* Bootstrap CPU, after cpu_features_init; includes mitigation_init_cpu. */
void mitigation_init(void);

/* What each CPU sets once (IBRS, STIBP). */
void mitigation_init_cpu(void);

void mitigation_do_entry(void);
void mitigation_do_switch(void);

/* Before each VM entry: data that ring 0 left in the L1 cache (L1TF) or in buffers (MDS, RFDS). */
static inline void mitigation_on_entry(void)
{
	if (mitigation_actions.on_entry) {
		mitigation_do_entry();
	}
}

/* After each VM exit, called by the entry code before it returns: the guest's return-stack buffer
 * entries, and IBRS where it must be written again. */
void mitigation_after_exit(void);

/* When a CPU goes from one partition to another: branch predictions of the last one (IBPB). */
static inline void mitigation_on_partition_switch(void)
{
	if (mitigation_actions.on_switch) {
		mitigation_do_switch();
	}
}

/* "ibrs: on, ibpb: not offered, …" for the boot log; returns the length. */
size_t mitigation_describe(char *out, size_t size);

#endif
