/* SPDX-License-Identifier: MIT */
/*
 * What rings a vCPU, and what a ring makes of it: start, stop and start-up interrupts across the
 * lives of its partition, and whether its CPU is interrupted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define this_cpu real_this_cpu
#include "arch/x86_64/percpu.h"
#undef this_cpu

static struct cpu cpus[2];

static struct cpu *this_cpu(void)
{
	return &cpus[0];
}

/* The file under test, so that its static functions can be called. */
#include "hv/vcpu.c" /* NOLINT */

static struct sched_cpu scheds[2];
static struct partition partition;
static struct vcpu vcpu;
static _Alignas(4096) uint32_t apic_page[1024];
static uint32_t kicks;
static uint32_t parked;
static uint64_t fetched_from;
static bool is_64bit, is_compatible; /* mode that fake_register_read tells */

void apic_kick(struct cpu *cpu)
{
	(void)cpu;
	kicks++;
}

void sched_charge(struct vcpu *charged, uint64_t ticks)
{
	charged->budget -= (int64_t)ticks;
}

void sched_charge_order(struct vcpu *charged, uint64_t fee, uint64_t ticks)
{
	(void)ticks;
	sched_charge(charged, fee);
}

void sched_release(struct vcpu *released)
{
	(void)released;
}

void partition_park(struct vcpu *leaving)
{
	parked += leaving->state != VCPU_OFF;
	leaving->state = VCPU_OFF;
}

void partition_fault(struct partition *faulty)
{
	(void)faulty;
}

bool partition_is_logged(const struct partition *failed)
{
	(void)failed;
	return false;
}

void fpu_reset(void *area)
{
	(void)area;
}

bool vsock_switch_has_work(const struct vsock_port *port)
{
	(void)port;
	return false;
}

bool vsock_switch_turn(struct vsock_port *port)
{
	(void)port;
	return false;
}

enum vcpu_next exit_handle(struct vcpu *exited, const struct virt_exit *exit)
{
	(void)exited;
	(void)exit;
	return VCPU_STOP;
}

int guest_walk_fetch(const struct guest_mem *mem, const struct guest_walk_state *state,
		     uint64_t address, uint8_t bytes[GUEST_WALK_FETCH_MAX])
{
	(void)mem;
	(void)state;
	fetched_from = address;
	bytes[0] = 0xf4;
	return 1;
}

size_t format_text(char *out, size_t size, const char *format, ...)
{
	(void)out;
	(void)size;
	(void)format;
	return 0;
}

size_t format_args(char *out, size_t size, const char *format, va_list args)
{
	(void)out;
	(void)size;
	(void)format;
	(void)args;
	return 0;
}

void log_line(const char *level, const char *format, ...)
{
	(void)level;
	(void)format;
}

static void fake_reset(struct vcpu *reset, const struct virt_start *start)
{
	(void)reset;
	(void)start;
}

/* At 0xfffff000 in a code segment with base 0x2000. */
static uint64_t fake_register_read(struct vcpu *read, enum virt_register reg)
{
	(void)read;
	switch (reg) {
	case VIRT_RIP: return 0xfffff000;
	case VIRT_CS_BASE: return 0x2000;
	case VIRT_EFER: return is_64bit || is_compatible ? 1U << 10 : 0;
	case VIRT_IS_64BIT: return is_64bit;
	default: return 0;
	}
}

static const struct virt_backend fake_backend = {.vcpu_reset = fake_reset,
						 .register_read = fake_register_read};
const struct virt_backend *virt = &fake_backend;

/* The vCPU is of another CPU than ours. */
static int setup(void **state)
{
	(void)state;
	memset(cpus, 0, sizeof(cpus));
	memset(&vcpu, 0, sizeof(vcpu));
	cpus[0].sched = &scheds[0];
	cpus[1].sched = &scheds[1];
	vcpu.cpu = &cpus[1];
	vcpu.partition = &partition;
	vcpu.index = 1;
	vcpu.budget = 1000000;
	vlapic_init(&vcpu.lapic, apic_page, 1, false);
	partition.state = MUX_STATE_RUNNING;
	kicks = 0;
	parked = 0;
	return 0;
}

static void ring_with_sipi(uint32_t sipi)
{
	atomic_fetch_or(&vcpu.sipi, sipi);
	vcpu_notify(&vcpu);
}

static void a_start_and_its_sipi(void **state)
{
	(void)state;
	vcpu.start = true;
	vcpu_notify(&vcpu);
	assert_false(vcpu_is_runnable(&vcpu, 1));
	assert_int_equal(vcpu.state, VCPU_WAIT_SIPI);
	ring_with_sipi(VCPU_SIPI_INIT | VCPU_SIPI_VECTOR | 8);
	assert_true(vcpu_is_runnable(&vcpu, 1));
}

