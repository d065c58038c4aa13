/* SPDX-License-Identifier: MIT */
/*
 * The device's side of a virtqueue by itself: what needs memory or index states that the tests of
 * the switch do not reach.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "hv/vsock/virtq.h"

#define SIZE 8U

static struct {
	_Alignas(4096) uint64_t desc[SIZE][2];
	_Alignas(4096) uint16_t avail[SIZE + 3];
	_Alignas(4096) uint16_t used[SIZE * 4 + 3];
	_Alignas(4096) uint8_t end[4096];
} ram;

static struct guest_mem mem;
static struct virtq q;
static struct virtq_chain chain;

#define DESC_GPA  0x10000ULL
#define AVAIL_GPA 0x11000ULL
#define USED_GPA  0x12000ULL
#define HUGE_GPA  0x100000000ULL
#define HUGE_SIZE 0x200000000ULL

static int setup(void **state)
{
	struct virtio_queue_config config = {SIZE, gpa(DESC_GPA), gpa(AVAIL_GPA), gpa(USED_GPA)};

	(void)state;
	memset(&ram, 0, sizeof(ram));
	/* A second region of 8 GiB that is never touched: chains are only read here. */
	mem = (struct guest_mem){2,
				 {{DESC_GPA, sizeof(ram), (uint8_t *)&ram},
				  {HUGE_GPA, HUGE_SIZE, (uint8_t *)0x10000}}};
	assert_int_equal(virtq_enable(&q, &config, &mem, true, true), VSOCK_FAULT_NONE);
	return 0;
}

static void desc(unsigned i, uint64_t address, uint32_t length, unsigned flags, unsigned next)
{
	ram.desc[i][0] = address;
	ram.desc[i][1] = length | (uint64_t)flags << 32 | (uint64_t)next << 48;
}

static enum vsock_fault read_chain(unsigned head)
{
	return virtq_read_chain(&q, head, virtq_read_desc((uint8_t *)ram.desc, head), 0, &chain);
}

static void rings_are_found(void **state)
{
	(void)state;
	assert_ptr_equal(q.table, ram.desc);
	assert_ptr_equal(q.avail, ram.avail);
	assert_ptr_equal(q.used, ram.used);
	assert_ptr_equal(q.used_event, &ram.avail[2 + SIZE]);
	assert_ptr_equal(q.avail_event, &ram.used[2 + SIZE * 4]);
	assert_int_equal(ram.used[2 + SIZE * 4], 0xffff); /* no kick wanted */
	virtq_disable(&q);
	assert_int_equal(q.size, 0);
	assert_null(q.table);
}

static void a_chain_is_read(void **state)
{
	(void)state;
	desc(3, DESC_GPA + 0x3000, 100, VIRTQ_DESC_NEXT, 6);
	desc(6, HUGE_GPA, 0x10000000, VIRTQ_DESC_NEXT, 1);
	desc(1, HUGE_GPA + HUGE_SIZE - 7, 7, 0, 99);
	assert_int_equal(read_chain(3), VSOCK_FAULT_NONE);
	assert_int_equal(chain.count, 3);
	assert_int_equal(chain.length, 0x10000000 + 107);
	assert_ptr_equal(chain.segment[0].base, ram.end);
	assert_int_equal(chain.segment[0].length, 100);
	assert_ptr_equal(chain.segment[1].base, (uint8_t *)0x10000);
	assert_int_equal(chain.segment[1].length, 0x10000000);
	assert_int_equal((uintptr_t)chain.segment[2].base, 0x10000 + HUGE_SIZE - 7);
}

static void total_length_is_bounded(void **state)
{
	(void)state;
	desc(0, HUGE_GPA, UINT32_MAX, 0, 0);
	assert_int_equal(read_chain(0), VSOCK_FAULT_NONE);
	desc(0, HUGE_GPA, UINT32_MAX, VIRTQ_DESC_NEXT, 1);
	desc(1, HUGE_GPA, 1, 0, 0);
	assert_int_equal(read_chain(0), VSOCK_FAULT_LENGTH_TOTAL);
	assert_int_equal(chain.bad, 1);
}

