/* SPDX-License-Identifier: MIT */
/* The software x2APIC: register rules, priorities, messages, timer modes, posting from threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "hv/vlapic.h"

enum {
	ID = 0x802,
	VERSION = 0x803,
	TPR = 0x808,
	PPR = 0x80a,
	EOI = 0x80b,
	LDR = 0x80d,
	SVR = 0x80f,
	ISR0 = 0x810,
	TMR0 = 0x818,
	IRR0 = 0x820,
	ESR = 0x828,
	ICR = 0x830,
	LVT_TIMER = 0x832,
	LVT_THERMAL = 0x833,
	LVT_LINT0 = 0x835,
	LVT_LINT1 = 0x836,
	LVT_ERROR = 0x837,
	INITIAL = 0x838,
	CURRENT = 0x839,
	DIVIDE = 0x83e,
	SELF_IPI = 0x83f,
};

static _Alignas(4096) uint32_t page[1024];
static _Alignas(4096) uint32_t page2[1024];
static struct vlapic apic;
static struct vlapic other;
static struct vlapic_action action;
static uint64_t now;

static uint64_t rd(uint32_t msr)
{
	uint64_t value = 0;

	assert_int_equal(vlapic_msr_read(&apic, msr, now, &value), 0);
	return value;
}

static void wr(uint32_t msr, uint64_t value)
{
	assert_int_equal(vlapic_msr_write(&apic, msr, value, now, &action), 0);
}

static void wr_gp(uint32_t msr, uint64_t value)
{
	assert_int_equal(vlapic_msr_write(&apic, msr, value, now, &action), -EINVAL);
	assert_false(action.has_message);
}

static void rd_gp(uint32_t msr)
{
	uint64_t value;

	assert_int_equal(vlapic_msr_read(&apic, msr, now, &value), -EINVAL);
}

static int setup(void **state)
{
	(void)state;
	memset(page, 0xff, sizeof(page));
	now = 1000000;
	vlapic_init(&apic, page, 0x25, true);
	vlapic_init(&other, page2, 3, false);
	wr(SVR, 0x1ff);
	return 0;
}

static int next(void)
{
	vlapic_sync(&apic);
	return vlapic_next(&apic);
}

static void test_reset_state(void **state)
{
	(void)state;
	vlapic_reset(&apic);
	assert_int_equal(rd(ID), 0x25);
	assert_int_equal(rd(VERSION), 0x50014);
	assert_int_equal(rd(LDR), 0x20020);
	assert_int_equal(rd(SVR), 0xff);
	assert_int_equal(rd(LVT_TIMER), 0x10000);
	assert_int_equal(rd(LVT_LINT1), 0x10000);
	assert_int_equal(rd(ICR), 0);
	assert_int_equal(rd(0x1b), 0xfee00d00);
	for (uint32_t i = 0; i < 8; i++) {
		assert_int_equal(rd(ISR0 + i) | rd(IRR0 + i) | rd(TMR0 + i), 0);
	}
	assert_int_equal(vlapic_deadline(&apic), 0);
	assert_int_equal(next(), -1);
}

/* Every MSR number: readable and writable exactly as SDM table 11-6 says. */
static void test_msr_allow_list(void **state)
{
	(void)state;
	static const char access[0x41] =
		"--rr----b-rw-r-b" /* 800: ID, version, TPR, PPR, EOI, LDR, SVR */
		"rrrrrrrrrrrrrrrr"
		"rrrrrrrrb-------"
		"b-bbbbbbbr----bw";

	for (uint32_t i = 0; i < 0x40; i++) {
		uint64_t value;
		bool can_read = access[i] == 'r' || access[i] == 'b';
		bool can_write = access[i] == 'w' || access[i] == 'b';

		assert_int_equal(vlapic_msr_read(&apic, 0x800 + i, now, &value),
				 can_read ? 0 : -EINVAL);
		assert_int_equal(vlapic_msr_write(&apic, 0x800 + i, 0, now, &action),
				 can_write ? 0 : -EINVAL);
	}
	rd_gp(0x840);
	rd_gp(0x7ff);
	wr_gp(0x840, 0);
	wr_gp(0xffffffff, 0);
}

