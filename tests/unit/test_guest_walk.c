/* SPDX-License-Identifier: MIT */
/* Page walks over tables that the test builds in two small RAM regions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "hv/guest_walk.h"

#define P	 0x001ULL
#define U	 0x004ULL
#define PS	 0x080ULL
#define PAGING	 (1ULL << 31 | 1)
#define LA57	 (1ULL << 12)
#define LMA	 (1ULL << 10)
#define HIGH_GPA 0x180000000ULL

enum { PML4 = 0x1000, PDPT = 0x2000, PD = 0x3000, PT = 0x4000, DATA = 0x5000, NEXT = 0x7000 };

static _Alignas(4096) uint8_t low[0x10000];
static _Alignas(4096) uint8_t high[0x2000];
static struct guest_mem mem;
static struct guest_walk_state state;

static void set_entry(uint64_t table, uint64_t index, uint64_t value)
{
	memcpy(&low[table + index * 8], &value, sizeof(value));
}

/* Virtual 0x40_0020_3000 (PML4 0, PDPT 256, PD 1, PT 3) maps DATA, the page after it NEXT. */
#define VIRTUAL ((256ULL << 30) | (1ULL << 21) | (3ULL << 12))

static int setup(void **unused)
{
	(void)unused;
	memset(low, 0, sizeof(low));
	mem = (struct guest_mem){.count = 2,
				 .region = {{0, sizeof(low), low}, {HIGH_GPA, sizeof(high), high}}};
	state = (struct guest_walk_state){.cr0 = PAGING, .cr3 = PML4, .efer = LMA};
	set_entry(PML4, 0, PDPT | P | U);
	set_entry(PDPT, 256, PD | P | U);
	set_entry(PD, 1, PT | P | U);
	set_entry(PT, 3, DATA | P);
	set_entry(PT, 4, NEXT | P);
	for (uint32_t i = 0; i < 0x1000; i++) {
		low[DATA + i] = (uint8_t)(i * 7 + 1);
		low[NEXT + i] = (uint8_t)(i * 11 + 3);
	}
	return 0;
}

static void expect_gpa(uint64_t address, uint64_t expected)
{
	gpa_t out = gpa(~0ULL);

	assert_int_equal(guest_walk_translate(&mem, &state, address, &out), 0);
	assert_int_equal(out.value, expected);
}

static void expect_error(uint64_t address, int error)
{
	gpa_t out;

	assert_int_equal(guest_walk_translate(&mem, &state, address, &out), error);
}

static void test_page_sizes(void **unused)
{
	(void)unused;
	expect_gpa(VIRTUAL + 0x123, DATA + 0x123);
	set_entry(PD, 2, 0x40200000 | P | PS | 0x1000); /* PAT bit is no address */
	expect_gpa((256ULL << 30) | (2ULL << 21) | 0x1fedcb, 0x40200000 + 0x1fedcb);
	set_entry(PDPT, 257, 0xc0000000 | P | PS);
	expect_gpa((257ULL << 30) | 0x3fedcba9, 0xc0000000 + 0x3fedcba9);
	/* The upper half, sign-extended. */
	set_entry(PML4, 511, PDPT | P);
	expect_gpa(VIRTUAL | 0xffffff8000000000ULL, DATA);
}

static void test_modes(void **unused)
{
	(void)unused;
	expect_error(1ULL << 47, -EINVAL);
	expect_error(0xffff7fffffffffffULL, -EINVAL);
	state.cr4 = LA57;
	expect_error(VIRTUAL, -ENOSYS);
	state.cr4 = 0;
	state.efer = 0;
	expect_error(VIRTUAL, -ENOSYS);
	state.cr0 = 1;
	expect_gpa(0xfffffff0, 0xfffffff0);
	expect_error(1ULL << 32, -EINVAL);
}

