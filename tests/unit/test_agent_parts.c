/* SPDX-License-Identifier: MIT */
/* Unit tests of the agent's small parts: globs, rules, filter, latency, audit queue, pending table.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "agent-guest/core/audit.h"
#include "agent-guest/core/filter.h"
#include "agent-guest/core/glob.h"
#include "agent-guest/core/grants.h"
#include "agent-guest/core/latency.h"
#include "agent-guest/core/pending.h"

static const struct {
	const char *pattern;
	const char *path;
	bool matches;
} globs[] = {
	{"", "", true},
	{"", "/", false},
	{"/a", "/a", true},
	{"/a", "/ab", false},
	{"/a", "/A", false},
	{"*", "abc", true},
	{"*", "", true},
	{"*", "/abc", false},
	{"/*", "/abc", true},
	{"/*", "/abc/d", false},
	{"/*/d", "/abc/d", true},
	{"**", "/abc/d", true},
	{"**", "", true},
	{"/**", "/abc/d", true},
	{"/tmp/**", "/tmp/", true},
	{"/tmp/**", "/tmp", false},
	{"/tmp/**", "/tmp/a/b", true},
	{"/tmp/**", "/tmpa/b", false},
	{"/**/x", "/x", true},
	{"/**/x", "/a/x", true},
	{"/**/x", "/a/b/x", true},
	{"/**/x", "/ax", false},
	{"/**/x", "/a/bx", false},
	{"**/x", "x", true},
	{"**/x", "/a/x", true},
	{"/**.exe", "/a/b.exe", true},
	{"/**.exe", "/a/b.exe2", false},
	{"/*.exe", "/a/b.exe", false},
	{"/a*b*c", "/aXbYc", true},
	{"/a*b*c", "/aXbYcb", false},
	{"/a*b*c", "/abbbc", true},
	{"/a*b*c", "/aXb/Yc", false},
	{"/a**b*c", "/aX/Yb/Zbc", true},
	{"/?", "/x", true},
	{"/?", "/", false},
	{"?x", "/x", false},
	{"/[a-c]x", "/bx", true},
	{"/[a-c]x", "/dx", false},
	{"/[!a-c]x", "/dx", true},
	{"/[^a-c]x", "/bx", false},
	{"/[]x]y", "/]y", true},
	{"/[!]x]y", "/]y", false},
	{"/[a-]y", "/-y", true},
	{"[!a]x", "/x", false},
	{"/\\*", "/*", true},
	{"/\\*", "/a", false},
	{"/\\[a]", "/[a]", true},
	{"/**/a/**/b", "/a/b", true},
	{"/**/a/**/b", "/x/a/y/z/b", true},
	{"/**/a/**/b", "/x/ab", false},
	{"/***/b", "/x/y/b", true},
};

static void test_glob_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(globs) / sizeof(globs[0]); i++) {
		assert_true(glob_check(globs[i].pattern));
		if (glob_match(globs[i].pattern, globs[i].path) != globs[i].matches) {
			fail_msg("glob %s on %s", globs[i].pattern, globs[i].path);
		}
	}
}

static void test_glob_check(void **state)
{
	char pattern[GLOB_LENGTH_MAX + 2];

	(void)state;
	assert_false(glob_check("/[a"));
	assert_false(glob_check("/a\\"));
	assert_false(glob_check("[]"));
	assert_false(glob_check("[!]"));
	memset(pattern, 'a', sizeof(pattern));
	pattern[GLOB_LENGTH_MAX] = '\0';
	assert_true(glob_check(pattern));
	assert_true(glob_match(pattern, pattern));
	pattern[GLOB_LENGTH_MAX] = 'a';
	pattern[GLOB_LENGTH_MAX + 1] = '\0';
	assert_false(glob_check(pattern));
}

/* The definition of a glob's meaning, as plain recursion. */
static bool glob_by_definition(const char *pattern, const char *path, char before)
{
	size_t stars = strspn(pattern, "*");

	if (*pattern == '\0') {
		return *path == '\0';
	}
	if (stars >= 2 && pattern[stars] == '/' && before == '/') {
		if (glob_by_definition(pattern + stars + 1, path, '/')) {
			return true;
		}
		for (; *path != '\0'; path++) {
			if (*path == '/' &&
			    glob_by_definition(pattern + stars + 1, path + 1, '/')) {
				return true;
			}
		}
		return false;
	}
	if (stars >= 1) {
		for (;; path++) {
			/* What follows a star is never a run of directories. */
			if (glob_by_definition(pattern + stars, path, 'x')) {
				return true;
			}
			if (*path == '\0' || (stars == 1 && *path == '/')) {
				return false;
			}
		}
	}
	if (*path == '\0' || (*pattern == '?' ? *path == '/' : *pattern != *path)) {
		return false;
	}
	return glob_by_definition(pattern + 1, path + 1, *pattern);
}