static void test_reserved_bits(void **state)
{
	(void)state;
	wr_gp(TPR, 0x100);
	wr_gp(EOI, 1);
	wr_gp(SVR, 0x1000);
	wr_gp(ESR, 1);
	wr_gp(ICR, 0x2000);
	wr_gp(ICR, 0x10000);
	wr_gp(ICR, 0x100000);
	wr_gp(ICR, 0x230); /* SMI */
	wr_gp(ICR, 0x730); /* reserved mode */
	wr_gp(LVT_TIMER, 0x60030);
	wr_gp(LVT_TIMER, 0x100);
	wr_gp(LVT_LINT0, 0x20000);
	wr_gp(LVT_ERROR, 0x700);
	wr_gp(DIVIDE, 4);
	wr_gp(SELF_IPI, 0x130);
	wr_gp(INITIAL, 1ULL << 32);
	wr_gp(TPR, 1ULL << 40);
	wr_gp(0x1b, 0xfee00900); /* to xAPIC mode */
	wr_gp(0x1b, 0);
	wr_gp(0x1b, 0xfec00d00);
	wr(0x1b, 0xfee00d00);
	assert_int_equal(rd(TPR), 0);
	wr(LVT_LINT0, 0x1f731); /* read-only bits are ignored */
	assert_int_equal(rd(LVT_LINT0), 0x1a731);
}

static void test_priority(void **state)
{
	(void)state;
	assert_true(vlapic_post(&apic, 0x31));
	assert_false(vlapic_post(&apic, 0x52));
	assert_int_equal(next(), 0x52);
	assert_int_equal(vlapic_rvi(&apic), 0x52);
	vlapic_accept(&apic, 0x52);
	assert_int_equal(vlapic_svi(&apic), 0x52);
	assert_int_equal(rd(PPR), 0x50);
	assert_int_equal(next(), -1); /* 0x31 waits */
	assert_true(vlapic_post(&apic, 0x5f));
	assert_int_equal(next(), -1); /* same class waits too */
	assert_true(vlapic_post(&apic, 0x60));
	assert_int_equal(next(), 0x60);
	vlapic_accept(&apic, 0x60);
	wr(EOI, 0);
	assert_int_equal(vlapic_svi(&apic), 0x52);
	wr(EOI, 0);
	assert_int_equal(next(), 0x5f);
	wr(TPR, 0x5a);
	assert_int_equal(rd(PPR), 0x5a);
	assert_int_equal(next(), -1);
	wr(TPR, 0x4f);
	assert_int_equal(next(), 0x5f);
	vlapic_accept(&apic, 0x5f);
	wr(EOI, 0);
	wr(TPR, 0);
	assert_int_equal(next(), 0x31);
	vlapic_accept(&apic, 0x31);
	vlapic_eoi(&apic);
	vlapic_eoi(&apic);
	assert_int_equal(next(), -1);
	assert_int_equal(vlapic_svi(&apic) | vlapic_rvi(&apic), 0);
}

/* Each vector goes through IRR and ISR, and shows there in its own bit. */
static void test_all_vectors(void **state)
{
	(void)state;
	for (uint32_t v = 0; v < 256; v++) {
		bool posted = vlapic_post(&apic, (uint8_t)v);

		assert_int_equal(posted, v >= 16);
		if (v < 16) {
			assert_int_equal(next(), -1);
			continue;
		}
		assert_int_equal(rd(IRR0 + v / 32), 1U << (v % 32));
		assert_int_equal(next(), v);
		vlapic_accept(&apic, (uint8_t)v);
		assert_int_equal(rd(IRR0 + v / 32), 0);
		assert_int_equal(rd(ISR0 + v / 32), 1U << (v % 32));
		wr(EOI, 0);
		assert_int_equal(rd(ISR0 + v / 32), 0);
	}
}

static void test_software_disable(void **state)
{
	(void)state;
	wr(LVT_TIMER, 0x30);
	vlapic_post(&apic, 0x40);
	assert_int_equal(next(), 0x40);
	wr(SVR, 0xff);
	assert_int_equal(rd(LVT_TIMER), 0x10030);
	wr(LVT_TIMER, 0x30);
	assert_int_equal(rd(LVT_TIMER), 0x10030);
	assert_int_equal(next(), 0x40); /* what is there stays */
	vlapic_post(&apic, 0x41);
	wr(SELF_IPI, 0x42);
	assert_int_equal(next(), 0x40); /* new ones are not accepted */
	wr(SVR, 0x1ff);
	assert_int_equal(next(), 0x40);
}

