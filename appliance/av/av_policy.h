/* SPDX-License-Identifier: MIT */
/*
 * What the antivirus service does for each guest: the text of policy.conf, parsed and checked.
 * docs/av.md describes the format:
 *
 *   guest NAME: EVENT[,EVENT]... ACTION [KEY=VALUE]...
 *
 * A guest's rules are its lines in order; a guest that no line names gets those of `*`.
 * No allocation, no locking.
 */
#ifndef AV_POLICY_H
#define AV_POLICY_H

#include "muxvisor/protocol.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AV_POLICY_RULES_MAX   64U
#define AV_POLICY_NAME_MAX    63U
#define AV_POLICY_GLOB_MAX    255U
#define AV_POLICY_DEADLINE_MS 5000U /* where no deadline is given */

/* What happens to an infected file, besides that a verdict on it is "deny". */
enum av_measure { AV_MEASURE_REPORT, AV_MEASURE_QUARANTINE, AV_MEASURE_DELETE };

struct av_policy_rule {
	char guest[AV_POLICY_NAME_MAX + 1]; /* or "*" */
	uint32_t number;		    /* from 1: the rule id that agents see */
	uint64_t events;		    /* bit per enum mux_event_kind */
	enum mux_action action;
	enum mux_verdict fallback;
	uint32_t deadline_ms;
	enum av_measure infected;
	uint64_t size_min;
	uint64_t size_max;
	char path[AV_POLICY_GLOB_MAX + 1];
	char exclude[AV_POLICY_GLOB_MAX + 1]; /* "": nothing */
};

struct av_policy {
	unsigned int count;
	struct av_policy_rule rule[AV_POLICY_RULES_MAX];
};

/* Says what is wrong with line `line` (from 1). */
typedef void av_policy_report_function(void *context, unsigned int line, const char *reason);

/* Returns the number of lines that are wrong; every one is reported, and the policy must then not
 * be used. */
unsigned int av_policy_parse(struct av_policy *policy, const char *text, size_t length,
			     av_policy_report_function *report, void *context);

/* The first rule of a guest (after == NULL) or its next one; NULL: no more. */
const struct av_policy_rule *av_policy_next(const struct av_policy *policy, const char *guest,
					    const struct av_policy_rule *after);
/* The rule of that number, or NULL. */
const struct av_policy_rule *av_policy_rule(const struct av_policy *policy, uint32_t number);

const char *av_policy_measure_name(enum av_measure measure);

#endif
