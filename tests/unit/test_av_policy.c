/* SPDX-License-Identifier: MIT */
/* Unit tests of the antivirus service's policy file and of the text that it prints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "appliance/av/av_policy.h"
#include "appliance/av/av_text.h"

struct reports {
	unsigned int count;
	unsigned int line;
	char reason[256];
};

static struct av_policy policy;

static void take_report(void *context, unsigned int line, const char *reason)
{
	struct reports *reports = context;

	reports->count++;
	reports->line = line;
	snprintf(reports->reason, sizeof(reports->reason), "%s", reason);
}

static struct reports parse(const char *text)
{
	struct reports reports = {0};
	unsigned int bad = av_policy_parse(&policy, text, strlen(text), take_report, &reports);

	assert_int_equal(bad, reports.count);
	return reports;
}

static void test_rules(void **state)
{
	const struct av_policy_rule *rule;

	(void)state;
	assert_int_equal(
		parse("# comment\n"
		      "\n"
		      "guest strict: open,execute verdict deadline=1500ms fallback=allow "
		      "infected=quarantine\r\n"
		      "\tguest  lax:\twrite report infected=delete path=/home/** exclude=/home/x/* "
		      "size=1K..2M\n"
		      "guest lax: process-start ignore\n"
		      "guest *: rename report")
			.count,
		0);
	assert_int_equal(policy.count, 4);

	rule = av_policy_next(&policy, "strict", NULL);
	assert_non_null(rule);
	assert_int_equal(rule->number, 1);
	assert_int_equal(rule->events, 1U << MUX_EVENT_OPEN | 1U << MUX_EVENT_EXECUTE);
	assert_int_equal(rule->action, MUX_ACTION_VERDICT);
	assert_int_equal(rule->deadline_ms, 1500);
	assert_int_equal(rule->fallback, MUX_VERDICT_ALLOW);
	assert_int_equal(rule->infected, AV_MEASURE_QUARANTINE);
	assert_string_equal(rule->path, "/**");
	assert_string_equal(rule->exclude, "");
	assert_true(rule->size_min == 0 && rule->size_max == UINT64_MAX);
	assert_null(av_policy_next(&policy, "strict", rule));

	rule = av_policy_next(&policy, "lax", NULL);
	assert_int_equal(rule->number, 2);
	assert_int_equal(rule->infected, AV_MEASURE_DELETE);
	assert_string_equal(rule->path, "/home/**");
	assert_string_equal(rule->exclude, "/home/x/*");
	assert_int_equal(rule->size_min, 1024);
	assert_int_equal(rule->size_max, 2 << 20);
	rule = av_policy_next(&policy, "lax", rule);
	assert_int_equal(rule->number, 3);
	assert_int_equal(rule->action, MUX_ACTION_IGNORE);
	assert_null(av_policy_next(&policy, "lax", rule));

	rule = av_policy_next(&policy, "other", NULL);
	assert_int_equal(rule->number, 4);
	assert_ptr_equal(av_policy_rule(&policy, 4), rule);
	assert_null(av_policy_rule(&policy, 0));
	assert_null(av_policy_rule(&policy, 5));
	assert_string_equal(av_policy_measure_name(AV_MEASURE_QUARANTINE), "quarantine");
}

static void test_defaults(void **state)
{
	(void)state;
	assert_int_equal(parse("guest a: open verdict").count, 0);
	assert_int_equal(policy.rule[0].deadline_ms, AV_POLICY_DEADLINE_MS);
	assert_int_equal(policy.rule[0].fallback, MUX_VERDICT_DENY);
	assert_int_equal(policy.rule[0].infected, AV_MEASURE_REPORT);
	assert_null(av_policy_next(&policy, "b", NULL));
	assert_int_equal(parse("guest a: open report size=..1G").count, 0);
	assert_int_equal(policy.rule[0].size_max, 1U << 30);
	assert_int_equal(parse("guest a: open report size=3..").count, 0);
	assert_int_equal(policy.rule[0].size_min, 3);
	assert_int_equal(parse("guest a: open,read verdict deadline=2s").count, 0);
	assert_int_equal(policy.rule[0].events, 1U << MUX_EVENT_OPEN | 1U << MUX_EVENT_READ);
	assert_int_equal(policy.rule[0].deadline_ms, 2000);
}

static const char *const wrong[][2] = {
	{"gast a: open report", "guest NAME"},
	{"guest", "name and a colon"},
	{"guest a open report", "name and a colon"},
	{"guest : open report", "name and a colon"},
	{"guest a:", "no event"},
	{"guest a: , report", "no event"},
	{"guest a: opens report", "unknown event"},
	{"guest a: open", "ignore, report or verdict"},
	{"guest a: open deny", "ignore, report or verdict"},
	{"guest a: open report path", "KEY=VALUE"},
	{"guest a: open report path=", "KEY=VALUE"},
	{"guest a: open report deadline=5s", "unknown key"},
	{"guest a: open ignore infected=delete", "unknown key"},
	{"guest a: open verdict colour=red", "unknown key"},
	{"guest a: open verdict deadline=5", "deadline="},
	{"guest a: open verdict deadline=0ms", "deadline="},
	{"guest a: open verdict deadline=601s", "deadline="},
	{"guest a: open verdict fallback=maybe", "fallback="},
	{"guest a: open verdict infected=burn", "infected="},
	{"guest a: open report size=5", "MIN..MAX"},
	{"guest a: open report size=5..x", "MIN..MAX"},
	{"guest a: open report size=6..5", "minimum"},
};

static void test_errors(void **state)
{
	char text[8192] = "";

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char line[128];
		struct reports reports;

		snprintf(line, sizeof(line), "guest a: open report\n%s\n", wrong[i][0]);
		reports = parse(line);
		assert_int_equal(reports.count, 1);
		assert_int_equal(reports.line, 2);
		if (strstr(reports.reason, wrong[i][1]) == NULL) {
			fail_msg("%s: %s", wrong[i][0], reports.reason);
		}
		assert_int_equal(policy.count, 1);
	}
	for (unsigned int i = 0; i < AV_POLICY_RULES_MAX + 2; i++) {
		strcat(text, "guest a: open report\n");
	}
	assert_int_equal(parse(text).count, 2);
	memset(text, 'x', 400);
	memcpy(text, "guest ", 6);
	strcpy(text + 400, ": open report");
	assert_int_equal(parse(text).count, 1);
	memcpy(text, "guest a: open report path=", 26);
	assert_int_equal(parse(text).count, 1);
}

static void test_text(void **state)
{
	static char longer[AV_TEXT_MAX + 10];
	const char *text;

	(void)state;
	assert_string_equal(av_text_escape("/a b\n\\\x80~"), "/a\\x20b\\x0a\\x5c\\x80~");
	assert_string_equal(av_text_escape(""), "");
	memset(longer, '\n', sizeof(longer) - 1);
	text = av_text_escape(longer);
	assert_int_equal(strlen(text), 4 * AV_TEXT_MAX + 3);
	assert_string_equal(text + 4 * AV_TEXT_MAX, "...");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests_name("av_policy", tests, NULL, NULL);
}
