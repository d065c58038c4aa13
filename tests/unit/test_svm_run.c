/* SPDX-License-Identifier: MIT */
/*
 * Delivery of interrupts with AMD-V: as injected events; as virtual interrupts where the CPU
 * repeats events, one request at a time, which stands until the guest took it; a window when the
 * guest takes none now. And an entry that the CPU refuses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86_64/svm/run.c"

#define VECTOR 0x41U

struct svm_features svm_features;

static struct vmcb vmcb;
static struct svm_vcpu svm = {.vmcb = &vmcb};
static struct svm_cpu svm_cpu;
static struct cpu cpu = {.backend = &svm_cpu};
static struct vcpu vcpu = {.backend = &svm, .cpu = &cpu};
static enum virt_exit_reason exit_reason;
static int waiting; /* vector, or -1 */
static bool is_at_hlt;

int vcpu_take_interrupt(struct vcpu *taking, bool can_take, bool *is_more)
{
	int vector = can_take ? waiting : -1;

	(void)taking;
	if (vector >= 0) {
		waiting = -1;
	}
	*is_more = waiting >= 0;
	return vector;
}

bool svm_exit_is_at_hlt(struct vcpu *looking)
{
	(void)looking;
	return is_at_hlt;
}

void svm_entry(struct vcpu *entering, uint64_t guest, uint64_t host)
{
	(void)entering;
	(void)guest;
	(void)host;
}

void svm_exit_decode(struct vcpu *exiting, struct virt_exit *exit)
{
	(void)exiting;
	exit->reason = exit_reason;
}

void svm_prepare_asid(struct vcpu *entering)
{
	(void)entering;
}

void apic_timer_set(uint64_t deadline)
{
	(void)deadline;
}

struct mitigation_actions mitigation_actions;

void mitigation_do_entry(void)
{
}

static int set_up(void **state)
{
	(void)state;
	memset(&vmcb, 0, sizeof(vmcb));
	vmcb.virtual_interrupt = VIRTUAL_INTR_MASKING;
	vmcb.rflags = VIRT_RFLAGS_IF;
	waiting = -1;
	is_at_hlt = false;
	svm_features.repeats_events = true;
	return 0;
}

static void assert_requested(uint64_t vector)
{
	assert_int_equal(vmcb.virtual_interrupt,
			 VIRTUAL_INTR_MASKING | VIRTUAL_IRQ_REQUEST | vector << 32);
	assert_int_equal(vmcb.intercept_3 & INTERCEPT_VINTR, 0);
	assert_int_equal(vmcb.event, 0);
}

static void assert_window(bool is_open)
{
	uint64_t request = is_open ? VIRTUAL_IRQ_REQUEST : 0;

	assert_int_equal(vmcb.virtual_interrupt, VIRTUAL_INTR_MASKING | request);
	assert_int_equal(vmcb.intercept_3 & INTERCEPT_VINTR, is_open ? INTERCEPT_VINTR : 0);
}

static void is_event(void **state)
{
	(void)state;
	svm_features.repeats_events = false;
	waiting = VECTOR;
	svm_deliver_interrupts(&vcpu);
	assert_int_equal(vmcb.event, EVENT_VALID | EVENT_EXTERNAL | VECTOR);
	assert_window(false);
	waiting = VECTOR + 0x10;
	svm_deliver_interrupts(&vcpu); /* the event is not delivered yet */
	assert_window(true);
	assert_int_equal(vmcb.event, EVENT_VALID | EVENT_EXTERNAL | VECTOR);
}

static void is_no_event(void **state)
{
	(void)state;
	waiting = VECTOR;
	svm_deliver_interrupts(&vcpu);
	assert_requested(VECTOR);
	assert_int_equal(waiting, -1);
}

/* The exit came before the guest took the first one. */
static void request_stands(void **state)
{
	(void)state;
	waiting = VECTOR;
	svm_deliver_interrupts(&vcpu);
	waiting = VECTOR + 0x10;
	svm_deliver_interrupts(&vcpu);
	assert_requested(VECTOR);
	assert_int_equal(waiting, VECTOR + 0x10);
	vmcb.virtual_interrupt &= ~VIRTUAL_IRQ; /* the CPU does that */
	svm_deliver_interrupts(&vcpu);
	assert_requested(VECTOR + 0x10);
}

static void window_when_off(void **state)
{
	(void)state;
	vmcb.rflags = 0;
	waiting = VECTOR;
	svm_deliver_interrupts(&vcpu);
	assert_window(true);
	assert_int_equal(waiting, VECTOR);
	vmcb.rflags = VIRT_RFLAGS_IF;
	svm_deliver_interrupts(&vcpu);
	assert_requested(VECTOR);
	vmcb.virtual_interrupt &= ~VIRTUAL_IRQ;
	svm_deliver_interrupts(&vcpu);
	assert_window(false);
}

static void window_behind_event(void **state)
{
	(void)state;
	vmcb.event = EVENT_VALID | EVENT_EXCEPTION;
	waiting = VECTOR;
	svm_deliver_interrupts(&vcpu);
	assert_window(true);
	assert_int_equal(waiting, VECTOR);
}

static void no_window_before_hlt(void **state)
{
	(void)state;
	vmcb.interrupt_state = INTERRUPT_SHADOW;
	waiting = VECTOR;
	is_at_hlt = true;
	svm_deliver_interrupts(&vcpu);
	assert_window(false);
	is_at_hlt = false;
	svm_deliver_interrupts(&vcpu);
	assert_window(true);
}

/* A flush of the whole TLB that svm_prepare_asid has asked for is asked for again: without it, an
 * ASID that goes to another vCPU might still have translations. */
static void refused_entry_flushes_again(void **state)
{
	struct virt_exit exit;

	(void)state;
	svm_cpu.flush_all = false;
	exit_reason = VIRT_EXIT_CPUID;
	svm_vcpu_enter(&vcpu, 0, &exit);
	assert_false(svm_cpu.flush_all);
	exit_reason = VIRT_EXIT_ENTRY_FAILED;
	svm_vcpu_enter(&vcpu, 0, &exit);
	assert_true(svm_cpu.flush_all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(is_event, set_up),
		cmocka_unit_test_setup(is_no_event, set_up),
		cmocka_unit_test_setup(request_stands, set_up),
		cmocka_unit_test_setup(window_when_off, set_up),
		cmocka_unit_test_setup(window_behind_event, set_up),
		cmocka_unit_test_setup(no_window_before_hlt, set_up),
		cmocka_unit_test_setup(refused_entry_flushes_again, set_up),
	};

	return cmocka_run_group_tests_name("svm_run", tests, NULL, NULL);
}