static void plain_buffers(void **state)
{
	static const struct {
		uint64_t address;
		unsigned flags;
		uint16_t direction;
		bool plain;
	} cases[] = {
		{DESC_GPA, 0, 0, false}, /* smaller than the largest plain buffer: never */
		{HUGE_GPA, 0, 0, true},
		{HUGE_GPA, VIRTQ_DESC_WRITE, 0, false},
		{HUGE_GPA, 0, VIRTQ_DESC_WRITE, false},
		{HUGE_GPA, VIRTQ_DESC_WRITE, VIRTQ_DESC_WRITE, true},
		{HUGE_GPA, VIRTQ_DESC_NEXT, 0, false},
		{HUGE_GPA, VIRTQ_DESC_INDIRECT, 0, false},
		{HUGE_GPA, 0xfff8, 0, true}, /* flags that do not exist */
		{HUGE_GPA - 1, 0, 0, false},
		{HUGE_GPA + HUGE_SIZE - VIRTQ_PLAIN_MAX, 0, 0, true},
		{HUGE_GPA + HUGE_SIZE - VIRTQ_PLAIN_MAX + 1, 0, 0, false},
		{UINT64_MAX, 0, 0, false},
	};
	struct virtio_queue_config config = {SIZE, gpa(DESC_GPA), gpa(AVAIL_GPA), gpa(USED_GPA)};
	struct guest_region first;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		if (i == 1) { /* from here on the large region is the first */
			first = mem.region[0];
			mem.region[0] = mem.region[1];
			mem.region[1] = first;
			assert_int_equal(virtq_enable(&q, &config, &mem, true, true),
					 VSOCK_FAULT_NONE);
		}
		desc(0, cases[i].address, VIRTQ_PLAIN_MAX, cases[i].flags, 0);
		uint8_t *base =
			virtq_plain_buffer(&q, virtq_read_desc(q.table, 0), cases[i].direction);

		assert_int_equal(base != NULL, cases[i].plain);
		if (base != NULL) {
			assert_int_equal((uintptr_t)base, cases[i].address - HUGE_GPA + 0x10000);
		}
	}
}

static void add(uint16_t head)
{
	ram.avail[2 + ram.avail[1] % SIZE] = head;
	ram.avail[1]++;
}

static void heads_come_in_order_over_the_wrap(void **state)
{
	uint32_t head;

	(void)state;
	for (uint32_t i = 0; i < 70000; i++) {
		assert_int_equal(virtq_take(&q, &head), VIRTQ_EMPTY);
		add((uint16_t)(i % SIZE));
		add((uint16_t)((i + 3) % SIZE));
		assert_int_equal(virtq_take(&q, &head), VIRTQ_TAKEN);
		assert_int_equal(head, i % SIZE);
		assert_int_equal(virtq_take(&q, &head), VIRTQ_TAKEN);
		assert_int_equal(head, (i + 3) % SIZE);
	}
}

static void jumps_are_seen_over_the_wrap(void **state)
{
	uint32_t head;

	(void)state;
	for (uint32_t start = 65530; start < 65542; start++) {
		setup(NULL);
		q.avail_next = q.avail_seen = start;
		ram.avail[1] = (uint16_t)(start + SIZE);
		assert_int_equal(virtq_look(&q), VIRTQ_TAKEN);
		ram.avail[1] = (uint16_t)(start + SIZE + 1);
		assert_int_equal(virtq_take(&q, &head), VIRTQ_TAKEN); /* known before */
		q.avail_next = q.avail_seen = start;
		assert_int_equal(virtq_take(&q, &head), VIRTQ_JUMPED);
		ram.avail[1] = (uint16_t)(start - 1);
		assert_int_equal(virtq_take(&q, &head), VIRTQ_JUMPED);
	}
}

