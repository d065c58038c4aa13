/* SPDX-License-Identifier: MIT */
/* Ring 0's formatter against the C library's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "hv/format.h"

#define CHECK_SAME(...)                                                               \
	do {                                                                          \
		char own[128];                                                        \
		char expected[128];                                                   \
		int length = snprintf(expected, sizeof(expected), __VA_ARGS__);       \
                                                                                      \
		assert_int_equal(format_text(own, sizeof(own), __VA_ARGS__), length); \
		assert_string_equal(own, expected);                                   \
	} while (0)

static void test_numbers(void **state)
{
	(void)state;
	CHECK_SAME("%d %d %d", 0, -1, 2147483647);
	CHECK_SAME("%d", -2147483647 - 1);
	CHECK_SAME("%lld %lld", (long long)INT64_MIN, (long long)INT64_MAX);
	CHECK_SAME("%u %x", 4294967295U, 0xdeadbeefU);
	CHECK_SAME("%lu %lx %llx %zu", ~0UL, ~0UL, 1ULL << 40, (size_t)77);
}

static void test_width(void **state)
{
	(void)state;
	CHECK_SAME("[%5d][%-5d][%05d][%5d]", 42, 42, 42, -42);
	CHECK_SAME("[%016llx][%2u][%-8x]", 0xffffffff80000000ULL, 12345U, 0xabU);
	CHECK_SAME("[%30llu][%30lld]", ~0ULL, -1LL);
}

static void test_text(void **state)
{
	char cut[3] = {'a', 'b', 'c'}; /* no NUL */

	(void)state;
	CHECK_SAME("[%s][%8s][%-8s][%%]", "text", "right", "left");
	CHECK_SAME("[%.*s][%.*s]", 9, "short", 0, "none");
	CHECK_SAME("[%.*s][%5.*s]", 2, cut, 3, cut);
}

static void test_what_does_not_fit_is_cut(void **state)
{
	char out[8];

	(void)state;
	memset(out, '#', sizeof(out));
	assert_int_equal(format_text(out, 5, "%s", "123456"), 4);
	assert_memory_equal(out, "1234\0###", 8);
	assert_int_equal(format_text(out, 1, "%d", 123), 0);
	assert_string_equal(out, "");
	assert_int_equal(format_text(out, sizeof(out), "%2000000000d|", 1), 7);
}

static size_t format_unchecked(char *out, size_t size, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	size_t length = format_args(out, size, format, args);

	va_end(args);
	return length;
}

static void test_odd_formats(void **state)
{
	char out[32];

	(void)state;
	assert_int_equal(format_unchecked(out, sizeof(out), "100%"), 3);
	assert_string_equal(out, "100");
	format_unchecked(out, sizeof(out), "%q%s", "ok");
	assert_string_equal(out, "%qok");
	format_unchecked(out, sizeof(out), "%s", (char *)NULL);
	assert_string_equal(out, "(null)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),	    cmocka_unit_test(test_width),
		cmocka_unit_test(test_text),	    cmocka_unit_test(test_what_does_not_fit_is_cut),
		cmocka_unit_test(test_odd_formats),
	};

	return cmocka_run_group_tests_name("format", tests, NULL, NULL);
}
