/* SPDX-License-Identifier: MIT */
/* Event filter of one service: see filter.h. */
#include "agent-guest/core/filter.h"

#include <string.h>

/* Multiplier of Fibonacci hashing: 2^64 divided by the golden ratio. */
#define HASH_FACTOR 0x9e3779b97f4a7c15ULL

static size_t memory_slot(const struct agent_event *event)
{
	uint64_t hash = (event->file_id * 16 + (uint64_t)event->kind) * HASH_FACTOR;

	return (size_t)(hash >> 32) & (AGENT_REMEMBERED_MAX - 1);
}

static const struct filter_memory *find(const struct filter *filter,
					const struct agent_event *event)
{
	const struct filter_memory *memory = &filter->memory[memory_slot(event)];

	if (event->file_id == 0 || memory->file_id != event->file_id ||
	    memory->file_version != event->file_version || memory->kind != event->kind) {
		return NULL;
	}
	return memory;
}

void filter_configure(struct filter *filter, const struct rule_set *rules)
{
	filter->rules = *rules;
	filter_forget(filter);
}

void filter_forget(struct filter *filter)
{
	memset(filter->memory, 0, sizeof(filter->memory));
}

struct filter_result filter_apply(const struct filter *filter, const struct agent_event *event)
{
	const struct rule *rule = rules_match(&filter->rules, event);
	const struct filter_memory *memory;

	if (rule == NULL || rule->action == MUX_ACTION_IGNORE) {
		return (struct filter_result){.action = FILTER_IGNORE};
	}
	if (rule->action == MUX_ACTION_REPORT || !event->can_wait) {
		return (struct filter_result){.action = FILTER_REPORT, .rule = rule};
	}
	memory = find(filter, event);
	if (memory != NULL) {
		return (struct filter_result){.action = FILTER_REMEMBERED,
					      .rule = rule,
					      .verdict = (enum mux_verdict)memory->verdict};
	}
	return (struct filter_result){.action = FILTER_ASK, .rule = rule};
}

void filter_remember(struct filter *filter, const struct agent_event *event,
		     enum mux_verdict verdict)
{
	if (event->file_id == 0) {
		return;
	}
	filter->memory[memory_slot(event)] =
		(struct filter_memory){.file_id = event->file_id,
				       .file_version = event->file_version,
				       .kind = (uint8_t)event->kind,
				       .verdict = (uint8_t)verdict};
}