static void heads_are_kept_in_range(void **state)
{
	static const uint16_t heads[] = {SIZE, SIZE + 1, 0x7fff, 0xffff};
	uint32_t head;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(heads); i++) {
		add(heads[i]);
		assert_int_equal(virtq_take(&q, &head), VIRTQ_ASTRAY);
		assert_true(head < SIZE);
	}
}

/* The entry that the driver adds between the device's last look and its asking for a kick. */
static void arming_looks_again(void **state)
{
	(void)state;
	assert_int_equal(virtq_arm(&q), VIRTQ_EMPTY);
	assert_int_equal(ram.used[2 + SIZE * 4], 0);
	add(1);
	assert_int_equal(virtq_arm(&q), VIRTQ_TAKEN);
	ram.avail[1] = 100;
	assert_int_equal(virtq_arm(&q), VIRTQ_JUMPED);
	virtq_disarm(&q);
	assert_int_equal(ram.used[2 + SIZE * 4], 0xffff);
}

static void used_entries_and_publishing(void **state)
{
	(void)state;
	q.used_next = q.used_signaled = 65535;
	virtq_push(&q, 5, 77);
	virtq_push(&q, 2, 0x12345678);
	assert_int_equal(ram.used[1], 0); /* not yet shown */
	virtq_publish(&q);
	assert_int_equal(ram.used[1], 1); /* 65537 */
	assert_int_equal(ram.used[2 + 7 * 4], 5);
	assert_int_equal(ram.used[2 + 7 * 4 + 2], 77);
	assert_int_equal(ram.used[2], 2);
	assert_int_equal(ram.used[4], 0x5678);
	assert_int_equal(ram.used[5], 0x1234);
}

/* virtio 1.2, 2.7.7.2, by counting: an interrupt when the entry number used_event was pushed since
 * the last decision. */
static void interrupt_exactly_at_the_event(void **state)
{
	(void)state;
	for (uint32_t start = 65520; start < 65560; start++) {
		for (uint32_t count = 1; count <= SIZE; count++) {
			for (int32_t offset = -10; offset < 20; offset++) {
				bool expected = offset >= 0 && offset < (int32_t)count;

				q.used_signaled = start;
				q.used_next = start + count;
				ram.avail[2 + SIZE] = (uint16_t)((int32_t)start + offset);
				assert_true(virtq_has_fresh(&q));
				assert_int_equal(virtq_wants_interrupt(&q), expected);
				assert_false(virtq_has_fresh(&q));
			}
		}
	}
}

static void flags_without_event_index(void **state)
{
	struct virtio_queue_config config = {SIZE, gpa(DESC_GPA), gpa(AVAIL_GPA), gpa(USED_GPA)};

	(void)state;
	assert_int_equal(virtq_enable(&q, &config, &mem, false, false), VSOCK_FAULT_NONE);
	assert_int_equal(ram.used[0], VIRTQ_USED_NO_NOTIFY);
	virtq_arm(&q);
	assert_int_equal(ram.used[0], 0);
	q.used_next = 1;
	assert_true(virtq_wants_interrupt(&q));
	ram.avail[0] = VIRTQ_AVAIL_NO_INTERRUPT;
	q.used_next = 2;
	assert_false(virtq_wants_interrupt(&q));
	desc(0, DESC_GPA, 16, VIRTQ_DESC_INDIRECT, 0);
	assert_int_equal(read_chain(0), VSOCK_FAULT_INDIRECT_FEATURE);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(rings_are_found),
		TEST(a_chain_is_read),
		TEST(total_length_is_bounded),
		TEST(plain_buffers),
		TEST(heads_come_in_order_over_the_wrap),
		TEST(jumps_are_seen_over_the_wrap),
		TEST(heads_are_kept_in_range),
		TEST(arming_looks_again),
		TEST(used_entries_and_publishing),
		TEST(interrupt_exactly_at_the_event),
		TEST(flags_without_event_index),
	};

	return cmocka_run_group_tests_name("virtq", tests, NULL, NULL);
}
