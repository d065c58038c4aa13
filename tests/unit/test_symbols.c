/* SPDX-License-Identifier: MIT */
/* Symbol table: lookup, and tables that are broken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86_64/symbols.h"

struct table {
	uint32_t count;
	uint32_t entries[3][2];
	char names[16];
};

static const struct table good = {3, {{0x10, 0}, {0x40, 6}, {0x80, 11}}, "first\0next\0last"};

static void expect(uint64_t offset, const char *name, uint64_t into)
{
	uint64_t found = 0;

	assert_string_equal(symbols_find(offset, &found), name);
	assert_int_equal(found, into);
}

static void test_find(void **state)
{
	uint64_t into;

	(void)state;
	symbols_init(&good, sizeof(good));
	assert_null(symbols_find(0xf, &into));
	expect(0x10, "first", 0);
	expect(0x3f, "first", 0x2f);
	expect(0x40, "next", 0);
	expect(0x12345, "last", 0x122c5);
}

static void test_broken_tables_are_unused(void **state)
{
	struct table broken = good;
	uint64_t into;

	(void)state;
	broken.names[15] = 'x';
	symbols_init(&broken, sizeof(broken));
	assert_null(symbols_find(0x40, &into));
	broken = good;
	broken.count = 0x40000000;
	symbols_init(&broken, sizeof(broken));
	assert_null(symbols_find(0x40, &into));
	for (size_t size = 0; size <= sizeof(uint32_t); size++) {
		symbols_init(&good, size);
		assert_null(symbols_find(0x40, &into));
	}
	broken = good;
	broken.entries[1][1] = 16;
	symbols_init(&broken, sizeof(broken));
	assert_null(symbols_find(0x40, &into));
	assert_non_null(symbols_find(0x10, &into));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_broken_tables_are_unused),
	};

	return cmocka_run_group_tests_name("symbols", tests, NULL, NULL);
}
