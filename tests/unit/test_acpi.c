/* SPDX-License-Identifier: MIT */
/* From the RSDP to the CPUs, with tables whole and broken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "arch/x86_64/acpi.h"
#include "arch/x86_64/cpu_features.h"
#include "arch/x86_64/paging.h"
#include "hv/log.h"

#define BASE  0x7f000000ULL
#define RSDP  0x000U
#define XSDT  0x100U
#define FADT  0x200U
#define MADT  0x300U
#define LIMIT 8U

static uint8_t memory[0x1000];

const struct cpu_features *cpu_features_get(void)
{
	static const struct cpu_features features = {.physical_bits = 39};

	return &features;
}

/* A table that reaches outside must not be asked for. */
const void *paging_map_firmware(hpa_t address, size_t size)
{
	assert_in_range(address.value, BASE, BASE + sizeof(memory));
	assert_in_range(size, 1, sizeof(memory) - (address.value - BASE));
	return memory + (address.value - BASE);
}

void log_line(const char *level, const char *format, ...)
{
	(void)level;
	(void)format;
}

static void put(uint32_t at, uint64_t value, size_t size)
{
	memcpy(memory + at, &value, size);
}

static void set_sum(uint32_t table, uint32_t size, uint32_t sum_at)
{
	uint8_t sum = 0;

	memory[table + sum_at] = 0;
	for (uint32_t i = 0; i < size; i++) {
		sum = (uint8_t)(sum + memory[table + i]);
	}
	memory[table + sum_at] = (uint8_t)-sum;
}

static void make_header(uint32_t at, const char *signature, uint32_t length)
{
	memcpy(memory + at, signature, 4);
	put(at + 4, length, 4);
	set_sum(at, length, 9);
}

static const uint8_t madt_entries[] = {
	0, 8,  0, 0,	1,    0,    0,	  0,				/* CPU 0 */
	1, 12, 0, 0,	0,    0,    0xc0, 0xfe, 0, 0, 0, 0,		/* I/O APIC */
	0, 8,  1, 4,	1,    0,    0,	  0,				/* CPU 4 */
	0, 8,  2, 6,	0,    0,    0,	  0,				/* disabled */
	0, 8,  3, 0xff, 1,    0,    0,	  0,				/* no CPU */
	9, 16, 0, 0,	0x34, 0x12, 0,	  0,	1, 0, 0, 0, 0, 0, 0, 0, /* CPU 0x1234 */
	9, 16, 0, 0,	0x35, 0x12, 0,	  0,	2, 0, 0, 0, 0, 0, 0, 0, /* only online-capable */
};

#define MADT_SIZE (44U + (uint32_t)sizeof(madt_entries))

static int set_up(void **state)
{
	(void)state;
	memset(memory, 0, sizeof(memory));
	memcpy(memory + RSDP, "RSD PTR ", 8);
	memory[RSDP + 15] = 2;
	put(RSDP + 20, 36, 4);
	put(RSDP + 24, BASE + XSDT, 8);
	set_sum(RSDP, 20, 8);
	set_sum(RSDP, 36, 32);
	put(XSDT + 36, BASE + FADT, 8);
	put(XSDT + 44, BASE + MADT, 8);
	make_header(XSDT, "XSDT", 52);
	make_header(FADT, "FACP", 100);
	memcpy(memory + MADT + 44, madt_entries, sizeof(madt_entries));
	make_header(MADT, "APIC", MADT_SIZE);
	return 0;
}

static void expect_cpus(void)
{
	uint32_t ids[LIMIT];

	assert_int_equal(acpi_find_cpus(BASE + RSDP, ids, LIMIT), 3);
	assert_int_equal(ids[0], 0);
	assert_int_equal(ids[1], 4);
	assert_int_equal(ids[2], 0x1234);
}

static int find(void)
{
	uint32_t ids[LIMIT];

	return acpi_find_cpus(BASE + RSDP, ids, LIMIT);
}