static void test_ipi(void **state)
{
	(void)state;
	wr(ICR, 3ULL << 32 | 0x45);
	assert_true(action.has_message);
	assert_int_equal(action.message.vector, 0x45);
	assert_int_equal(action.message.delivery, VLAPIC_FIXED);
	assert_true(vlapic_is_target(&other, &apic, &action.message));
	assert_false(vlapic_is_target(&apic, &apic, &action.message));
	assert_int_equal(rd(ICR), 3ULL << 32 | 0x45);

	wr(ICR, 0xffffffffULL << 32 | 0x45);
	assert_true(vlapic_is_target(&other, &apic, &action.message));
	assert_true(vlapic_is_target(&apic, &apic, &action.message));

	wr(ICR, 0x00020020ULL << 32 | 0x845); /* logical: cluster 2, bit 5 */
	assert_true(vlapic_is_target(&apic, &other, &action.message));
	assert_false(vlapic_is_target(&other, &apic, &action.message));
	wr(ICR, 0x0000000aULL << 32 | 0x845);
	assert_true(vlapic_is_target(&other, &apic, &action.message));
	assert_false(vlapic_is_target(&apic, &apic, &action.message));

	for (uint32_t id = 0; id < 64; id++) { /* each id is one bit of one cluster */
		static struct vlapic target;
		uint32_t ldr = (id / 16) << 16 | 1U << (id % 16);

		vlapic_init(&target, page2, id, false);
		wr(ICR, (uint64_t)ldr << 32 | 0x845);
		assert_true(vlapic_is_target(&target, NULL, &action.message));
		wr(ICR, (uint64_t)(ldr ^ 0xffff) << 32 | 0x845);
		assert_false(vlapic_is_target(&target, NULL, &action.message));
		wr(ICR, (uint64_t)(ldr + 0x10000) << 32 | 0x845);
		assert_false(vlapic_is_target(&target, NULL, &action.message));
	}

	wr(ICR, 0xc0045); /* all but self */
	assert_true(vlapic_is_target(&other, &apic, &action.message));
	assert_false(vlapic_is_target(&apic, &apic, &action.message));
	wr(ICR, 0x80045);
	assert_true(vlapic_is_target(&apic, &apic, &action.message));

	wr(ICR, 0x40046); /* self: at once */
	assert_false(action.has_message);
	assert_int_equal(next(), 0x46);
	wr(SELF_IPI, 0x47);
	assert_int_equal(next(), 0x47);
}

static void test_init_and_startup(void **state)
{
	(void)state;
	wr(ICR, 3ULL << 32 | 0xc500);
	assert_true(action.has_message);
	assert_int_equal(action.message.delivery, VLAPIC_INIT);
	wr(ICR, 3ULL << 32 | 0x8500); /* de-assert */
	assert_false(action.has_message);
	wr(ICR, 3ULL << 32 | 0x0608); /* a start-up page below 16 is no illegal vector */
	assert_true(action.has_message);
	assert_int_equal(action.message.delivery, VLAPIC_STARTUP);
	assert_int_equal(action.message.vector, 8);
	wr(ICR, 0x25ULL << 32 | 0x4500);
	assert_false(vlapic_is_target(&apic, &apic, &action.message));
	wr(ICR, 0x84500); /* all, self included */
	assert_false(vlapic_is_target(&apic, &apic, &action.message));
	assert_true(vlapic_is_target(&other, &apic, &action.message));
	wr(ICR, 3ULL << 32 | 0x400);
	assert_int_equal(action.message.delivery, VLAPIC_NMI);
	wr(ESR, 0);
	assert_int_equal(rd(ESR), 0);
}

static void test_errors(void **state)
{
	(void)state;
	wr(ICR, 3ULL << 32 | 0x0f);
	assert_false(action.has_message);
	assert_int_equal(rd(ESR), 0); /* not latched yet */
	wr(ESR, 0);
	assert_int_equal(rd(ESR), 0x20);
	wr(ESR, 0);
	assert_int_equal(rd(ESR), 0);
	wr(LVT_ERROR, 0xfe);
	wr(SELF_IPI, 3);
	assert_int_equal(next(), 0xfe);
	wr(ESR, 0);
	assert_int_equal(rd(ESR), 0x20);
	wr(LVT_ERROR, 0x05);
	wr(SELF_IPI, 3);
	wr(ESR, 0);
	assert_int_equal(rd(ESR), 0x60);
	/* A timer with an illegal vector. */
	wr(LVT_TIMER, 0x4000f);
	wr(0x6e0, now + 99);
	now += 100;
	vlapic_timer_expire(&apic, now);
	wr(ESR, 0);
	assert_int_equal(rd(ESR), 0x40);
}

/* One-shot and periodic modes can be set, but nothing counts in them. */
static void test_timer_other_modes(void **state)
{
	(void)state;
	static const uint32_t modes[] = {0x30, 0x20030};

	wr(DIVIDE, 0xb);
	assert_int_equal(rd(DIVIDE), 0xb);
	for (uint32_t i = 0; i < ARRAY_COUNT(modes); i++) {
		wr(LVT_TIMER, modes[i]);
		wr(INITIAL, 1000);
		assert_int_equal(rd(LVT_TIMER), modes[i]);
		assert_int_equal(rd(INITIAL) | rd(CURRENT), 0);
		assert_int_equal(vlapic_deadline(&apic), 0);
		now += 1000000;
		vlapic_timer_expire(&apic, now);
		assert_int_equal(next(), -1);
	}
}

