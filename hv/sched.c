/* SPDX-License-Identifier: MIT */
/* Scheduler of one CPU: choice of the next vCPU, budgets, idling. */
#include "hv/sched.h"

#include "arch/x86_64/apic.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/fpu.h"
#include "arch/x86_64/io.h"
#include "arch/x86_64/mitigation.h"
#include "hv/mem.h"
#include "hv/partition.h"

#include <errno.h>

void sched_init(struct cpu *cpu, uint64_t slice_ticks)
{
	cpu->sched = mem_alloc(sizeof(*cpu->sched));
	cpu->sched->slice = slice_ticks;
}

int sched_add(struct cpu *cpu, struct vcpu *vcpu)
{
	struct sched_cpu *sched = cpu->sched;

	if (sched->count == SCHED_VCPUS_MAX) {
		return -ENOSPC;
	}
	vcpu->cpu = cpu;
	sched->vcpu[sched->count++] = vcpu;
	sched_charge(vcpu, 0); /* no budget before the first round */
	return 0;
}

void sched_charge(struct vcpu *vcpu, uint64_t ticks)
{
	vcpu->budget -= (int64_t)ticks;
	if (vcpu->budget <= 0) {
		vcpu->cpu->sched->has_spent = true;
		atomic_store_explicit(&vcpu->is_spent, true, memory_order_relaxed);
	}
}

void sched_charge_order(struct vcpu *vcpu, uint64_t fee, uint64_t ticks)
{
	sched_charge(vcpu, fee + ticks);
	vcpu->cpu->sched->order_ticks += ticks;
}

/* A new round. What a vCPU took beyond its budget, it pays back. */
static void sched_refill(struct sched_cpu *sched)
{
	uint64_t slices = sched->count == 1 ? SCHED_SLICES_ALONE : 1;

	sched->has_spent = false;
	for (uint32_t i = 0; i < sched->count; i++) {
		struct vcpu *vcpu = sched->vcpu[i];
		int64_t full = (int64_t)(sched->slice * slices * vcpu->partition->record->weight);

		vcpu->budget = vcpu->budget < 0 ? vcpu->budget + full : full;
		/* Sequentially consistent: before the look at `wake` that follows. */
		atomic_store(&vcpu->is_spent, false);
		sched_charge(vcpu, 0);
	}
}

/*
 * One pass over the vCPUs: the first that was asleep and is awake now and has budget wins, else the
 * next in turn that can run and has budget. *any_runnable: some vCPU could run, budget or not.
 */
static struct vcpu *sched_scan(struct sched_cpu *sched, uint64_t now, bool *any_runnable)
{
	struct vcpu *in_turn = NULL;
	uint32_t turn = sched->next;

	for (uint32_t i = 0; i < sched->count; i++) {
		struct vcpu *vcpu = sched->vcpu[turn];
		bool was_asleep = vcpu->state == VCPU_HALTED;

		if (vcpu_is_runnable(vcpu, now)) {
			*any_runnable = true;
			if (vcpu->budget > 0 && was_asleep) {
				return vcpu;
			}
			if (vcpu->budget > 0 && in_turn == NULL) {
				in_turn = vcpu;
				sched->next = turn;
			}
		}
		turn = turn + 1 == sched->count ? 0 : turn + 1;
	}
	return in_turn;
}

/* NULL: nobody can run. Then all have budget, as only such vCPUs ring an idle CPU. Each round pays
 * a slice of what was overdrawn, which the work that ring 0 does at one time bounds. */
static struct vcpu *sched_pick(struct sched_cpu *sched, uint64_t now)
{
	for (;;) {
		bool any_runnable = false;
		struct vcpu *vcpu = sched_scan(sched, now, &any_runnable);

		if (vcpu != NULL || !(any_runnable || sched->has_spent)) {
			return vcpu;
		}
		sched_refill(sched);
	}
}

/* When the first sleeping vCPU but `running` wants to be woken by its timer. */
static uint64_t sched_next_wake(const struct sched_cpu *sched, const struct vcpu *running)
{
	uint64_t first = UINT64_MAX;

	for (uint32_t i = 0; i < sched->count; i++) {
		if (sched->vcpu[i] != running) {
			first = min_u64(first, vcpu_wake_time(sched->vcpu[i]));
		}
	}
	return first;
}

static void sched_unload(struct sched_cpu *sched)
{
	struct vcpu *old = sched->loaded;

	if (old != NULL) {
		virt->vcpu_unload(old);
		old->xcr0 = read_xcr0(); /* QEMU 7.2's AMD-V does not intercept XSETBV */
		fpu_save(old->xsave);
	}
	sched->loaded = NULL;
}

void sched_release(struct vcpu *vcpu)
{
	struct sched_cpu *sched = vcpu->cpu->sched;

	if (sched->loaded == vcpu) {
		sched->loaded = NULL;
	} else {
		sched_unload(sched);
	}
}

static void sched_load(struct sched_cpu *sched, struct vcpu *vcpu)
{
	if (sched->loaded == vcpu) {
		return;
	}
	sched_unload(sched);
	if (sched->last != vcpu->partition) {
		mitigation_on_partition_switch();
	}
	sched->last = vcpu->partition;
	sched->loaded = vcpu;
	virt->vcpu_load(vcpu);
	fpu_load(vcpu->xsave, vcpu->xcr0);
}

static void sched_idle(struct sched_cpu *sched)
{
	uint64_t wake = sched_next_wake(sched, NULL);

	apic_timer_set(wake == UINT64_MAX ? 0 : wake);
	cpu_idle();
	apic_timer_set(0);
}

static void sched_run_one(struct sched_cpu *sched, struct vcpu *vcpu, uint64_t start)
{
	uint64_t slice_end = start + (uint64_t)vcpu->budget;

	if (vcpu->state == VCPU_LOADING) {
		if (partition_load_step(vcpu->partition)) {
			vcpu->state = VCPU_RUNNABLE;
		}
	} else {
		sched_load(sched, vcpu);
		vcpu->exit_tsc = start;
		vcpu_run(vcpu, slice_end, sched_next_wake(sched, vcpu));
	}
	sched_charge(vcpu, rdtsc() - start);
	if (vcpu->has_yielded) {
		vcpu->has_yielded = false;
		sched_charge(vcpu, vcpu->budget > 0 ? (uint64_t)vcpu->budget : 0);
	}
	if (vcpu->budget <= 0 || vcpu->state != VCPU_RUNNABLE) {
		sched->next = sched->vcpu[sched->next] == vcpu ? sched->next + 1 : sched->next;
		sched->next = sched->next == sched->count ? 0 : sched->next;
	}
}

void sched_run(void)
{
	struct cpu *cpu = this_cpu();
	struct sched_cpu *sched = cpu->sched;

	for (;;) {
		uint64_t start = rdtsc();
		struct vcpu *vcpu;

		/* Pairs with the release in vcpu_notify: what was posted before it is seen below.
		 */
		atomic_exchange_explicit(&cpu->kicked, false, memory_order_acquire);
		sched->order_ticks = 0;
		vcpu = sched_pick(sched, start);
		if (vcpu == NULL) {
			sched_idle(sched);
		} else {
			sched_run_one(sched, vcpu, start + sched->order_ticks);
		}
	}
}
