/* SPDX-License-Identifier: MIT */
/* Telling the core what happened, and what could not be told: see daemon.h. */
#include <string.h>

#include "agent-guest/linux/clock.h"
#include "agent-guest/linux/daemon.h"

/* While a service that reads has less room than this in its queue, notifications wait where they
 * are; but for one that stands still no longer than that. */
#define CONGESTED_ROOM	  (96U * 1024U)
#define CONGESTED_WAIT_US 1000000U

static bool has_rules(const struct service *service)
{
	return service->is_used && service->has_rules;
}

static uint64_t kinds_of(const struct rule_set *rules)
{
	uint64_t kinds = 0;

	for (unsigned i = 0; i < rules->count; i++) {
		if (rules->rule[i].action != MUX_ACTION_IGNORE) {
			kinds |= rules->rule[i].events;
		}
	}
	return kinds;
}

void notify_report(struct daemon *daemon, const struct agent_event *event)
{
	struct agent_event complete = *event;
	struct agent_decision decision;

	complete.start_us = processes_start(&daemon->processes, event->pid);
	(void)agent_notify(&daemon->agent, &complete, clock_now(), &decision);
}

void notify_lost(struct daemon *daemon, uint64_t kinds, const char *text)
{
	for (unsigned i = 0; i < AGENT_SERVICES_MAX; i++) {
		struct service *service = &daemon->agent.service[i];
		uint64_t mine = has_rules(service) ? kinds_of(&service->filter.rules) & kinds : 0;
		struct agent_event event = {.path = ""};

		if (mine != 0) {
			event.kind = (enum mux_event_kind)__builtin_ctzll(mine);
			service_audit(&daemon->agent, service, MUX_AUDIT_LOST, &event, 0, 0,
				      MUX_VERDICT_ALLOW, text, clock_now());
		}
	}
}

void notify_late(struct daemon *daemon, const struct agent_event *event, enum mux_verdict verdict)
{
	for (unsigned i = 0; i < AGENT_SERVICES_MAX; i++) {
		struct service *service = &daemon->agent.service[i];
		struct filter_result result;

		if (!has_rules(service)) {
			continue;
		}
		result = filter_apply(&service->filter, event);
		if (result.action == FILTER_ASK) {
			daemon->agent.counters.fallbacks++;
			service_audit(&daemon->agent, service, MUX_AUDIT_DEADLINE, event,
				      result.rule->id, 0, verdict, "the agent was held up",
				      clock_now());
		}
	}
}

bool notify_is_settled(const struct daemon *daemon, const struct agent_event *event)
{
	bool is_remembered = false;

	for (unsigned i = 0; i < AGENT_SERVICES_MAX; i++) {
		const struct service *service = &daemon->agent.service[i];
		struct filter_result result;

		/* A service that has rules about this kind for other paths counts as one that would
		 * ask: the file may get such a path. */
		if (!has_rules(service) ||
		    (kinds_of(&service->filter.rules) >> event->kind & 1) == 0) {
			continue;
		}
		result = filter_apply(&service->filter, event);
		if (result.action != FILTER_REMEMBERED || result.verdict != MUX_VERDICT_ALLOW) {
			return false;
		}
		is_remembered = true;
	}
	return is_remembered;
}

bool notify_is_congested(const struct daemon *daemon, uint64_t now_us)
{
	static uint64_t since_us;
	bool is_short = false;

	for (unsigned i = 0; i < AGENT_SERVICES_MAX; i++) {
		const struct service *service = &daemon->agent.service[i];

		is_short |= service->is_used && service->is_ready &&
			    session_room(&service->peer.session) < CONGESTED_ROOM;
	}
	if (!is_short) {
		since_us = now_us;
	}
	return is_short && now_us - since_us < CONGESTED_WAIT_US;
}
