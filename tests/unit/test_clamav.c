/* SPDX-License-Identifier: MIT */
/* Unit tests of muxclamav's command line, times, its check of what scan processes say, and what
 * keeps these from the service. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "appliance/clamav/clamav_confine.h"
#include "appliance/clamav/clamav_message.h"
#include "appliance/clamav/clamav_options.h"
#include "appliance/clamav/clamav_time.h"

static struct clamav_options options;
static char *said; /* on both streams, by the last parse */

static enum clamav_options_result parse(const char *line)
{
	char text[256], *words[32] = {"muxclamav"};
	enum clamav_options_result result;
	size_t size;
	FILE *stream;
	int count = 1;

	free(said);
	stream = open_memstream(&said, &size);
	assert_non_null(stream);
	snprintf(text, sizeof(text), "%s", line);
	for (char *word = strtok(text, " "); word != NULL; word = strtok(NULL, " ")) {
		words[count++] = word;
	}
	result = clamav_options_parse(&options, count, words, stream, stream);
	fclose(stream);
	return result;
}

static void test_options(void **state)
{
	(void)state;
	assert_int_equal(parse(""), CLAMAV_OPTIONS_RUN);
	assert_string_equal(options.database, "/var/lib/clamav");
	assert_string_equal(options.config, "/etc/muxvisor/policy.conf");
	assert_string_equal(options.name, "clamav");
	assert_int_equal(options.scans, 2);
	assert_int_equal(options.port, 0);
	assert_false(options.only_check);
	assert_true(options.limits.file_size == 0 && options.limits.time_ms == 0);
	assert_int_equal(
		parse("--check --scans 8 --max-file-size 16M --max-scan-size=2G --max-files 50 "
		      "--max-recursion 3 --max-time 90s --port 7005 --name x --temporary /t"),
		CLAMAV_OPTIONS_RUN);
	assert_true(options.only_check);
	assert_int_equal(options.scans, 8);
	assert_int_equal(options.port, 7005);
	assert_int_equal(options.limits.file_size, 16 << 20);
	assert_int_equal(options.limits.scan_size, 2ULL << 30);
	assert_int_equal(options.limits.files, 50);
	assert_int_equal(options.limits.recursion, 3);
	assert_int_equal(options.limits.time_ms, 90000);
	assert_string_equal(said, "");
}

static void test_wrong_options(void **state)
{
	static const struct {
		const char *line;
		const char *reason;
	} wrong[] = {
		{"--scans 0", "--scans takes 1 to 8"},
		{"--scans 9", "--scans takes 1 to 8"},
		{"--scans x", "--scans takes 1 to 8"},
		{"--port 0", "--port takes"},
		{"--port 4294967295", "--port takes"},
		{"--max-file-size 0", "--max-file-size takes"},
		{"--max-file-size 2G", "--max-file-size takes"},
		{"--max-file-size 5Q", "--max-file-size takes"},
		{"--max-scan-size 65G", "--max-scan-size takes"},
		{"--max-files -1", "--max-files takes"},
		{"--max-recursion 101", "--max-recursion takes"},
		{"--max-time 99ms", "--max-time takes"},
		{"--max-time 10", "--max-time takes"},
		{"--name", "a value is missing after --name"},
		{"--nonsense", "no such option: --nonsense"},
		{"file", "no such argument: file"},
	};
	char name[80] = "--name ";

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(parse(wrong[i].line), CLAMAV_OPTIONS_WRONG);
		assert_non_null(strstr(said, wrong[i].reason));
	}
	memset(name + 7, 'n', 64);
	assert_int_equal(parse(name), CLAMAV_OPTIONS_WRONG);
	name[7 + 63] = '\0';
	assert_int_equal(parse(name), CLAMAV_OPTIONS_RUN);
	assert_int_equal(parse("--help"), CLAMAV_OPTIONS_DONE);
	assert_non_null(strstr(said, "usage: muxclamav"));
	assert_int_equal(parse("--version"), CLAMAV_OPTIONS_DONE);
	free(said);
	said = NULL;
}