static void random_text(char *to, const char *letters, size_t max)
{
	size_t length = (size_t)rand() % max;

	for (size_t i = 0; i < length; i++) {
		to[i] = letters[(size_t)rand() % strlen(letters)];
	}
	to[length] = '\0';
}

static void test_glob_random(void **state)
{
	char pattern[12];
	char path[12];
	unsigned matches = 0;

	(void)state;
	srand(1);
	for (unsigned i = 0; i < 300000; i++) {
		bool expected;

		random_text(pattern, "a/*?", sizeof(pattern));
		random_text(path, "a/b", sizeof(path));
		expected = glob_by_definition(pattern, path, '/');
		matches += expected ? 1 : 0;
		if (glob_match(pattern, path) != expected) {
			fail_msg("glob %s on %s", pattern, path);
		}
	}
	assert_true(matches > 1000);
}

/* ---- rules and filter ---- */

static uint8_t wire_buffer[WIRE_MESSAGE_MAX];

static int build(struct rule_set *set, const struct wire_rule *rules, size_t count)
{
	struct wire_writer writer;
	struct wire_message message;
	struct wire_configure configure;

	wire_writer_init(&writer, wire_buffer, sizeof(wire_buffer));
	assert_int_equal(wire_encode_configure(&writer, 1, 7, rules, count), 0);
	assert_int_equal(wire_decode_header(wire_buffer, &message.header), 0);
	message.body = wire_buffer + MUX_HEADER_SIZE;
	assert_int_equal(wire_decode_configure(&message, &configure), 0);
	return rules_build(set, &configure);
}

static struct wire_rule wire_rule(uint32_t id, enum mux_action action, const char *include,
				  const char *exclude)
{
	return (struct wire_rule){.rule = id,
				  .action = (uint8_t)action,
				  .deadline_ms = action == MUX_ACTION_VERDICT ? 100 : 0,
				  .events = 1ULL << MUX_EVENT_OPEN | 1ULL << MUX_EVENT_RENAME,
				  .size_max = UINT64_MAX,
				  .include = wire_string_of(include),
				  .exclude = wire_string_of(exclude)};
}

static struct agent_event event_of(enum mux_event_kind kind, const char *path, const char *path2)
{
	return (struct agent_event){.kind = kind,
				    .can_wait = true,
				    .file_id = 5,
				    .file_version = 1,
				    .size = 100,
				    .path = path,
				    .path2 = path2,
				    .process = ""};
}

static uint32_t matching(const struct rule_set *set, enum mux_event_kind kind, const char *path,
			 const char *path2)
{
	struct agent_event event = event_of(kind, path, path2);
	const struct rule *rule = rules_match(set, &event);

	return rule != NULL ? rule->id : 0;
}

static void test_rules(void **state)
{
	static struct rule_set set;
	struct wire_rule rules[3] = {wire_rule(1, MUX_ACTION_IGNORE, "/srv/quiet/**", ""),
				     wire_rule(2, MUX_ACTION_REPORT, "/srv/**", "/srv/**.log"),
				     wire_rule(3, MUX_ACTION_VERDICT, "/**", "")};

	(void)state;
	rules[2].size_min = 10;
	rules[2].size_max = 100;
	assert_int_equal(build(&set, rules, 3), 0);
	assert_int_equal(set.generation, 7);
	assert_int_equal(matching(&set, MUX_EVENT_OPEN, "/srv/quiet/a", ""), 1);
	assert_int_equal(matching(&set, MUX_EVENT_OPEN, "/srv/a", ""), 2);
	assert_int_equal(matching(&set, MUX_EVENT_OPEN, "/srv/a.log", ""), 3);
	assert_int_equal(matching(&set, MUX_EVENT_CLOSE, "/srv/a", ""), 0);
	assert_int_equal(matching(&set, MUX_EVENT_RENAME, "/tmp/a", "/srv/a"), 2);
	rules[2].size_max = 99;
	assert_int_equal(build(&set, rules, 3), 0);
	assert_int_equal(matching(&set, MUX_EVENT_OPEN, "/tmp/a", ""), 0);
}