static void test_not_present_at_each_level(void **unused)
{
	(void)unused;
	static const uint32_t slots[][2] = {{PML4, 0}, {PDPT, 256}, {PD, 1}, {PT, 3}};

	for (size_t i = 0; i < ARRAY_COUNT(slots); i++) {
		setup(NULL);
		set_entry(slots[i][0], slots[i][1], 0x8000 | U);
		expect_error(VIRTUAL, -EFAULT);
	}
}

/* What is no address does not become part of one. */
static void test_other_bits(void **unused)
{
	static const uint32_t slots[][2] = {{PML4, 0}, {PDPT, 256}, {PD, 1}, {PT, 3}};

	(void)unused;
	for (size_t i = 0; i < ARRAY_COUNT(slots); i++) {
		uint64_t entry;

		memcpy(&entry, &low[slots[i][0] + slots[i][1] * 8], 8);
		set_entry(slots[i][0], slots[i][1], entry | 0xfffULL << 52 | 0xe00);
		expect_gpa(VIRTUAL, DATA);
	}
	set_entry(PML4, 0, PDPT | P | PS); /* no such large page */
	expect_gpa(VIRTUAL, DATA);
}

static void test_tables_outside_ram(void **unused)
{
	(void)unused;
	set_entry(PD, 1, 0x800000 | P | U);
	expect_error(VIRTUAL, -EFAULT);
	set_entry(PD, 1, (0xfffffffffULL & ~0xfffULL) | P | U);
	expect_error(VIRTUAL, -EFAULT);
	state.cr3 = 0xffffffffff000ULL;
	expect_error(VIRTUAL, -EFAULT);
	/* A table that points to itself ends after four levels. */
	setup(NULL);
	for (uint64_t i = 0; i < 512; i++) {
		set_entry(PML4, i, PML4 | P);
	}
	expect_gpa(0x8040201000ULL, PML4);
}

static void test_fetch(void **unused)
{
	(void)unused;
	uint8_t bytes[GUEST_WALK_FETCH_MAX];

	assert_int_equal(guest_walk_fetch(&mem, &state, VIRTUAL + 0x10, bytes), 15);
	assert_memory_equal(bytes, &low[DATA + 0x10], 15);
	/* Across the page boundary: the pages are not neighbours in physical memory. */
	assert_int_equal(guest_walk_fetch(&mem, &state, VIRTUAL + 0xffa, bytes), 15);
	assert_memory_equal(bytes, &low[DATA + 0xffa], 6);
	assert_memory_equal(bytes + 6, &low[NEXT], 9);
	assert_int_equal(guest_walk_fetch(&mem, &state, VIRTUAL + 0xff1, bytes), 15);
	/* Second page absent, or not RAM: the first part only. */
	set_entry(PT, 4, 0);
	assert_int_equal(guest_walk_fetch(&mem, &state, VIRTUAL + 0xffa, bytes), 6);
	set_entry(PT, 4, 0xfee00000 | P);
	assert_int_equal(guest_walk_fetch(&mem, &state, VIRTUAL + 0xfff, bytes), 1);
	assert_int_equal(guest_walk_fetch(&mem, &state, VIRTUAL + 0x1000, bytes), -EFAULT);
	/* Data in the second region, up to its end. */
	set_entry(PT, 3, (HIGH_GPA + 0x1000) | P);
	high[0x1fff] = 0x5a;
	assert_int_equal(guest_walk_fetch(&mem, &state, VIRTUAL + 0xfff, bytes), 1);
	assert_int_equal(bytes[0], 0x5a);
	/* Paging off. */
	state.cr0 = 1;
	assert_int_equal(guest_walk_fetch(&mem, &state, DATA + 1, bytes), 15);
	assert_memory_equal(bytes, &low[DATA + 1], 15);
	assert_int_equal(guest_walk_fetch(&mem, &state, sizeof(low) - 2, bytes), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_page_sizes, setup),
		cmocka_unit_test_setup(test_modes, setup),
		cmocka_unit_test_setup(test_not_present_at_each_level, setup),
		cmocka_unit_test_setup(test_other_bits, setup),
		cmocka_unit_test_setup(test_tables_outside_ram, setup),
		cmocka_unit_test_setup(test_fetch, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
