/* SPDX-License-Identifier: MIT */
/*
 * The life of a vCPU on its CPU: when it can run, the loop of entries and exits, interrupts for it,
 * and the report when it is stopped.
 */
#include "hv/vcpu.h"

#include "arch/x86_64/apic.h"
#include "arch/x86_64/fpu.h"
#include "arch/x86_64/io.h"
#include "hv/exit.h"
#include "hv/format.h"
#include "hv/guest_walk.h"
#include "hv/log.h"
#include "hv/partition.h"
#include "hv/sched.h"
#include "hv/vsock/switch.h"

#include <stdarg.h>
#include <string.h>

/* What a ring takes of a vCPU's budget, in TSC ticks: about what it costs its CPU. */
#define VCPU_RING_COST 1000U

void vcpu_notify(struct vcpu *vcpu)
{
	struct cpu *cpu = vcpu->cpu;

	/* Sequentially consistent with sched_refill: it sees the ring, or we see the budget. */
	atomic_store(&vcpu->wake, true);
	if (atomic_load(&vcpu->is_spent)) {
		return;
	}
	if (cpu != this_cpu()) {
		apic_kick(cpu);
	} else if (cpu->sched->loaded != vcpu || vcpu->state != VCPU_RUNNABLE) {
		atomic_store_explicit(&cpu->kicked, true, memory_order_release);
	}
}

void vcpu_post_interrupt(struct vcpu *vcpu, uint8_t vector)
{
	if (vlapic_post(&vcpu->lapic, vector)) {
		vcpu_notify(vcpu);
	}
}

int vcpu_take_interrupt(struct vcpu *vcpu, bool can_take, bool *is_more)
{
	int vector;

	vlapic_sync(&vcpu->lapic);
	vector = vlapic_next(&vcpu->lapic);
	if (vector < 0 || !can_take) {
		*is_more = vector >= 0;
		return -1;
	}
	vlapic_accept(&vcpu->lapic, (uint8_t)vector);
	vcpu->counters.interrupts++;
	*is_more = vlapic_next(&vcpu->lapic) >= 0;
	return vector;
}

void vcpu_reset(struct vcpu *vcpu, const struct virt_start *start)
{
	sched_release(vcpu);
	memset(vcpu->regs, 0, sizeof(vcpu->regs));
	vlapic_reset(&vcpu->lapic);
	fpu_reset(vcpu->xsave);
	vcpu->xcr0 = 1;
	virt->vcpu_reset(vcpu, start);
}

/* INIT and start-up IPIs from the partition's other vCPUs (SDM 3A 9.4.4). */
static void vcpu_take_sipi(struct vcpu *vcpu)
{
	uint32_t sipi = atomic_exchange_explicit(&vcpu->sipi, 0, memory_order_acquire);

	if ((sipi & VCPU_SIPI_INIT) != 0 && vcpu->state != VCPU_LOADING) {
		vcpu->state = VCPU_WAIT_SIPI;
	}
	if ((sipi & VCPU_SIPI_VECTOR) != 0 && vcpu->state == VCPU_WAIT_SIPI) {
		const struct virt_start start = {.is_real_mode = true,
						 .sipi_vector = (uint8_t)sipi};

		vcpu_reset(vcpu, &start);
		vcpu->state = VCPU_RUNNABLE;
	}
}

static bool vcpu_has_switch_work(const struct vcpu *vcpu)
{
	const struct vsock_port *port = vcpu->partition->port;

	return port != NULL && vsock_switch_has_work(port);
}

uint64_t vcpu_wake_time(const struct vcpu *vcpu)
{
	return vcpu->state == VCPU_HALTED ? vlapic_wake_time(&vcpu->lapic) : UINT64_MAX;
}

