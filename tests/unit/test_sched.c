/* SPDX-License-Identifier: MIT */
/*
 * The scheduler's choice and its budgets, over a fake clock and fake vCPUs: shares by weight, at
 * once to whom something woke, and never beyond the share (invariant I7).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static unsigned long fake_now;
#define rdtsc real_rdtsc
#include "arch/x86_64/io.h"
#undef rdtsc

static uint64_t rdtsc(void)
{
	return fake_now;
}

/* The file under test, so that its static functions can be called. */
#include "hv/sched.c" /* NOLINT */

#define SLICE 1000U

struct fake {
	struct vcpu vcpu;
	struct partition partition;
	struct mux_partition_record record;
	bool is_awake;	   /* can run */
	uint64_t runs_for; /* ticks until it sleeps; UINT64_MAX: to the end of its slice */
	uint64_t ran;
};

static struct fake fakes[4];
static struct sched_cpu sched;
static struct cpu the_cpu;

static struct fake *fake_of(struct vcpu *vcpu)
{
	for (size_t i = 0; i < ARRAY_COUNT(fakes); i++) {
		if (&fakes[i].vcpu == vcpu) {
			return &fakes[i];
		}
	}
	return NULL;
}

bool vcpu_is_runnable(struct vcpu *vcpu, uint64_t now)
{
	(void)now;
	if (vcpu->state == VCPU_HALTED && fake_of(vcpu)->is_awake) {
		vcpu->state = VCPU_RUNNABLE;
	}
	return vcpu->state == VCPU_RUNNABLE;
}

uint64_t vcpu_wake_time(const struct vcpu *vcpu)
{
	(void)vcpu;
	return UINT64_MAX;
}

void vcpu_run(struct vcpu *vcpu, uint64_t slice_end, uint64_t wake_limit)
{
	struct fake *fake = fake_of(vcpu);
	uint64_t left = slice_end - fake_now;

	(void)wake_limit;
	if (fake->runs_for < left) {
		left = fake->runs_for;
		vcpu->state = VCPU_HALTED;
		fake->is_awake = false;
	}
	fake->ran += left;
	fake_now += left;
}

bool partition_load_step(struct partition *partition)
{
	(void)partition;
	return true;
}

static void fake_load(struct vcpu *vcpu)
{
	(void)vcpu;
}

static const struct virt_backend fake_backend = {.vcpu_load = fake_load, .vcpu_unload = fake_load};
const struct virt_backend *virt = &fake_backend;
struct mitigation_actions mitigation_actions;

void mitigation_do_switch(void)
{
}

void fpu_save(void *area)
{
	(void)area;
}

void fpu_load(const void *area, uint64_t xcr0)
{
	(void)area;
	(void)xcr0;
}

void apic_timer_set(uint64_t deadline)
{
	(void)deadline;
}

void cpu_idle(void)
{
}

void *mem_alloc(size_t size)
{
	return calloc(1, size);
}

static int setup(void **state)
{
	(void)state;
	memset(fakes, 0, sizeof(fakes));
	memset(&sched, 0, sizeof(sched));
	sched.slice = SLICE;
	the_cpu.sched = &sched;
	fake_now = 1;
	for (size_t i = 0; i < ARRAY_COUNT(fakes); i++) {
		fakes[i].record.weight = 1;
		fakes[i].partition.record = &fakes[i].record;
		fakes[i].vcpu.partition = &fakes[i].partition;
		fakes[i].vcpu.state = VCPU_RUNNABLE;
		fakes[i].is_awake = true;
		fakes[i].runs_for = UINT64_MAX;
	}
	return 0;
}

static void step(void)
{
	struct vcpu *vcpu = sched_pick(&sched, fake_now);

	if (vcpu != NULL) {
		sched_run_one(&sched, vcpu, fake_now);
	} else {
		fake_now++;
	}
}

static void add(size_t count)
{
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(sched_add(&the_cpu, &fakes[i].vcpu), 0);
	}
}

static void shares_follow_the_weights(void **state)
{
	(void)state;
	fakes[1].record.weight = 3;
	add(2);
	while (fake_now < 400 * SLICE) {
		step();
	}
	assert_true(fakes[0].ran > 0);
	assert_int_equal((fakes[1].ran + fakes[0].ran / 2) / fakes[0].ran, 3);
}

static void a_woken_vcpu_runs_at_once(void **state)
{
	(void)state;
	add(3);
	fakes[2].runs_for = 10;
	fakes[2].vcpu.state = VCPU_HALTED;
	fakes[2].is_awake = false;
	step();
	fakes[2].is_awake = true;
	assert_ptr_equal(sched_pick(&sched, fake_now), &fakes[2].vcpu);
}