/* The first vCPU's last INIT and SIPI may come after this one has parked. */
static void a_late_sipi_does_not_run_a_stopped_partition(void **state)
{
	(void)state;
	partition.state = MUX_STATE_EXITED;
	ring_with_sipi(VCPU_SIPI_INIT | VCPU_SIPI_VECTOR | 8);
	assert_false(vcpu_is_runnable(&vcpu, 1));
	assert_int_equal(vcpu.state, VCPU_OFF);
}

static void a_stop_before_the_start_was_seen_parks(void **state)
{
	(void)state;
	vcpu.start = true;
	partition.state = MUX_STATE_STOPPING;
	vcpu_notify(&vcpu);
	assert_false(vcpu_is_runnable(&vcpu, 1));
	assert_int_equal(parked, 1);
	vcpu_notify(&vcpu);
	assert_false(vcpu_is_runnable(&vcpu, 1));
	assert_int_equal(parked, 1);
}

static void a_ring_interrupts_its_cpu_while_it_has_budget(void **state)
{
	(void)state;
	vcpu_notify(&vcpu);
	assert_int_equal(kicks, 1);
	vcpu.is_spent = true;
	vcpu_notify(&vcpu);
	assert_int_equal(kicks, 1);
	assert_true(vcpu.wake);
}

static void every_ring_costs_budget(void **state)
{
	int64_t before = vcpu.budget;

	(void)state;
	vcpu.state = VCPU_HALTED;
	assert_false(vcpu_is_runnable(&vcpu, 1));
	assert_int_equal(vcpu.budget, before);
	vcpu_notify(&vcpu);
	assert_false(vcpu_is_runnable(&vcpu, 1));
	assert_true(vcpu.budget < before);
}

/* A CPU that chooses often would start and stop it again and again, at the others' expense. */
static void without_budget_a_ring_waits_for_the_next_round(void **state)
{
	(void)state;
	vcpu.state = VCPU_WAIT_SIPI;
	vcpu.budget = 0;
	ring_with_sipi(VCPU_SIPI_VECTOR | 8);
	assert_false(vcpu_is_runnable(&vcpu, 1));
	assert_int_equal(vcpu.state, VCPU_WAIT_SIPI);
	vcpu.budget = 1000000;
	assert_true(vcpu_is_runnable(&vcpu, 1));
}

static void an_interrupt_wakes_a_halted_vcpu_once(void **state)
{
	struct vlapic_action action;

	(void)state;
	vcpu.state = VCPU_HALTED;
	assert_int_equal(vlapic_msr_write(&vcpu.lapic, VLAPIC_MSR_FIRST + 0xf, 0x1ff, 0, &action),
			 0);
	vcpu_post_interrupt(&vcpu, 0x40);
	vcpu_post_interrupt(&vcpu, 0x41);
	assert_int_equal(kicks, 1);
	assert_true(vcpu_is_runnable(&vcpu, 1));
	assert_int_equal(vlapic_next(&vcpu.lapic), 0x41);
}

/* Outside 64-bit code the segment counts, also in compatibility mode. */
static void an_instruction_is_fetched_from_its_segment(void **state)
{
	uint8_t bytes[GUEST_WALK_FETCH_MAX];

	(void)state;
	is_64bit = true;
	assert_int_equal(vcpu_fetch(&vcpu, bytes), 1);
	assert_int_equal(fetched_from, 0xfffff000);
	is_64bit = false;
	is_compatible = true;
	vcpu_fetch(&vcpu, bytes);
	assert_int_equal(fetched_from, 0x1000);
	is_compatible = false;
	vcpu_fetch(&vcpu, bytes);
	assert_int_equal(fetched_from, 0x1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_start_and_its_sipi, setup),
		cmocka_unit_test_setup(a_late_sipi_does_not_run_a_stopped_partition, setup),
		cmocka_unit_test_setup(a_stop_before_the_start_was_seen_parks, setup),
		cmocka_unit_test_setup(a_ring_interrupts_its_cpu_while_it_has_budget, setup),
		cmocka_unit_test_setup(every_ring_costs_budget, setup),
		cmocka_unit_test_setup(without_budget_a_ring_waits_for_the_next_round, setup),
		cmocka_unit_test_setup(an_interrupt_wakes_a_halted_vcpu_once, setup),
		cmocka_unit_test_setup(an_instruction_is_fetched_from_its_segment, setup),
	};

	return cmocka_run_group_tests_name("vcpu", tests, NULL, NULL);
}
