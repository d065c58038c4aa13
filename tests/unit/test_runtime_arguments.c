// SPDX-License-Identifier: MIT
/*
 * The splitting of a partition's "args".
 */
#include "appliance/runtime/runtime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WORDS_MAX 8

struct example {
	const char *text;
	int count;
	const char *word[WORDS_MAX];
};

static const struct example examples[] = {
	{"", 0, {0}},
	{"   ", 0, {0}},
	{"one", 1, {"one"}},
	{" one  two\tthree\n", 3, {"one", "two", "three"}},
	{"'a b' \"c d\"", 2, {"a b", "c d"}},
	{"x'y'\"z\"w", 1, {"xyzw"}},
	{"'' \"\"", 2, {"", ""}},
	{"a\\ b \\\" '\\'", 3, {"a b", "\"", "\\"}},
	{"\"it's\" '\"'", 2, {"it's", "\""}},
	{"open 'never closed", 2, {"open", "never closed"}},
	{"end\\", 1, {"end\\"}},
	{"1 2 3 4 5 6 7 8 9 10", 8, {"1", "2", "3", "4", "5", "6", "7", "8"}},
};

static void splits(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		/* On the heap in its exact size, so that ASan sees one byte too many. */
		char *text = strdup(examples[i].text);
		char *argv[WORDS_MAX];
		int count = arguments_split(text, argv, WORDS_MAX);

		assert_int_equal(count, examples[i].count);
		for (int j = 0; j < count; j++) {
			assert_string_equal(argv[j], examples[i].word[j]);
		}
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(splits)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
