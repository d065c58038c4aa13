/* SPDX-License-Identifier: MIT */
/* hv/libc/string.c against the C library's functions, under other names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SIZE 96U

void *own_memcpy(void *restrict destination, const void *restrict source, size_t size);
void *own_memmove(void *destination, const void *source, size_t size);
void *own_memset(void *destination, int value, size_t size);
int own_memcmp(const void *a, const void *b, size_t size);
size_t own_strnlen(const char *text, size_t limit);

#define memcpy	own_memcpy
#define memmove own_memmove
#define memset	own_memset
#define memcmp	own_memcmp
#define strnlen own_strnlen
#include "hv/libc/string.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef strnlen

static void fill(unsigned char *bytes)
{
	for (size_t i = 0; i < SIZE; i++) {
		bytes[i] = (unsigned char)(i * 7 + 1);
	}
}

static void test_copy_all_sizes_and_alignments(void **state)
{
	unsigned char source[SIZE];
	unsigned char own[SIZE];
	unsigned char expected[SIZE];

	(void)state;
	fill(source);
	for (size_t offset = 0; offset < 16; offset++) {
		for (size_t size = 0; size + 2 * offset <= SIZE; size++) {
			memset(own, 0xee, SIZE);
			memset(expected, 0xee, SIZE);
			assert_ptr_equal(own_memcpy(own + offset, source + 2 * offset, size),
					 own + offset);
			memcpy(expected + offset, source + 2 * offset, size);
			assert_memory_equal(own, expected, SIZE);
		}
	}
}

static void test_move_overlapping(void **state)
{
	unsigned char own[SIZE];
	unsigned char expected[SIZE];

	(void)state;
	for (size_t from = 0; from < 32; from++) {
		for (size_t to = 0; to < 32; to++) {
			for (size_t size = 0; size <= SIZE - 32; size += 3) {
				fill(own);
				fill(expected);
				assert_ptr_equal(own_memmove(own + to, own + from, size), own + to);
				memmove(expected + to, expected + from, size);
				assert_memory_equal(own, expected, SIZE);
			}
		}
	}
}

static void test_set(void **state)
{
	unsigned char own[SIZE];
	unsigned char expected[SIZE];

	(void)state;
	for (size_t size = 0; size + 5 <= SIZE; size++) {
		memset(own, 0, SIZE);
		memset(expected, 0, SIZE);
		assert_ptr_equal(own_memset(own + 5, 0x1ab, size), own + 5);
		memset(expected + 5, 0xab, size);
		assert_memory_equal(own, expected, SIZE);
	}
}

static void test_compare(void **state)
{
	(void)state;
	assert_true(own_memcmp("ab\0x", "ab\0y", 4) < 0);
	assert_true(own_memcmp("\xff", "\x01", 1) > 0);
	assert_int_equal(own_memcmp("abc", "abd", 2), 0);
	assert_int_equal(own_memcmp("a", "b", 0), 0);
}

static void test_length(void **state)
{
	static const char text[] = "needle";

	(void)state;
	assert_int_equal(own_strnlen(text, 4), 4);
	assert_int_equal(own_strnlen(text, 40), 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copy_all_sizes_and_alignments),
		cmocka_unit_test(test_move_overlapping),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_compare),
		cmocka_unit_test(test_length),
	};

	return cmocka_run_group_tests_name("string", tests, NULL, NULL);
}