static void test_rules_refused(void **state)
{
	static struct rule_set set;
	static char text[GLOB_LENGTH_MAX + 2];
	struct wire_rule rules[MUX_RULES_PER_SESSION];

	(void)state;
	rules[0] = wire_rule(1, MUX_ACTION_REPORT, "/[a", "");
	assert_int_equal(build(&set, rules, 1), -MUX_ERR_RULE);
	rules[0] = wire_rule(1, MUX_ACTION_REPORT, "/a", "\\");
	assert_int_equal(build(&set, rules, 1), -MUX_ERR_RULE);
	memset(text, 'a', GLOB_LENGTH_MAX + 1);
	rules[0] = wire_rule(1, MUX_ACTION_REPORT, text, "");
	assert_int_equal(build(&set, rules, 1), -MUX_ERR_RULE);
	text[GLOB_LENGTH_MAX] = '\0';
	for (unsigned i = 0; i < MUX_RULES_PER_SESSION; i++) {
		rules[i] = wire_rule(i, MUX_ACTION_REPORT, text, "");
	}
	assert_int_equal(build(&set, rules, MUX_RULES_PER_SESSION), -MUX_ERR_LIMIT);
}

static void test_filter(void **state)
{
	static struct rule_set set;
	static struct filter filter;
	struct wire_rule rules[1] = {wire_rule(3, MUX_ACTION_VERDICT, "/**", "")};
	struct agent_event event = event_of(MUX_EVENT_OPEN, "/a", "");

	(void)state;
	assert_int_equal(build(&set, rules, 1), 0);
	filter_configure(&filter, &set);
	assert_int_equal(filter_apply(&filter, &event).action, FILTER_ASK);
	filter_remember(&filter, &event, MUX_VERDICT_DENY);
	assert_int_equal(filter_apply(&filter, &event).action, FILTER_REMEMBERED);
	assert_int_equal(filter_apply(&filter, &event).verdict, MUX_VERDICT_DENY);
	event.file_version = 2;
	assert_int_equal(filter_apply(&filter, &event).action, FILTER_ASK);
	event.can_wait = false;
	assert_int_equal(filter_apply(&filter, &event).action, FILTER_REPORT);
	event = event_of(MUX_EVENT_OPEN, "/a", "");
	filter_forget(&filter);
	assert_int_equal(filter_apply(&filter, &event).action, FILTER_ASK);
	event.file_id = 0;
	filter_remember(&filter, &event, MUX_VERDICT_DENY);
	assert_int_equal(filter_apply(&filter, &event).action, FILTER_ASK);
	event.kind = MUX_EVENT_CLOSE;
	assert_int_equal(filter_apply(&filter, &event).action, FILTER_IGNORE);
}

/* ---- latency ---- */

static void test_latency(void **state)
{
	static struct latency latency;

	(void)state;
	assert_int_equal(latency_percentile(&latency, 50), 0);
	for (uint64_t i = 1; i <= 100; i++) {
		latency_add(&latency, i * 1000);
	}
	assert_in_range(latency_percentile(&latency, 50), 50000, 50000 * 9 / 8);
	assert_in_range(latency_percentile(&latency, 99), 99000, 99000 * 9 / 8);
	latency_add(&latency, UINT64_MAX);
	assert_true(latency_percentile(&latency, 100) == UINT64_MAX);
	latency_add(&latency, 0);
	assert_int_equal(latency_percentile(&latency, 0), 0);
}

/* Each value lies in the bucket whose top is the next one that percentile can give. */
static void test_latency_buckets(void **state)
{
	(void)state;
	for (unsigned bit = 0; bit < 64; bit++) {
		for (unsigned step = 0; step < 16; step++) {
			struct latency latency = {0};
			uint64_t value = (1ULL << bit) + ((1ULL << bit) / 16) * step;
			uint64_t top;

			latency_add(&latency, value);
			top = latency_percentile(&latency, 50);
			assert_true(top >= value);
			assert_true(top - value <= value / 8);
		}
	}
}

/* ---- audit ---- */

static struct audit_record record_of(enum mux_audit kind, uint32_t rule, const char *path)
{
	struct audit_record record = {.kind = (uint16_t)kind, .rule = rule, .count = 1};

	audit_describe(&record, path, "text");
	return record;
}

