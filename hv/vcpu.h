/* SPDX-License-Identifier: MIT */
/*
 * A virtual CPU. Pinned to one physical CPU for its whole life; all fields belong to that CPU,
 * except those marked "any" (atomic) and those marked "const" (written before the partitions
 * start).
 */
#ifndef HV_VCPU_H
#define HV_VCPU_H

#include <stdatomic.h>

#include "hv/types.h"
#include "hv/virt.h"
#include "hv/vlapic.h"
#include "muxvisor/hypercall.h"

struct partition;

/* Guest general-purpose registers, in the order in which instructions number them. The entry code
 * of the backends saves and loads them (RSP is in the VMCS or VMCB; its place here is unused). */
enum { REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI, REG_COUNT = 16 };

enum vcpu_state {
	VCPU_OFF,	/* not part of the running partition, or parked */
	VCPU_LOADING,	/* vCPU 0 only: the partition's memory is being filled */
	VCPU_WAIT_SIPI, /* waits for its start-up interrupt */
	VCPU_RUNNABLE,
	VCPU_HALTED, /* until an interrupt or its timer */
};

struct vcpu_counters {
	uint64_t exits;
	uint64_t ring0_ticks;
	uint64_t guest_ticks;
	uint64_t switch_ticks;
	uint64_t interrupts;
	uint64_t exits_by_kind[15]; /* enum mux_exit_kind */
};

struct vcpu {
	uint64_t regs[REG_COUNT];    /* must be first: the backends' entry code */
	struct partition *partition; /* const */
	struct cpu *cpu;	     /* const */
	uint32_t index;		     /* const: within the partition */
	enum vcpu_state state;
	struct vlapic lapic;
	void *backend; /* const: the backend's own part */
	void *xsave;   /* const: FPU and vector state while not loaded, 4 KiB */
	uint64_t xcr0;
	_Atomic bool wake;     /* any: something for it to look at while halted */
	_Atomic bool is_spent; /* any, written by its CPU: no budget left in this round */
	bool has_yielded;      /* gave the rest of its budget away */
	_Atomic bool start;    /* any: its partition starts */
	_Atomic uint32_t sipi; /* any: 0 none, else VCPU_SIPI_* */
	int64_t budget;	       /* TSC ticks left in this round */
	uint64_t exit_tsc;     /* when it last left the guest */
	struct vcpu_counters counters;
};

#define VCPU_SIPI_INIT	 0x100U
#define VCPU_SIPI_VECTOR 0x200U /* | vector */

/* What the exit handler wants next. */
enum vcpu_next {
	VCPU_RESUME,	/* enter again at the same RIP */
	VCPU_ADVANCE,	/* past the instruction, then enter */
	VCPU_YIELD,	/* past the instruction, then let the scheduler choose */
	VCPU_RETRY,	/* same RIP, but let the scheduler choose first */
	VCPU_INJECT_GP, /* #GP(0) */
	VCPU_INJECT_UD, /* #UD */
	VCPU_STOP,	/* the partition stops (already told to) */
};

/* Runs the loaded vCPU until the scheduler has to choose again: at the end of its slice, when
 * another vCPU of this CPU was woken or has its timer due (`wake_limit`), or when it waits. TSC
 * values. */
void vcpu_run(struct vcpu *vcpu, uint64_t slice_end, uint64_t wake_limit);

/* Sets registers, APIC and FPU to their start. Owner CPU; afterwards it is not loaded. */
void vcpu_reset(struct vcpu *vcpu, const struct virt_start *start);

/* Up to 15 bytes at its RIP, by its own page tables. Returns their number. Owner CPU, loaded. */
uint32_t vcpu_fetch(struct vcpu *vcpu, uint8_t bytes[15]);

/* Can it run now? Owner CPU. Turns HALTED into RUNNABLE when something woke it. */
bool vcpu_is_runnable(struct vcpu *vcpu, uint64_t now);

/* TSC value at which a halted vCPU's timer fires; UINT64_MAX: never. Owner CPU. */
uint64_t vcpu_wake_time(const struct vcpu *vcpu);

/* An interrupt for the vCPU. Any CPU, any lock but the console lock held. */
void vcpu_post_interrupt(struct vcpu *vcpu, uint8_t vector);

/* For backends without virtual-interrupt delivery: the interrupt to inject now, accepted from the
 * APIC, or -1; *is_more: another one waits until the guest can take it. Owner CPU. */
int vcpu_take_interrupt(struct vcpu *vcpu, bool can_take, bool *is_more);

/* Makes the vCPU's CPU look at it again: at once while the vCPU has budget, else when the round
 * ends, so that ringing it without end costs that CPU no more than its share. Any CPU. */
void vcpu_notify(struct vcpu *vcpu);

/* Stops the vCPU's partition for what it did, with a readable report (reason, exit, RIP, bytes). */
__attribute__((format(printf, 3, 4))) void
vcpu_fault(struct vcpu *vcpu, const struct virt_exit *exit, const char *format, ...);

#endif