/* Start, stop and INIT: what others want of it. All of them ring `wake`. */
static void vcpu_take_orders(struct vcpu *vcpu)
{
	/* Pairs with the release in partition_begin. */
	if (atomic_exchange_explicit(&vcpu->start, false, memory_order_acquire)) {
		vcpu->state = vcpu->index == 0 ? VCPU_LOADING : VCPU_WAIT_SIPI;
	}
	if (atomic_load_explicit(&vcpu->partition->state, memory_order_acquire) ==
	    MUX_STATE_STOPPING) {
		partition_park(vcpu);
	} else if (vcpu->state != VCPU_OFF &&
		   atomic_load_explicit(&vcpu->sipi, memory_order_relaxed) != 0) {
		/* Not for one that is off: a SIPI that came late must not run it again. */
		vcpu_take_sipi(vcpu);
	}
}

static bool vcpu_should_wake(struct vcpu *vcpu, bool is_rung, uint64_t now)
{
	bool is_due = vcpu_wake_time(vcpu) <= now;

	if (vcpu_has_switch_work(vcpu)) {
		return true;
	}
	if (!is_rung && !is_due) {
		return false;
	}
	if (is_due) {
		vlapic_timer_expire(&vcpu->lapic, now);
	}
	vlapic_sync(&vcpu->lapic);
	return vlapic_next(&vcpu->lapic) >= 0;
}

bool vcpu_is_runnable(struct vcpu *vcpu, uint64_t now)
{
	/* Without budget it is looked at in the next round: its CPU may choose often, and whoever
	 * rings it may do so without end. */
	bool is_rung = vcpu->budget > 0 && atomic_load_explicit(&vcpu->wake, memory_order_relaxed);

	if (is_rung) {
		uint64_t start = rdtsc();

		/* Pairs with the release in vcpu_notify. */
		atomic_exchange_explicit(&vcpu->wake, false, memory_order_acquire);
		vcpu_take_orders(vcpu);
		sched_charge_order(vcpu, VCPU_RING_COST, rdtsc() - start);
	}
	if (vcpu->state == VCPU_HALTED && vcpu_should_wake(vcpu, is_rung, now)) {
		vcpu->state = VCPU_RUNNABLE;
	}
	return vcpu->state == VCPU_RUNNABLE || vcpu->state == VCPU_LOADING;
}

/* Turns of the switch for what this vCPU's partition kicked, within its own time. */
static void vcpu_switch_turns(struct vcpu *vcpu, uint64_t slice_end)
{
	struct vsock_port *port = vcpu->partition->port;
	uint64_t start;

	if (port == NULL || !vsock_switch_has_work(port)) {
		return;
	}
	start = rdtsc();
	while (vsock_switch_turn(port) && rdtsc() < slice_end &&
	       !atomic_load_explicit(&vcpu->cpu->kicked, memory_order_relaxed)) {
	}
	vcpu->counters.switch_ticks += rdtsc() - start;
}

static uint64_t vcpu_prepare_timer(struct vcpu *vcpu, uint64_t now, uint64_t limit)
{
	uint64_t deadline = vlapic_deadline(&vcpu->lapic);

	if (deadline == 0) {
		return limit;
	}
	if (deadline <= now) {
		vlapic_timer_expire(&vcpu->lapic, now);
		deadline = vlapic_deadline(&vcpu->lapic);
		deadline = deadline == 0 ? limit : deadline;
	}
	return min_u64(deadline, limit);
}

static enum vcpu_next vcpu_enter(struct vcpu *vcpu, uint64_t limit)
{
	struct virt_exit exit;
	uint64_t deadline = vcpu_prepare_timer(vcpu, vcpu->exit_tsc, limit);
	uint64_t entry;

	virt->deliver_interrupts(vcpu);
	entry = rdtsc();
	vcpu->counters.ring0_ticks += entry - vcpu->exit_tsc;
	virt->vcpu_enter(vcpu, deadline, &exit);
	vcpu->exit_tsc = rdtsc();
	vcpu->counters.guest_ticks += vcpu->exit_tsc - entry;
	vcpu->counters.exits++;
	return exit_handle(vcpu, &exit);
}