static uint64_t drain(struct audit_queue *queue, enum mux_audit kind)
{
	const struct audit_record *record;
	uint64_t count = 0;

	while ((record = audit_peek(queue)) != NULL) {
		count += record->kind == kind ? record->count : 0;
		audit_pop(queue);
	}
	return count;
}

static void test_audit_counts(void **state)
{
	static struct audit_queue queue;
	uint64_t pushed = 0;

	(void)state;
	for (unsigned i = 0; i < 10 * AGENT_AUDIT_MAX; i++) {
		struct audit_record record = record_of(MUX_AUDIT_DENIED, i % 3 == 0 ? i : 0, "/a");

		audit_push(&queue, &record);
		pushed++;
	}
	assert_int_equal(queue.used, AGENT_AUDIT_MAX);
	assert_int_equal(drain(&queue, MUX_AUDIT_DENIED), pushed);
	assert_null(audit_peek(&queue));
}

static void test_audit_lost_is_merged(void **state)
{
	static struct audit_queue queue;
	struct audit_record record = record_of(MUX_AUDIT_LOST, 1, "/a");
	struct audit_record other = record_of(MUX_AUDIT_LOST, 2, "/b");

	(void)state;
	audit_push(&queue, &record);
	audit_push(&queue, &other);
	record = record_of(MUX_AUDIT_LOST, 1, "/c");
	audit_push(&queue, &record);
	assert_int_equal(queue.used, 2);
	assert_int_equal(audit_peek(&queue)->count, 2);
	assert_string_equal(audit_peek(&queue)->path, "");
	assert_int_equal(drain(&queue, MUX_AUDIT_LOST), 3);
}

static void test_audit_long_path(void **state)
{
	char path[600];
	struct audit_record record;

	(void)state;
	memset(path, 'x', sizeof(path));
	memcpy(path + sizeof(path) - 5, "/end", 5);
	record = record_of(MUX_AUDIT_LOST, 1, path);
	assert_int_equal(strlen(record.path), AUDIT_PATH_MAX - 1);
	assert_memory_equal(record.path, "...x", 4);
	assert_string_equal(record.path + AUDIT_PATH_MAX - 5, "/end");
}

/* ---- grants ---- */

#define BIT(n) (1ULL << (n))

static void test_grants(void **state)
{
	char error[GRANTS_ERROR_MAX];
	struct grants grants;

	(void)state;
	grants_init(&grants);
	assert_true(grants_of(&grants, 16) == (BIT(MUX_VERB_READ) | BIT(MUX_VERB_LIST) |
					       BIT(MUX_VERB_STAT) | BIT(MUX_VERB_QUARANTINE)));
	/* The first grant takes the place of what others have, the second adds. */
	assert_int_equal(grants_add(&grants, "16 delete,Restore", error), 0);
	assert_true(grants_of(&grants, 16) == (BIT(MUX_VERB_DELETE) | BIT(MUX_VERB_RESTORE)));
	assert_true(grants_of(&grants, 17) == GRANTS_OTHERS);
	assert_int_equal(grants_add(&grants, "16:process-kill", error), 0);
	assert_true(grants_of(&grants, 16) ==
		    (BIT(MUX_VERB_DELETE) | BIT(MUX_VERB_RESTORE) | BIT(MUX_VERB_PROCESS_KILL)));
	assert_int_equal(grants_add(&grants, "17 none", error), 0);
	assert_true(grants_of(&grants, 17) == 0);
	assert_int_equal(grants_add(&grants, "18\t all", error), 0);
	assert_true(grants_of(&grants, 18) == GRANTS_ALL);
	assert_int_equal(grants_add(&grants, "others stat", error), 0);
	assert_true(grants_of(&grants, 19) == BIT(MUX_VERB_STAT));
	assert_int_equal(grants_add(&grants, "others:none", error), 0);
	assert_true(grants_of(&grants, 19) == 0);
	/* What is forbidden is forbidden to all, and forbidding adds up. */
	assert_int_equal(grants_forbid(&grants, "DELETE process-kill", error), 0);
	assert_int_equal(grants_forbid(&grants, "none", error), 0);
	assert_true(grants_of(&grants, 16) == BIT(MUX_VERB_RESTORE));
	assert_true(grants_of(&grants, 18) ==
		    (GRANTS_ALL & ~(BIT(MUX_VERB_DELETE) | BIT(MUX_VERB_PROCESS_KILL))));
	assert_int_equal(grants_forbid(&grants, "all", error), 0);
	assert_true(grants_of(&grants, 18) == 0);
}

