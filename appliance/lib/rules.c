/* SPDX-License-Identifier: MIT */
#include "appliance/lib/rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/lib/include/muxaccess.h"

#define DEADLINE_MAX_MS 600000U

struct mux_rules *mux_rules_create(void)
{
	return calloc(1, sizeof(struct mux_rules));
}

static void free_string(struct wire_string string)
{
	free((void *)(uintptr_t)string.data);
}

void mux_rules_free(struct mux_rules *rules)
{
	if (!rules) {
		return;
	}
	for (size_t i = 0; i < rules->count; i++) {
		free_string(rules->rule[i].include);
		free_string(rules->rule[i].exclude);
	}
	free(rules);
}

static void fail(struct mux_rules *rules, int error)
{
	if (!rules->error) {
		rules->error = error;
	}
}

static struct wire_string copy_string(struct mux_rules *rules, const char *text)
{
	struct wire_string copy = {NULL, 0};

	if (!text || strlen(text) > MUX_STRING_MAX) {
		fail(rules, -EINVAL);
		return copy;
	}
	copy.data = strdup(text);
	if (!copy.data) {
		fail(rules, -ENOMEM);
		return copy;
	}
	copy.size = (uint32_t)strlen(text);
	return copy;
}

static void add(struct mux_rules *rules, struct wire_rule rule, const char *include)
{
	if (!rules) {
		return;
	}
	if (rules->count == MUX_RULES_PER_SESSION) {
		fail(rules, -E2BIG);
		return;
	}
	if (rule.events == 0 || (rule.events & ~MUX_EVENTS_ALL)) {
		fail(rules, -EINVAL);
	}
	rule.size_max = UINT64_MAX;
	rule.include = copy_string(rules, include);
	rules->rule[rules->count++] = rule;
}

void mux_rules_ignore(struct mux_rules *rules, uint32_t rule, uint64_t events, const char *include)
{
	add(rules, (struct wire_rule){.rule = rule, .action = MUX_ACTION_IGNORE, .events = events},
	    include);
}

void mux_rules_report(struct mux_rules *rules, uint32_t rule, uint64_t events, const char *include)
{
	add(rules, (struct wire_rule){.rule = rule, .action = MUX_ACTION_REPORT, .events = events},
	    include);
}

void mux_rules_verdict(struct mux_rules *rules, uint32_t rule, uint64_t events, const char *include,
		       uint32_t deadline_ms, enum mux_verdict fallback)
{
	if (rules && (deadline_ms == 0 || deadline_ms > DEADLINE_MAX_MS ||
		      (fallback != MUX_VERDICT_ALLOW && fallback != MUX_VERDICT_DENY))) {
		fail(rules, -EINVAL);
	}
	add(rules,
	    (struct wire_rule){.rule = rule,
			       .action = MUX_ACTION_VERDICT,
			       .fallback = (uint8_t)fallback,
			       .deadline_ms = deadline_ms,
			       .events = events},
	    include);
}

/* The rule that was added last, or NULL, which is an error. */
static struct wire_rule *last_rule(struct mux_rules *rules)
{
	if (!rules) {
		return NULL;
	}
	if (!rules->count) {
		fail(rules, -EINVAL);
		return NULL;
	}
	return &rules->rule[rules->count - 1];
}

void mux_rules_exclude(struct mux_rules *rules, const char *exclude)
{
	struct wire_rule *rule = last_rule(rules);

	if (rule) {
		free_string(rule->exclude);
		rule->exclude = copy_string(rules, exclude);
	}
}

void mux_rules_size(struct mux_rules *rules, uint64_t size_min, uint64_t size_max)
{
	struct wire_rule *rule = last_rule(rules);

	if (!rule) {
		return;
	}
	if (size_min > size_max) {
		fail(rules, -EINVAL);
	}
	rule->size_min = size_min;
	rule->size_max = size_max;
}