static void test_timer_deadline(void **state)
{
	(void)state;
	wr(0x6e0, now + 50); /* other mode: ignored */
	assert_int_equal(rd(0x6e0), 0);
	wr(LVT_TIMER, 0x40032);
	wr(INITIAL, 100);
	assert_int_equal(rd(INITIAL) | rd(CURRENT), 0);
	wr(0x6e0, now + 50);
	assert_int_equal(rd(0x6e0), now + 50);
	assert_int_equal(vlapic_deadline(&apic), now + 50);
	now += 50;
	vlapic_timer_expire(&apic, now);
	assert_int_equal(next(), 0x32);
	vlapic_accept(&apic, 0x32);
	vlapic_eoi(&apic);
	assert_int_equal(rd(0x6e0), 0);
	wr(0x6e0, now - 1); /* past: at once */
	assert_int_equal(next(), 0x32);
	vlapic_accept(&apic, 0x32);
	vlapic_eoi(&apic);
	wr(0x6e0, now + 9);
	wr(0x6e0, 0);
	assert_int_equal(vlapic_deadline(&apic), 0);
	/* A change of mode disarms. */
	wr(0x6e0, now + 9);
	wr(LVT_TIMER, 0x32);
	wr(LVT_TIMER, 0x40032);
	assert_int_equal(vlapic_deadline(&apic), 0);
	/* Masked while it expires: lost. */
	wr(0x6e0, now + 9);
	wr(LVT_TIMER, 0x50032);
	now += 10;
	wr(LVT_TIMER, 0x40032);
	assert_int_equal(next(), -1);
	assert_int_equal(rd(0x6e0), 0);
}

static void test_msi(void **state)
{
	(void)state;
	struct vlapic_message m;

	assert_int_equal(vlapic_msi_decode(0xfee03000, 0x4051, &m), 0);
	assert_int_equal(m.vector, 0x51);
	assert_true(vlapic_is_target(&other, NULL, &m));
	assert_false(vlapic_is_target(&apic, NULL, &m));
	assert_int_equal(vlapic_msi_decode(0xfee25000, 0x0151, &m), 0);
	assert_int_equal(m.delivery, VLAPIC_LOWEST);
	assert_true(vlapic_is_target(&apic, NULL, &m));
	assert_int_equal(vlapic_msi_decode(0xfeeff000, 0x51, &m), 0);
	assert_true(vlapic_is_target(&apic, NULL, &m) && vlapic_is_target(&other, NULL, &m));
	assert_int_equal(vlapic_msi_decode(0xfee08004, 0x51, &m), 0); /* logical, bit 3 */
	assert_true(vlapic_is_target(&other, NULL, &m));
	assert_false(vlapic_is_target(&apic, NULL, &m));
	assert_int_equal(vlapic_msi_decode(0xfee03000, 0x400, &m), 0);
	assert_int_equal(m.delivery, VLAPIC_NMI);
	assert_int_equal(vlapic_msi_decode(0xfee03000, 0x0f, &m), -EINVAL);
	assert_int_equal(vlapic_msi_decode(0xfee03000, 0x530, &m), -EINVAL);
	assert_int_equal(vlapic_msi_decode(0xfee03000, 0x730, &m), -EINVAL);
	assert_int_equal(vlapic_msi_decode(0xfef03000, 0x30, &m), -EINVAL);
	assert_int_equal(vlapic_msi_decode(0x1fee03000, 0x30, &m), -EINVAL);
	assert_int_equal(vlapic_msi_decode(0, 0x30, &m), -EINVAL);
}

static void test_reset_forgets(void **state)
{
	(void)state;
	vlapic_post(&apic, 0x40);
	wr(SELF_IPI, 0x41);
	wr(LVT_TIMER, 0x30);
	wr(INITIAL, 10);
	wr(TPR, 0x10);
	vlapic_reset(&apic);
	wr(SVR, 0x1ff);
	now += 1000;
	vlapic_timer_expire(&apic, now);
	assert_int_equal(next(), -1);
	assert_int_equal(rd(TPR), 0);
	assert_true(vlapic_post(&apic, 0x42));
	assert_int_equal(next(), 0x42);
}