static void test_grants_errors(void **state)
{
	static const char shape[] = "a grant is the service's CID, or \"others\", and verbs";
	static const struct {
		const char *text;
		const char *error;
	} cases[] = {
		{"", shape},
		{"read", shape},
		{"-1 read", shape},
		{"+1 read", shape},
		{"0 read", shape},
		{"4294967295 read", shape},
		{"99999999999999999999999 read", shape},
		{"16x read", shape},
		{"16,read", shape},
		{"otherswise read", shape},
		{"16", "verbs are missing"},
		{"16:", "verbs are missing"},
		{"16 ,,", "verbs are missing"},
		{"others", "verbs are missing"},
		{"16 read reed", "there is no verb \"reed\" (read, write, "},
		{"16::read", "there is no verb \":read\" (read, "},
		{"16 readreadreadreadreadreadreadreadread",
		 "there is no verb \"readreadreadreadreadreadreadrea\" (read, "},
	};
	char error[GRANTS_ERROR_MAX];
	struct grants grants;
	struct grants before;
	char text[32];

	(void)state;
	grants_init(&grants);
	before = grants;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(grants_add(&grants, cases[i].text, error), -EINVAL);
		assert_int_equal(strncmp(error, cases[i].error, strlen(cases[i].error)), 0);
		assert_memory_equal(&grants, &before, sizeof(grants));
	}
	assert_int_equal(grants_forbid(&grants, "read, reed", error), -EINVAL);
	assert_string_equal(error + strlen(error) - strlen("process-kill, all or none)"),
			    "process-kill, all or none)");
	assert_int_equal(grants_forbid(&grants, " ", error), -EINVAL);
	assert_memory_equal(&grants, &before, sizeof(grants));
	for (unsigned cid = 1; cid <= AGENT_GRANTS_MAX; cid++) {
		snprintf(text, sizeof(text), "%u all", cid);
		assert_int_equal(grants_add(&grants, text, error), 0);
	}
	assert_int_equal(grants_add(&grants, "100 all", error), -EINVAL);
	assert_string_equal(error, "grants for more than 16 services");
	assert_int_equal(grants_add(&grants, "3 all", error), 0);
}

/* ---- pending ---- */

static void test_pending(void **state)
{
	static struct pending pending;
	static char path[AGENT_PATH_MAX + 1];
	struct agent_event event = event_of(MUX_EVENT_OPEN, "/a", "");
	struct agent_time now = {.us = 1};
	struct pending_op *op[AGENT_PENDING_MAX];

	(void)state;
	assert_true(pending_next_deadline(&pending) == UINT64_MAX);
	for (unsigned i = 0; i < AGENT_PENDING_MAX; i++) {
		op[i] = pending_add(&pending, &event, now);
		assert_non_null(op[i]);
		assert_ptr_equal(pending_find(&pending, op[i]->id), op[i]);
		op[i]->ask[i % AGENT_SERVICES_MAX] =
			(struct pending_ask){.state = PENDING_SENT, .deadline_us = 1000 - i};
	}
	assert_null(pending_add(&pending, &event, now));
	assert_int_equal(pending_next_deadline(&pending), 1000 - (AGENT_PENDING_MAX - 1));
	uint64_t old = op[3]->id;
	pending_remove(&pending, op[3]);
	assert_null(pending_find(&pending, old));
	memset(path, 'a', AGENT_PATH_MAX);
	event.path = path;
	assert_null(pending_add(&pending, &event, now));
	event.path = "/b";
	op[3] = pending_add(&pending, &event, now);
	assert_non_null(op[3]);
	assert_null(pending_find(&pending, old));
	assert_null(pending_find(&pending, 0));
	assert_string_equal(op[3]->event.path, "/b");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_glob_table),	cmocka_unit_test(test_glob_check),
		cmocka_unit_test(test_glob_random),	cmocka_unit_test(test_rules),
		cmocka_unit_test(test_rules_refused),	cmocka_unit_test(test_filter),
		cmocka_unit_test(test_latency),		cmocka_unit_test(test_latency_buckets),
		cmocka_unit_test(test_audit_counts),	cmocka_unit_test(test_audit_lost_is_merged),
		cmocka_unit_test(test_audit_long_path), cmocka_unit_test(test_pending),
		cmocka_unit_test(test_grants),		cmocka_unit_test(test_grants_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