static void waking_without_end_takes_no_more_than_the_share(void **state)
{
	(void)state;
	add(2);
	fakes[1].runs_for = 50;
	while (fake_now < 400 * SLICE) {
		step();
		fakes[1].is_awake = true; /* somebody wakes it again and again */
	}
	assert_in_range(fakes[0].ran * 100 / fake_now, 45, 55);
}

static void an_idle_cpu_picks_nobody(void **state)
{
	(void)state;
	add(2);
	for (size_t i = 0; i < 2; i++) {
		fakes[i].vcpu.state = VCPU_HALTED;
		fakes[i].is_awake = false;
	}
	assert_null(sched_pick(&sched, fake_now));
}

static void an_interrupted_turn_goes_on(void **state)
{
	(void)state;
	add(3);
	fakes[0].runs_for = 100;
	fakes[2].vcpu.state = VCPU_HALTED;
	fakes[2].is_awake = false;
	fakes[2].runs_for = 10;
	step(); /* a new round: 0 runs and sleeps */
	assert_int_equal(fakes[0].ran, 100);
	fakes[2].is_awake = true;
	step();
	assert_int_equal(fakes[2].ran, 10);
	step();
	assert_int_equal(fakes[1].ran, SLICE);
}

/* Ring 0 may work for one beyond its slice: it waits until the others had as much. */
static void what_was_overdrawn_is_paid_back(void **state)
{
	(void)state;
	add(2);
	while (fake_now < 400 * SLICE) {
		uint64_t before = fakes[0].ran;

		step();
		if (fakes[0].ran != before) {
			sched_charge(&fakes[0].vcpu, 9 * SLICE); /* a long line on a slow console */
			fake_now += 9 * SLICE;
			fakes[0].ran += 9 * SLICE;
		}
	}
	assert_in_range(fakes[1].ran * 100 / fake_now, 45, 55);
}

static void a_spent_vcpu_gets_budget_before_the_cpu_idles(void **state)
{
	(void)state;
	add(1);
	fakes[0].vcpu.state = VCPU_HALTED;
	fakes[0].is_awake = false;
	sched_charge(&fakes[0].vcpu, 5 * SLICE);
	assert_true(fakes[0].vcpu.is_spent); /* nobody rings its CPU */
	assert_null(sched_pick(&sched, fake_now));
	assert_false(fakes[0].vcpu.is_spent);
	assert_true(fakes[0].vcpu.budget > 0);
}

static void yielding_gives_the_round_away(void **state)
{
	(void)state;
	add(2);
	fakes[0].runs_for = 10;
	fakes[0].vcpu.has_yielded = true;
	step();
	assert_int_equal(fakes[0].ran, 10);
	assert_true(fakes[0].vcpu.is_spent);
	assert_int_equal(fakes[0].vcpu.budget, 0);
}

static void alone_on_its_cpu_it_has_longer_rounds(void **state)
{
	(void)state;
	add(1);
	step();
	assert_int_equal(fakes[0].ran, SCHED_SLICES_ALONE * SLICE);
	setup(state);
	add(2);
	fakes[1].vcpu.state = VCPU_HALTED; /* may wake at any time */
	fakes[1].is_awake = false;
	step();
	assert_int_equal(fakes[0].ran, SLICE);
}

static void a_cpu_takes_a_limited_number(void **state)
{
	static struct fake many[SCHED_VCPUS_MAX + 1];

	(void)state;
	for (size_t i = 0; i < SCHED_VCPUS_MAX; i++) {
		assert_int_equal(sched_add(&the_cpu, &many[i].vcpu), 0);
	}
	assert_int_equal(sched_add(&the_cpu, &many[SCHED_VCPUS_MAX].vcpu), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(shares_follow_the_weights, setup),
		cmocka_unit_test_setup(a_woken_vcpu_runs_at_once, setup),
		cmocka_unit_test_setup(waking_without_end_takes_no_more_than_the_share, setup),
		cmocka_unit_test_setup(an_idle_cpu_picks_nobody, setup),
		cmocka_unit_test_setup(an_interrupted_turn_goes_on, setup),
		cmocka_unit_test_setup(what_was_overdrawn_is_paid_back, setup),
		cmocka_unit_test_setup(a_spent_vcpu_gets_budget_before_the_cpu_idles, setup),
		cmocka_unit_test_setup(yielding_gives_the_round_away, setup),
		cmocka_unit_test_setup(alone_on_its_cpu_it_has_longer_rounds, setup),
		cmocka_unit_test_setup(a_cpu_takes_a_limited_number, setup),
	};

	return cmocka_run_group_tests_name("sched", tests, NULL, NULL);
}
