/* SPDX-License-Identifier: MIT */
/* CRC-32C: known answers (RFC 3720, B.4), chaining, and the two forms against each other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "hv/crc32c.h"

static void known_answers(void **state)
{
	uint8_t bytes[32];

	(void)state;
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283U);
	memset(bytes, 0, sizeof(bytes));
	assert_int_equal(crc32c(0, bytes, sizeof(bytes)), 0x8a9136aaU);
	memset(bytes, 0xff, sizeof(bytes));
	assert_int_equal(crc32c(0, bytes, sizeof(bytes)), 0x62a8ab43U);
	for (uint8_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] = i;
	}
	assert_int_equal(crc32c(0, bytes, sizeof(bytes)), 0x46dd794eU);
	assert_int_equal(crc32c(0, bytes, 0), 0);
}

static void fill(uint8_t *bytes, size_t size)
{
	uint32_t value = 12345;

	for (size_t i = 0; i < size; i++) {
		value = value * 1664525U + 1013904223U;
		bytes[i] = (uint8_t)(value >> 24);
	}
}

static void forms_agree_at_every_size_and_alignment(void **state)
{
	uint8_t bytes[160];

	(void)state;
	fill(bytes, sizeof(bytes));
	for (size_t start = 0; start < 9; start++) {
		for (size_t size = 0; start + size <= sizeof(bytes); size++) {
			assert_int_equal(crc32c(7, bytes + start, size),
					 crc32c_bitwise(7, bytes + start, size));
		}
	}
}

static void parts_chain_to_the_whole(void **state)
{
	uint8_t bytes[100];
	uint32_t whole;

	(void)state;
	fill(bytes, sizeof(bytes));
	whole = crc32c(0, bytes, sizeof(bytes));
	for (size_t cut = 0; cut <= sizeof(bytes); cut++) {
		uint32_t first = crc32c(0, bytes, cut);

		assert_int_equal(crc32c(first, bytes + cut, sizeof(bytes) - cut), whole);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_answers),
		cmocka_unit_test(forms_agree_at_every_size_and_alignment),
		cmocka_unit_test(parts_chain_to_the_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
