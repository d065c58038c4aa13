/* SPDX-License-Identifier: MIT */
/*
 * The event filter of one service: its rules, and the verdicts that it asked to be remembered
 * (MUX_VERDICT_REMEMBER) until the file changes. The table of remembered verdicts has a fixed size
 * and forgets by overwriting; what is forgotten is asked again. One thread at a time.
 */
#ifndef AGENT_CORE_FILTER_H
#define AGENT_CORE_FILTER_H

#include "agent-guest/core/rules.h"

struct filter_memory {
	uint64_t file_id; /* 0: free */
	uint64_t file_version;
	uint8_t kind;
	uint8_t verdict;
};

struct filter {
	struct rule_set rules;
	struct filter_memory memory[AGENT_REMEMBERED_MAX];
};

enum filter_action {
	FILTER_IGNORE,
	FILTER_REPORT,
	FILTER_ASK,
	FILTER_REMEMBERED, /* the verdict is known */
};

struct filter_result {
	enum filter_action action;
	const struct rule *rule;  /* not for IGNORE */
	enum mux_verdict verdict; /* REMEMBERED */
};

/* New rules; remembered verdicts go. */
void filter_configure(struct filter *filter, const struct rule_set *rules);

/* The remembered verdicts go: another instance of the service may judge otherwise. */
void filter_forget(struct filter *filter);

/* A verdict rule on an event that can't wait gives REPORT. */
struct filter_result filter_apply(const struct filter *filter, const struct agent_event *event);

void filter_remember(struct filter *filter, const struct agent_event *event,
		     enum mux_verdict verdict);

#endif
