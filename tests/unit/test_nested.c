/* SPDX-License-Identifier: MIT */
/* Nested page tables: exactly the partition's memory is mapped, with the largest pages that are
 * permitted (invariant I1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86_64/nested.h"
#include "hv/mem.h"

#define TABLE	  7ULL
#define LEAF	  0x37ULL
#define LARGE	  0x80ULL
#define TABLE_PTR 0x000ffffffffff000ULL

static void *pages[600];
static size_t page_count;

/* "Physical" addresses of tables are their host addresses; of RAM, what the region's base says. */
void *mem_alloc(size_t size)
{
	void *page = aligned_alloc(PAGE_SIZE, align_up(size, PAGE_SIZE));

	assert_non_null(page);
	assert_true(page_count < ARRAY_COUNT(pages));
	pages[page_count++] = page;
	return memset(page, 0, size);
}

void *phys_to_virt(hpa_t address)
{
	return (void *)address.value; /* NOLINT */
}

hpa_t virt_to_phys(const void *address)
{
	return hpa((uint64_t)address);
}

static const struct nested_format with_1g = {
	.table = TABLE, .leaf = LEAF, .large = LARGE, .leaf_max = 2};
static const struct nested_format without_1g = {
	.table = TABLE, .leaf = LEAF, .large = LARGE, .leaf_max = 1};
static const struct nested_format only_4k = {
	.table = TABLE, .leaf = LEAF, .large = LARGE, .leaf_max = 0};

/* Host address that the tables give for an address, or 0; *page gets the size of the leaf. */
static uint64_t walk(hpa_t root, uint64_t address, uint64_t *page)
{
	const uint64_t *table = phys_to_virt(root);

	for (int level = 3;; level--) {
		uint64_t entry = table[(address >> (12 + 9 * level)) & 511];

		*page = 1ULL << (12 + 9 * level);
		if (entry == 0) {
			return 0;
		}
		if (level == 0 || (entry & LARGE) != 0) {
			assert_int_equal(entry & 0xfff, level == 0 ? LEAF : LEAF | LARGE);
			return (entry & TABLE_PTR & ~(*page - 1)) + (address & (*page - 1));
		}
		assert_int_equal(entry & 0xfff, TABLE);
		table = phys_to_virt(hpa(entry & TABLE_PTR));
	}
}

static int teardown(void **state)
{
	(void)state;
	while (page_count > 0) {
		free(pages[--page_count]);
	}
	return 0;
}

static struct guest_mem memory(uint64_t gpa_first, uint64_t size, uint64_t host)
{
	struct guest_mem mem = {.count = 1};

	mem.region[0] =
		(struct guest_region){.gpa = gpa_first, .size = size, .base = (uint8_t *)host};
	return mem;
}

static void maps_exactly_its_memory(void **state)
{
	struct guest_mem mem = memory(0, 6 * PAGE_SIZE_2M, 0x1200000);
	hpa_t root = nested_build(&with_1g, &mem);
	uint64_t page;

	(void)state;
	for (uint64_t at = 0; at < 6 * PAGE_SIZE_2M; at += 0x1000) {
		assert_int_equal(walk(root, at, &page), 0x1200000 + at);
		assert_int_equal(page, PAGE_SIZE_2M);
	}
	assert_int_equal(walk(root, 6 * PAGE_SIZE_2M, &page), 0);
	assert_int_equal(walk(root, 0xfee00000, &page), 0);
	assert_int_equal(walk(root, 1ULL << 40, &page), 0);
	assert_int_equal(walk(root, (1ULL << 48) - 1, &page), 0);
}

static void takes_1g_pages_where_both_sides_are_aligned(void **state)
{
	struct guest_mem mem = memory(0, 2 * PAGE_SIZE_1G + PAGE_SIZE_2M, 4 * PAGE_SIZE_1G);
	hpa_t root = nested_build(&with_1g, &mem);
	uint64_t page;

	(void)state;
	assert_int_equal(walk(root, 0, &page), 4 * PAGE_SIZE_1G);
	assert_int_equal(page, PAGE_SIZE_1G);
	assert_int_equal(walk(root, 2 * PAGE_SIZE_1G + 5, &page), 6 * PAGE_SIZE_1G + 5);
	assert_int_equal(page, PAGE_SIZE_2M);
	assert_int_equal(walk(root, 2 * PAGE_SIZE_1G + PAGE_SIZE_2M, &page), 0);
}

static void takes_no_1g_page_without_alignment_or_the_cpu(void **state)
{
	struct guest_mem mem = memory(0, PAGE_SIZE_1G, 4 * PAGE_SIZE_1G + PAGE_SIZE_2M);
	hpa_t root = nested_build(&with_1g, &mem);
	uint64_t page;

	(void)state;
	assert_int_equal(walk(root, 7, &page), 4 * PAGE_SIZE_1G + PAGE_SIZE_2M + 7);
	assert_int_equal(page, PAGE_SIZE_2M);
	mem = memory(0, PAGE_SIZE_1G, 4 * PAGE_SIZE_1G);
	root = nested_build(&without_1g, &mem);
	assert_int_equal(walk(root, 7, &page), 4 * PAGE_SIZE_1G + 7);
	assert_int_equal(page, PAGE_SIZE_2M);
}

static void takes_4k_pages_where_no_larger_ones_are_permitted(void **state)
{
	struct guest_mem mem = memory(0, PAGE_SIZE_1G + PAGE_SIZE_2M, 4 * PAGE_SIZE_1G);
	hpa_t root = nested_build(&only_4k, &mem);
	uint64_t page;

	(void)state;
	for (uint64_t at = 7; at < PAGE_SIZE_1G + PAGE_SIZE_2M; at += 0x1000) {
		assert_int_equal(walk(root, at, &page), 4 * PAGE_SIZE_1G + at);
		assert_int_equal(page, 0x1000);
	}
	assert_int_equal(walk(root, PAGE_SIZE_1G + PAGE_SIZE_2M, &page), 0);
}

static void maps_two_regions(void **state)
{
	struct guest_mem mem = memory(0, PAGE_SIZE_2M, 0x40000000);
	hpa_t root;
	uint64_t page;

	(void)state;
	mem.count = 2;
	mem.region[1] = (struct guest_region){1ULL << 32, PAGE_SIZE_2M, (uint8_t *)0x80000000};
	root = nested_build(&with_1g, &mem);
	assert_int_equal(walk(root, 1, &page), 0x40000001);
	assert_int_equal(walk(root, (1ULL << 32) + 1, &page), 0x80000001);
	assert_int_equal(walk(root, (1ULL << 32) - 1, &page), 0);
	assert_int_equal(walk(root, (1ULL << 32) + PAGE_SIZE_2M, &page), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(maps_exactly_its_memory, teardown),
		cmocka_unit_test_teardown(takes_1g_pages_where_both_sides_are_aligned, teardown),
		cmocka_unit_test_teardown(takes_no_1g_page_without_alignment_or_the_cpu, teardown),
		cmocka_unit_test_teardown(takes_4k_pages_where_no_larger_ones_are_permitted,
					  teardown),
		cmocka_unit_test_teardown(maps_two_regions, teardown),
	};

	return cmocka_run_group_tests_name("nested", tests, NULL, NULL);
}
