/* SPDX-License-Identifier: MIT */
/*
 * The event rules of one service, as its CONFIGURE gave them. The first rule that matches an event
 * decides; an event that no rule matches is of no interest to that service. Fixed memory, one
 * thread at a time.
 */
#ifndef AGENT_CORE_RULES_H
#define AGENT_CORE_RULES_H

#include "agent-guest/core/event.h"
#include "agent-guest/core/limits.h"
#include "lib/wire/wire.h"

struct rule {
	uint32_t id;
	uint8_t action;	  /* enum mux_action */
	uint8_t fallback; /* enum mux_verdict */
	uint32_t deadline_ms;
	uint64_t events; /* bit per enum mux_event_kind */
	uint64_t size_min;
	uint64_t size_max;
	uint16_t include; /* globs: offsets into rule_set.text */
	uint16_t exclude;
};

struct rule_set {
	uint32_t generation;
	uint16_t count;
	uint16_t text_used;
	struct rule rule[MUX_RULES_PER_SESSION];
	char text[AGENT_RULE_TEXT_MAX];
};

/* Makes a rule set of a decoded CONFIGURE. 0; -MUX_ERR_RULE: a glob is broken or too long;
 * -MUX_ERR_LIMIT: too many rules or characters. After an error *set is not to be used. */
int rules_build(struct rule_set *set, const struct wire_configure *configure);

/* The rule that decides about the event, or NULL. A rename matches by either of its names. */
const struct rule *rules_match(const struct rule_set *set, const struct agent_event *event);

#endif
