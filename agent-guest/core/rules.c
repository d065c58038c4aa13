/* SPDX-License-Identifier: MIT */
/* Event rules of one service: see rules.h. */
#include "agent-guest/core/rules.h"

#include <string.h>

#include "agent-guest/core/glob.h"

static int add_glob(struct rule_set *set, struct wire_string glob, uint16_t *offset)
{
	char *text = set->text + set->text_used;
	size_t room = sizeof(set->text) - set->text_used;

	if (glob.size > GLOB_LENGTH_MAX) {
		return -MUX_ERR_RULE;
	}
	if (!wire_string_copy(text, room, glob)) {
		return -MUX_ERR_LIMIT;
	}
	if (!glob_check(text)) {
		return -MUX_ERR_RULE;
	}
	*offset = set->text_used;
	set->text_used = (uint16_t)(set->text_used + glob.size + 1);
	return 0;
}

static int add_rule(struct rule_set *set, const struct wire_rule *from)
{
	struct rule *rule;
	int error;

	if (set->count == MUX_RULES_PER_SESSION) {
		return -MUX_ERR_LIMIT;
	}
	rule = &set->rule[set->count];
	*rule = (struct rule){.id = from->rule,
			      .action = from->action,
			      .fallback = from->fallback,
			      .deadline_ms = from->deadline_ms,
			      .events = from->events,
			      .size_min = from->size_min,
			      .size_max = from->size_max};
	error = add_glob(set, from->include, &rule->include);
	if (error == 0) {
		error = add_glob(set, from->exclude, &rule->exclude);
	}
	if (error == 0) {
		set->count++;
	}
	return error;
}

int rules_build(struct rule_set *set, const struct wire_configure *configure)
{
	struct wire_list list = configure->rules;
	struct wire_rule rule;
	int more;

	memset(set, 0, sizeof(*set));
	set->generation = configure->generation;
	while ((more = wire_next_rule(&list, &rule)) > 0) {
		int error = add_rule(set, &rule);

		if (error != 0) {
			return error;
		}
	}
	return more;
}

static bool path_matches(const struct rule_set *set, const struct rule *rule, const char *path)
{
	const char *exclude = set->text + rule->exclude;

	return glob_match(set->text + rule->include, path) &&
	       (exclude[0] == '\0' || !glob_match(exclude, path));
}

static bool rule_matches(const struct rule_set *set, const struct rule *rule,
			 const struct agent_event *event)
{
	if ((rule->events >> event->kind & 1) == 0 || event->size < rule->size_min ||
	    event->size > rule->size_max) {
		return false;
	}
	return path_matches(set, rule, event->path) ||
	       (event->path2[0] != '\0' && path_matches(set, rule, event->path2));
}

const struct rule *rules_match(const struct rule_set *set, const struct agent_event *event)
{
	for (unsigned i = 0; i < set->count; i++) {
		if (rule_matches(set, &set->rule[i], event)) {
			return &set->rule[i];
		}
	}
	return NULL;
}