static void test_xsdt(void **state)
{
	(void)state;
	expect_cpus();
}

static void test_acpi_1_is_not_used(void **state)
{
	(void)state;
	memory[RSDP + 15] = 0;
	set_sum(RSDP, 20, 8);
	set_sum(RSDP, 36, 32);
	assert_int_equal(find(), -ENOENT);
}

static void test_limit(void **state)
{
	uint32_t ids[2] = {0};

	(void)state;
	assert_int_equal(acpi_find_cpus(BASE + RSDP, ids, 1), 1);
	assert_int_equal(ids[1], 0);
}

static void test_no_tables(void **state)
{
	uint32_t ids[LIMIT];

	(void)state;
	assert_int_equal(acpi_find_cpus(0, ids, LIMIT), -ENOENT);
	memory[RSDP] = 'X';
	assert_int_equal(find(), -ENOENT);
}

static void test_wrong_sums(void **state)
{
	static const uint32_t at[] = {RSDP + 9, XSDT + 20, MADT + 50};

	for (uint32_t i = 0; i < ARRAY_COUNT(at); i++) {
		set_up(state);
		memory[at[i]]++;
		assert_int_equal(find(), -ENOENT);
	}
}

static void test_wrong_lengths(void **state)
{
	static const uint32_t lengths[] = {0, 35, 0x100001, 0xffffffff};

	for (uint32_t i = 0; i < ARRAY_COUNT(lengths); i++) {
		set_up(state);
		put(MADT + 4, lengths[i], 4);
		assert_int_equal(find(), -ENOENT);
		set_up(state);
		put(XSDT + 4, lengths[i], 4);
		assert_int_equal(find(), -ENOENT);
	}
}

static void test_unreachable_pointers(void **state)
{
	static const uint64_t addresses[] = {0, 1ULL << 39, ~0ULL};

	for (uint32_t i = 0; i < ARRAY_COUNT(addresses); i++) {
		set_up(state);
		put(XSDT + 44, addresses[i], 8);
		make_header(XSDT, "XSDT", 52);
		assert_int_equal(find(), -ENOENT);
	}
}

/* An entry that ends outside of the table, or does not advance. */
static void test_broken_entries(void **state)
{
	static const uint8_t lengths[] = {0, 1, 17, 255};

	for (uint32_t i = 0; i < ARRAY_COUNT(lengths); i++) {
		set_up(state);
		memory[MADT + MADT_SIZE - 15] = lengths[i];
		make_header(MADT, "APIC", MADT_SIZE);
		assert_int_equal(find(), -ENOENT);
	}
	set_up(state);
	make_header(MADT, "APIC", MADT_SIZE - 15);
	assert_int_equal(find(), -ENOENT);
}

/* Entries of a known type but too short for it are passed over. */
static void test_short_entries(void **state)
{
	uint8_t *table = calloc(1, 48);
	uint32_t id;

	(void)state;
	assert_non_null(table);
	for (uint8_t type = 0; type < 10; type += 9) {
		table[44] = type;
		table[45] = 4;
		table[9] = 0;
		table[9] = (uint8_t) - (type + 4);
		assert_int_equal(acpi_read_madt(table, 48, &id, 1), 0);
	}
	assert_int_equal(acpi_read_madt(table, 43, &id, 1), -EBADMSG);
	free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_xsdt, set_up),
		cmocka_unit_test_setup(test_acpi_1_is_not_used, set_up),
		cmocka_unit_test_setup(test_limit, set_up),
		cmocka_unit_test_setup(test_no_tables, set_up),
		cmocka_unit_test_setup(test_wrong_sums, set_up),
		cmocka_unit_test_setup(test_wrong_lengths, set_up),
		cmocka_unit_test_setup(test_unreachable_pointers, set_up),
		cmocka_unit_test_setup(test_broken_entries, set_up),
		cmocka_unit_test_setup(test_short_entries, set_up),
	};

	return cmocka_run_group_tests_name("acpi", tests, NULL, NULL);
}
