/* SPDX-License-Identifier: MIT */
/* Boot-time memory: nothing is given twice, nothing from outside the free ranges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hv/log.h"
#include "hv/mem.h"

#define MIB	     0x100000ULL
#define GIB	     0x40000000ULL
#define WINDOW_BASE  (1 * MIB)
#define WINDOW_SIZE  (1 * MIB)
#define GRANTS_LIMIT 4096U

/* The part of the physical memory that a test may touch. */
static uint8_t window[WINDOW_SIZE];
static jmp_buf on_panic;

void *phys_to_virt(hpa_t address)
{
	assert_in_range(address.value, WINDOW_BASE, WINDOW_BASE + WINDOW_SIZE - 1);
	return window + (address.value - WINDOW_BASE);
}

void log_line(const char *level, const char *format, ...)
{
	(void)level;
	(void)format;
}

void panic(const char *format, ...)
{
	(void)format;
	longjmp(on_panic, 1);
}

#define ASSERT_PANICS(call)                   \
	do {                                  \
		if (setjmp(on_panic) == 0) {  \
			call;                 \
			fail_msg("no panic"); \
		}                             \
	} while (0)

static const struct handoff_range map[] = {
	{.base = 0, .size = 0xa0000, .type = HANDOFF_FREE},
	{.base = 1 * MIB, .size = 1 * MIB, .type = HANDOFF_FREE},
	{.base = 2 * MIB, .size = 14 * MIB, .type = HANDOFF_LOADER},
	{.base = 16 * MIB, .size = 5 * MIB, .type = HANDOFF_FREE},
	{.base = 21 * MIB, .size = 4 * MIB, .type = HANDOFF_FREE},
	{.base = 25 * MIB, .size = 1 * MIB, .type = HANDOFF_FIRMWARE},
	{.base = 1 * GIB + 2 * MIB, .size = 2 * GIB, .type = HANDOFF_FREE},
};

static int set_up(void **state)
{
	(void)state;
	memset(window, 0xa5, sizeof(window));
	mem_init(map, ARRAY_COUNT(map));
	return 0;
}

static void test_free_memory_starts_at_1_mib(void **state)
{
	(void)state;
	assert_int_equal(mem_free(), 10 * MIB + 2 * GIB);
	assert_int_equal(mem_used(), 0);
}

static void test_alloc_is_zeroed_pages_in_order(void **state)
{
	(void)state;
	uint8_t *first = mem_alloc(1);
	uint8_t *second = mem_alloc(PAGE_SIZE + 1);

	assert_ptr_equal(first, window);
	assert_ptr_equal(second, window + PAGE_SIZE);
	for (size_t i = 0; i < 3 * PAGE_SIZE; i++) {
		assert_int_equal(window[i], 0);
	}
	assert_int_equal(window[3 * PAGE_SIZE], 0xa5);
	assert_int_equal(mem_used(), 3 * PAGE_SIZE);
	assert_int_equal(mem_free(), 10 * MIB + 2 * GIB - 3 * PAGE_SIZE);
}

static void test_neighbours_are_one_range(void **state)
{
	(void)state;
	assert_int_equal(mem_alloc_pages(9 * MIB).value, 16 * MIB);
}

static void test_pieces_prefer_1_gib(void **state)
{
	hpa_t piece;

	(void)state;
	assert_true(mem_alloc_pieces(1 * GIB, &piece));
	assert_int_equal(piece.value, 2 * GIB);
	/* The next aligned GiB is cut short at both ends, so 2 MiB must do. */
	assert_true(mem_alloc_pieces(1 * GIB - 2 * MIB, &piece));
	assert_int_equal(piece.value, 1 * GIB + 2 * MIB);
	assert_false(mem_alloc_pieces(1 * GIB, &piece));
	assert_true(mem_alloc_pieces(2 * MIB, &piece));
	assert_int_equal(piece.value, 3 * GIB);
}

static void test_pieces_refuse_odd_sizes(void **state)
{
	hpa_t piece;

	(void)state;
	assert_false(mem_alloc_pieces(0, &piece));
	assert_false(mem_alloc_pieces(PAGE_SIZE, &piece));
	assert_false(mem_alloc_pieces(3 * GIB, &piece));
}

static uint8_t *owner_of(uint8_t *owners, uint64_t address)
{
	assert_true((address >= 1 * MIB && address < 2 * MIB) ||
		    (address >= 16 * MIB && address < 25 * MIB) ||
		    (address >= 1 * GIB + 2 * MIB && address < 3 * GIB + 2 * MIB));
	return &owners[address / PAGE_SIZE];
}

static uint64_t random_below(uint32_t limit)
{
	return (uint32_t)rand() % limit;
}

static void test_nothing_is_given_twice(void **state)
{
	uint8_t *owners = calloc(4 * GIB / PAGE_SIZE, 1);
	uint64_t expected_free = mem_free();

	(void)state;
	assert_non_null(owners);
	srand(1);
	for (uint32_t i = 0; i < 200; i++) {
		hpa_t at;
		uint64_t size = (random_below(8) + 1) * PAGE_SIZE_2M;

		if (i % 3 == 0) {
			size = (random_below(20) + 1) * PAGE_SIZE;
			at = mem_alloc_pages(size);
		} else if (!mem_alloc_pieces(size, &at)) {
			continue;
		}
		for (uint64_t page = 0; page < size; page += PAGE_SIZE) {
			uint8_t *owner = owner_of(owners, at.value + page);

			assert_int_equal(*owner, 0);
			*owner = 1;
		}
		expected_free -= size;
		assert_int_equal(mem_free(), expected_free);
	}
	free(owners);
}

static void test_exhaustion_and_seal_panic(void **state)
{
	(void)state;
	ASSERT_PANICS(mem_alloc_pages(3 * GIB));
	ASSERT_PANICS(mem_alloc_pages(SIZE_MAX));
	mem_seal();
	ASSERT_PANICS(mem_alloc_pages(1));
	hpa_t piece;

	ASSERT_PANICS(mem_alloc_pieces(PAGE_SIZE_2M, &piece));
}

static void test_fragmented_map_is_bounded(void **state)
{
	struct handoff_range *many = calloc(GRANTS_LIMIT, sizeof(*many));

	(void)state;
	assert_non_null(many);
	for (uint32_t i = 0; i < GRANTS_LIMIT; i++) {
		many[i] = (struct handoff_range){
			.base = (i + 1) * MIB, .size = PAGE_SIZE, .type = HANDOFF_FREE};
	}
	mem_init(many, GRANTS_LIMIT);
	free(many);
	assert_int_equal(mem_free(), 256 * PAGE_SIZE);
	assert_int_equal(mem_alloc_pages(PAGE_SIZE).value, MIB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_free_memory_starts_at_1_mib, set_up),
		cmocka_unit_test_setup(test_alloc_is_zeroed_pages_in_order, set_up),
		cmocka_unit_test_setup(test_neighbours_are_one_range, set_up),
		cmocka_unit_test_setup(test_pieces_prefer_1_gib, set_up),
		cmocka_unit_test_setup(test_pieces_refuse_odd_sizes, set_up),
		cmocka_unit_test_setup(test_nothing_is_given_twice, set_up),
		cmocka_unit_test_setup(test_exhaustion_and_seal_panic, set_up),
		cmocka_unit_test(test_fragmented_map_is_bounded),
	};

	return cmocka_run_group_tests_name("mem", tests, NULL, NULL);
}
