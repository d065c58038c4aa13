/* SPDX-License-Identifier: MIT */
/* Unit tests of the one file that knows libclamav: what its results mean, above all that nothing
 * counts as clean which was not looked at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "appliance/clamav/clamav_engine.h"

static char database[64];
static struct clamav_engine *engine;

/* A file in memory. */
struct memory {
	const uint8_t *data;
	uint64_t size;
	uint64_t readable; /* a read beyond fails */
	unsigned int reads;
};

static bool read_memory(void *context, void *buffer, uint64_t offset, uint64_t length)
{
	struct memory *memory = context;

	assert_true(offset <= memory->size && length <= memory->size - offset);
	memory->reads++;
	if (offset + length > memory->readable) {
		return false;
	}
	memcpy(buffer, memory->data + offset, length);
	return true;
}

static struct av_outcome scan(const void *data, uint64_t size, uint64_t readable)
{
	struct memory memory = {.data = data, .size = size, .readable = readable};

	return clamav_engine_scan(engine, size, 10000, read_memory, &memory);
}

static void write_database(const char *text)
{
	FILE *file;

	snprintf(database, sizeof(database), "/tmp/test-clamav-%d.ndb", (int)getpid());
	file = fopen(database, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static int set_up(void **state)
{
	struct clamav_limits limits = {.file_size = 1 << 20};

	(void)state;
	write_database("Bad.Thing:0:*:626164207468696e67\n");
	engine = clamav_engine_load(database, &limits);
	assert_non_null(engine);
	return clamav_engine_settle(engine, "/tmp");
}

static int tear_down(void **state)
{
	(void)state;
	clamav_engine_free(engine);
	unlink(database);
	return 0;
}

static void test_load(void **state)
{
	struct clamav_limits limits = clamav_engine_limits(engine);

	(void)state;
	assert_int_equal(clamav_engine_signatures(engine), 1);
	assert_int_equal(limits.file_size, 1 << 20);
	assert_true(limits.scan_size > 0 && limits.files > 0 && limits.recursion > 0);
	assert_true(limits.time_ms > 0);
	assert_non_null(clamav_engine_version());
}

static void test_bad_databases(void **state)
{
	struct clamav_limits limits = {0};

	(void)state;
	assert_null(clamav_engine_load("/nonexistent", &limits));
	write_database("Bad.Thing:0:*:6261642074686\n");
	assert_null(clamav_engine_load(database, &limits));
	write_database("");
	assert_null(clamav_engine_load(database, &limits));
	clamav_engine_free(NULL);
}

static void test_scan(void **state)
{
	static const char clean[] = "a good one, from the beginning to the end";
	static const char infected[] = "somewhere in here is a bad thing, and more";
	struct av_outcome outcome = scan(clean, sizeof(clean), sizeof(clean));

	(void)state;
	assert_int_equal(outcome.kind, AV_OUTCOME_CLEAN);
	outcome = scan(infected, sizeof(infected), sizeof(infected));
	assert_int_equal(outcome.kind, AV_OUTCOME_INFECTED);
	assert_non_null(strstr(outcome.text, "Bad.Thing"));
	outcome = scan("tiny", 4, 4);
	assert_int_equal(outcome.kind, AV_OUTCOME_CLEAN);
}

static void test_unreadable(void **state)
{
	uint8_t *data = calloc(1, 300000);

	(void)state;
	assert_non_null(data);
	assert_int_equal(scan(data, 300000, 300000).kind, AV_OUTCOME_CLEAN);
	assert_int_equal(scan(data, 300000, 0).kind, AV_OUTCOME_UNSCANNED);
	data[0] = 1; /* not what libclamav remembers as clean */
	assert_int_equal(scan(data, 300000, 100000).kind, AV_OUTCOME_UNSCANNED);
	free(data);
}

static void test_judge(void **state)
{
	(void)state;
	assert_int_equal(clamav_engine_judge(false, NULL, NULL).kind, AV_OUTCOME_CLEAN);
	assert_int_equal(clamav_engine_judge(false, NULL, "no").kind, AV_OUTCOME_UNSCANNED);
	assert_int_equal(clamav_engine_judge(true, NULL, NULL).kind, AV_OUTCOME_INFECTED);
	assert_int_equal(clamav_engine_judge(true, "Heuristics.Other", "x").kind,
			 AV_OUTCOME_INFECTED);
	assert_int_equal(clamav_engine_judge(true, "Heuristics.Limits.Exceeded.Any", "x").kind,
			 AV_OUTCOME_UNSCANNED);
	assert_int_equal(clamav_engine_judge(true, "Heuristics.Limits.Exceeded", "x").kind,
			 AV_OUTCOME_UNSCANNED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_load, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bad_databases, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_scan, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unreadable, set_up, tear_down),
		cmocka_unit_test(test_judge),
	};

	return cmocka_run_group_tests_name("clamav_engine", tests, NULL, NULL);
}
