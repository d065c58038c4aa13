/* SPDX-License-Identifier: MIT */
/*
 * The scheduler of one CPU. vCPUs are pinned, so each CPU schedules its own with no lock.
 *
 * Every vCPU has a budget of TSC ticks per round, in proportion to its partition's weight. A vCPU
 * that something woke runs at once while it has budget left, so that a message hands the CPU to its
 * receiver; otherwise the vCPUs take turns. When no runnable vCPU has budget left, a new round
 * gives everyone a full budget, less what was overdrawn. So a vCPU that is woken without end costs
 * others nothing beyond its share (invariant I7). A vCPU that has its CPU for itself gets longer
 * rounds: the end of a slice would be an exit for nothing.
 */
#ifndef HV_SCHED_H
#define HV_SCHED_H

#include "hv/vcpu.h"

#define SCHED_VCPUS_MAX	   32U /* on one CPU */
#define SCHED_SLICES_ALONE 16U /* a round of the only vCPU of a CPU, for which nobody waits */

struct sched_cpu {
	uint32_t count;
	uint32_t next; /* whose turn it is */
	struct vcpu *vcpu[SCHED_VCPUS_MAX];
	struct vcpu *loaded;	      /* whose state is in the CPU, or NULL */
	const struct partition *last; /* whose code ran last on this CPU */
	uint64_t slice;		      /* TSC ticks of budget per round at weight 1 */
	uint64_t order_ticks;	      /* of this choice, charged to whom they were for */
	bool has_spent;		      /* some vCPU has no budget left */
};

/* BSP, boot; takes memory. */
void sched_init(struct cpu *cpu, uint64_t slice_ticks);

/* BSP, boot. -ENOSPC: SCHED_VCPUS_MAX vCPUs are on that CPU already. */
int sched_add(struct cpu *cpu, struct vcpu *vcpu);

/* Takes `ticks` of the vCPU's budget. Owner CPU. */
void sched_charge(struct vcpu *vcpu, uint64_t ticks);

/* The same for work that somebody else's ring made for a vCPU while its CPU chose: `ticks`, which
 * the vCPU that is chosen does not pay for, and a fee. */
void sched_charge_order(struct vcpu *vcpu, uint64_t fee, uint64_t ticks);

/* This CPU's loop; never returns. */
__attribute__((noreturn)) void sched_run(void);

/* The vCPU is about to be reset or parked: what the CPU holds of it is dropped; what it holds of
 * another vCPU is saved. Afterwards none is loaded. Owner CPU. */
void sched_release(struct vcpu *vcpu);

#endif