static void test_times(void **state)
{
	struct clamav_time time;

	(void)state;
	assert_true(clamav_time_split(AV_TIME_NO_END, 120000, &time));
	assert_int_equal(time.scan_ms, 120000);
	assert_int_equal(time.kill_ms, 122000);
	assert_true(clamav_time_split(5000, 120000, &time));
	assert_int_equal(time.kill_ms, 4375);
	assert_int_equal(time.scan_ms, 3750);
	assert_true(clamav_time_split(60000, 10000, &time));
	assert_int_equal(time.scan_ms, 10000);
	assert_false(clamav_time_split(0, 120000, &time));
	assert_false(clamav_time_split(199, 120000, &time));
	assert_true(clamav_time_split(200, 120000, &time));
	/* Whatever is left: ended in time, with a moment for the verdict, and libclamav first. */
	for (uint32_t left = 200; left < 700000; left += 7) {
		for (uint32_t max = 100; max <= 600000; max = max * 3 + 1) {
			assert_true(clamav_time_split(left, max, &time));
			assert_true(time.scan_ms > 0 && time.scan_ms <= max);
			assert_true(time.scan_ms + 50 <= time.kill_ms);
			assert_true(time.kill_ms + 50 <= left);
		}
	}
}

static bool check(struct clamav_reply reply, uint64_t file_size)
{
	return clamav_message_check(&reply, sizeof(reply), file_size);
}

static struct clamav_reply read_of(uint64_t offset, uint64_t length)
{
	return (struct clamav_reply){.kind = CLAMAV_REPLY_READ, .offset = offset, .length = length};
}

static void test_replies(void **state)
{
	struct clamav_reply result = {.kind = CLAMAV_REPLY_RESULT};

	(void)state;
	assert_true(check(read_of(0, 100), 100));
	assert_true(check(read_of(99, 1), 100));
	assert_false(check(read_of(99, 2), 100));
	assert_false(check(read_of(100, 1), 100));
	assert_false(check(read_of(0, 0), 100));
	assert_false(check(read_of(UINT64_MAX, 1), 100));
	assert_false(check(read_of(1, UINT64_MAX), UINT64_MAX));
	assert_true(check(read_of(0, CLAMAV_WINDOW), UINT64_MAX));
	assert_false(check(read_of(0, CLAMAV_WINDOW + 1), UINT64_MAX));
	for (uint32_t outcome = 0; outcome < 10; outcome++) {
		result.outcome = outcome;
		assert_int_equal(check(result, 1), outcome == AV_OUTCOME_CLEAN ||
							   outcome == AV_OUTCOME_INFECTED ||
							   outcome == AV_OUTCOME_UNSCANNED);
	}
	assert_false(check((struct clamav_reply){.kind = 2, .length = 1}, 100));
	memset(result.text, 'x', sizeof(result.text));
	result.outcome = AV_OUTCOME_CLEAN;
	assert_true(clamav_message_check(&result, sizeof(result), 1));
	assert_int_equal(strlen(result.text), sizeof(result.text) - 1);
	assert_false(clamav_message_check(&result, sizeof(result) - 1, 1));
	assert_false(clamav_message_check(&result, 0, 1));
}

/* Do other processes of this one's user get at its memory? */
static bool is_memory_open(void)
{
	struct stat stat;

	return lstat("/proc/self/mem", &stat) < 0 || stat.st_uid == geteuid();
}

/* A service that does not run as root, and its scan processes: all are one user's. */
static void test_memory_is_closed(void **state)
{
	int status = 0;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		bool is_open = (geteuid() != 0 || setuid(CLAMAV_CONFINE_USER - 1) == 0) &&
			       prctl(PR_SET_DUMPABLE, 1) == 0 && is_memory_open();

		_exit(!is_open || clamav_confine_service() != 0 || is_memory_open());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options),	      cmocka_unit_test(test_memory_is_closed),
		cmocka_unit_test(test_wrong_options), cmocka_unit_test(test_times),
		cmocka_unit_test(test_replies),
	};

	return cmocka_run_group_tests_name("clamav", tests, NULL, NULL);
}