static bool vcpu_goes_on(struct vcpu *vcpu, enum vcpu_next next)
{
	switch (next) {
	case VCPU_RESUME: return true;
	case VCPU_RETRY: return false;
	case VCPU_ADVANCE: virt->vcpu_advance(vcpu, 0); return true;
	case VCPU_YIELD: virt->vcpu_advance(vcpu, 0); return false;
	case VCPU_INJECT_GP: break;
	case VCPU_INJECT_UD: break;
	case VCPU_STOP: return false;
	}
	if (!virt->inject_exception(vcpu, next == VCPU_INJECT_GP ? 13 : 6, next == VCPU_INJECT_GP,
				    0)) {
		vcpu_fault(vcpu, NULL, "an exception while another event was being delivered");
		return false;
	}
	return true;
}

void vcpu_run(struct vcpu *vcpu, uint64_t slice_end, uint64_t wake_limit)
{
	const struct cpu *cpu = vcpu->cpu;
	uint64_t limit = min_u64(slice_end, wake_limit);
	bool goes_on = true;

	vcpu_switch_turns(vcpu, slice_end);
	while (goes_on && vcpu->exit_tsc < limit &&
	       !atomic_load_explicit(&cpu->kicked, memory_order_relaxed)) {
		goes_on = vcpu_goes_on(vcpu, vcpu_enter(vcpu, limit));
		vcpu_switch_turns(vcpu, slice_end);
	}
	vcpu->counters.ring0_ticks += rdtsc() - vcpu->exit_tsc;
}

uint32_t vcpu_fetch(struct vcpu *vcpu, uint8_t bytes[GUEST_WALK_FETCH_MAX])
{
	const struct guest_walk_state state = {
		.cr0 = virt->register_read(vcpu, VIRT_CR0),
		.cr3 = virt->register_read(vcpu, VIRT_CR3),
		.cr4 = virt->register_read(vcpu, VIRT_CR4),
		.efer = virt->register_read(vcpu, VIRT_EFER),
	};
	uint64_t address = virt->register_read(vcpu, VIRT_RIP);
	int count;

	if (virt->register_read(vcpu, VIRT_IS_64BIT) == 0) { /* CS has a base */
		address = (uint32_t)(address + virt->register_read(vcpu, VIRT_CS_BASE));
	}
	count = guest_walk_fetch(&vcpu->partition->mem, &state, address, bytes);
	return count < 0 ? 0 : (uint32_t)count;
}

static void vcpu_format_bytes(struct vcpu *vcpu, char *text, size_t size)
{
	uint8_t bytes[GUEST_WALK_FETCH_MAX];
	uint32_t count = vcpu_fetch(vcpu, bytes);
	size_t used = 0;

	text[0] = '\0';
	for (uint32_t i = 0; i < count; i++) {
		used += format_text(text + used, size - used, " %02x", bytes[i]);
	}
	if (count == 0) {
		format_text(text, size, " not readable");
	}
}

static void vcpu_log_fault(struct vcpu *vcpu, const struct virt_exit *exit, const char *reason)
{
	char bytes[3 * GUEST_WALK_FETCH_MAX + 16];

	vcpu_format_bytes(vcpu, bytes, sizeof(bytes));
	log_error("partition %s stopped: %s", vcpu->partition->name, reason);
	if (exit != NULL) {
		/* Numbers as in SDM 3D appendix C and in APM 2 appendix C. */
		log_error("  vCPU %u, exit %u (0x%x), detail 0x%lx", vcpu->index, exit->raw,
			  exit->raw, exit->detail);
	}
	log_error("  RIP 0x%lx, RSP 0x%lx, CR3 0x%lx, bytes:%s",
		  virt->register_read(vcpu, VIRT_RIP), virt->register_read(vcpu, VIRT_RSP),
		  virt->register_read(vcpu, VIRT_CR3), bytes);
}

void vcpu_fault(struct vcpu *vcpu, const struct virt_exit *exit, const char *format, ...)
{
	char reason[128];
	va_list list;

	if (partition_is_logged(vcpu->partition)) {
		va_start(list, format);
		format_args(reason, sizeof(reason), format, list);
		va_end(list);
		vcpu_log_fault(vcpu, exit, reason);
	}
	partition_fault(vcpu->partition);
}