/* With virtual-interrupt delivery the CPU sets and clears bits of the page itself. */
static void test_page_is_shared_with_cpu(void **state)
{
	(void)state;
	vlapic_post(&apic, 0x51);
	vlapic_sync(&apic);
	assert_true(apic.irr_changed);
	apic.irr_changed = false; /* RVI was handed over */
	assert_int_equal(vlapic_next(&apic), 0x51);
	page[0x200 / 4 + 4 * (0x62 / 32)] |= 1U << (0x62 % 32); /* self-IPI without an exit */
	assert_int_equal(vlapic_next(&apic), 0x62);
	page[0x200 / 4 + 4 * (0x62 / 32)] = 0;
	page[0x200 / 4 + 4 * (0x51 / 32)] = 0;
	assert_int_equal(vlapic_next(&apic), -1);
	assert_false(apic.irr_changed);
	wr(SELF_IPI, 0x44);
	assert_true(apic.irr_changed);
}

/* Posters on other threads: no vector is lost, and the last post is always seen. */
enum { ROUNDS = 5000 };
static _Atomic uint32_t acknowledged;

static void *poster(void *argument)
{
	uint8_t vector = *(uint8_t *)argument;

	for (uint32_t i = 1; i <= ROUNDS; i++) {
		vlapic_post(&apic, vector);
		if (vector == 0x90) { /* wait until it was delivered: one that is lost hangs */
			while (atomic_load(&acknowledged) < i) {
				sched_yield();
			}
		}
	}
	return NULL;
}

static void test_concurrent_posts(void **state)
{
	(void)state;
	static uint8_t vectors[] = {0x90, 0x41, 0xf3};
	pthread_t threads[ARRAY_COUNT(vectors)];
	uint32_t seen[256] = {0};

	atomic_store(&acknowledged, 0);
	for (uint32_t i = 0; i < ARRAY_COUNT(vectors); i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, poster, &vectors[i]), 0);
	}
	while (seen[0x90] < ROUNDS) {
		int vector = next();

		if (vector < 0) {
			sched_yield();
			continue;
		}
		vlapic_accept(&apic, (uint8_t)vector);
		vlapic_eoi(&apic);
		seen[vector]++;
		if (vector == 0x90) {
			atomic_fetch_add(&acknowledged, 1);
		}
	}
	for (uint32_t i = 0; i < ARRAY_COUNT(vectors); i++) {
		pthread_join(threads[i], NULL);
	}
	assert_int_equal(seen[0x90], ROUNDS);
	for (int vector = next(); vector >= 0; vector = next()) {
		vlapic_accept(&apic, (uint8_t)vector);
		vlapic_eoi(&apic);
		seen[vector]++;
	}
	assert_true(seen[0x41] >= 1 && seen[0xf3] >= 1);
	for (uint32_t v = 0; v < 256; v++) {
		assert_true(seen[v] == 0 || v == 0x90 || v == 0x41 || v == 0xf3);
	}
}

/* A halted CPU whose timer fires without end and may not be taken would keep others from running.
 */
static void test_wake_time_obeys_priority(void **state)
{
	(void)state;
	assert_int_equal(vlapic_wake_time(&apic), UINT64_MAX);
	wr(LVT_TIMER, 0x40050);
	wr(0x6e0, now + 9);
	assert_int_equal(vlapic_wake_time(&apic), now + 9);
	wr(TPR, 0x50);
	assert_int_equal(vlapic_wake_time(&apic), UINT64_MAX);
	wr(TPR, 0x4f);
	assert_int_equal(vlapic_wake_time(&apic), now + 9);
	wr(LVT_TIMER, 0x50050); /* masked */
	assert_int_equal(vlapic_wake_time(&apic), UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_reset_state, setup),
		cmocka_unit_test_setup(test_msr_allow_list, setup),
		cmocka_unit_test_setup(test_reserved_bits, setup),
		cmocka_unit_test_setup(test_priority, setup),
		cmocka_unit_test_setup(test_all_vectors, setup),
		cmocka_unit_test_setup(test_software_disable, setup),
		cmocka_unit_test_setup(test_ipi, setup),
		cmocka_unit_test_setup(test_init_and_startup, setup),
		cmocka_unit_test_setup(test_errors, setup),
		cmocka_unit_test_setup(test_timer_other_modes, setup),
		cmocka_unit_test_setup(test_timer_deadline, setup),
		cmocka_unit_test_setup(test_msi, setup),
		cmocka_unit_test_setup(test_reset_forgets, setup),
		cmocka_unit_test_setup(test_page_is_shared_with_cpu, setup),
		cmocka_unit_test_setup(test_concurrent_posts, setup),
		cmocka_unit_test_setup(test_wake_time_obeys_priority, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
