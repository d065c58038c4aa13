/* SPDX-License-Identifier: MIT */
/* Deciding about operations that wait: see verdict.h. */
#include "agent-guest/core/verdict.h"

#include <string.h>

/* How one question ended. */
struct outcome {
	enum mux_verdict verdict;
	enum agent_cause cause;
	uint32_t reason;
	const char *text;
};

static unsigned index_of(const struct agent *agent, const struct service *service)
{
	return (unsigned)(service - agent->service);
}

static void decide(struct agent *agent, struct pending_op *op, const struct service *service,
		   const struct outcome *outcome, struct agent_time now)
{
	struct agent_decision decision = {.verdict = outcome->verdict,
					  .cause = outcome->cause,
					  .reason = outcome->reason,
					  .ticks = now.ticks - op->asked.ticks,
					  .service = service->name,
					  .text = outcome->text};

	op->is_decided = true;
	if (outcome->verdict == MUX_VERDICT_DENY) {
		agent->counters.denied++;
	}
	agent->ops->decide(agent->os, op->event.cookie, &decision);
}

/* One question is settled. The operation's slot is kept until all of them are, so that the handle
 * stays valid for services that are still looking at the file. */
static void settle(struct agent *agent, struct pending_op *op, struct service *service,
		   const struct outcome *outcome, struct agent_time now)
{
	op->ask[index_of(agent, service)].state = PENDING_NONE;
	op->asks--;
	if (!op->is_decided && (outcome->verdict == MUX_VERDICT_DENY || op->asks == 0)) {
		decide(agent, op, service, outcome, now);
	}
	if (op->asks == 0) {
		if (op->file != NULL) {
			agent->ops->close(agent->os, op->file);
		}
		pending_remove(&agent->pending, op);
	}
}

static void fall_back(struct agent *agent, struct pending_op *op, struct service *service,
		      enum agent_cause cause, struct agent_time now)
{
	const struct pending_ask *ask = &op->ask[index_of(agent, service)];
	enum mux_audit kind = cause == AGENT_CAUSE_DEADLINE	? MUX_AUDIT_DEADLINE
			      : cause == AGENT_CAUSE_DISCONNECT ? MUX_AUDIT_DISCONNECT
								: MUX_AUDIT_LOST;
	struct outcome outcome = {
		.verdict = (enum mux_verdict)ask->fallback, .cause = cause, .text = ""};

	agent->counters.fallbacks++;
	service_audit(agent, service, kind, &op->event, ask->rule, ask->sequence, outcome.verdict,
		      op->is_decided ? "decided by another service before" : "", now);
	settle(agent, op, service, &outcome, now);
}

static int send(struct agent *agent, struct pending_op *op, struct service *service,
		const struct rule *rule, struct agent_time now)
{
	struct pending_ask *ask = &op->ask[index_of(agent, service)];
	uint64_t handle = op->file != NULL ? op->id : 0;
	int error = service_send_event(agent, service, &op->event, rule, op->id, handle, now);

	if (error == 0) {
		ask->state = PENDING_SENT;
		ask->sequence = service->sequence;
	}
	return error;
}

enum agent_cause verdict_ask(struct agent *agent, struct pending_op *op, struct service *service,
			     const struct rule *rule, struct agent_time now)
{
	struct pending_ask *ask = &op->ask[index_of(agent, service)];

	if (service_is_gone(service, now)) {
		return AGENT_CAUSE_DISCONNECT;
	}
	ask->fallback = rule->fallback;
	ask->rule = rule->id;
	ask->deadline_ms = rule->deadline_ms;
	ask->deadline_us = now.us + (uint64_t)rule->deadline_ms * 1000;
	if (!service->is_ready) {
		ask->state = PENDING_HELD;
	} else if (send(agent, op, service, rule, now) != 0) {
		return AGENT_CAUSE_LIMIT;
	}
	op->asks++;
	return AGENT_CAUSE_NONE;
}

void verdict_answer(struct agent *agent, struct service *service, uint64_t request,
		    const struct wire_verdict *verdict, struct agent_time now)
{
	struct pending_op *op = pending_find(&agent->pending, request);
	struct pending_ask *ask;
	struct outcome outcome;
	char text[AGENT_STAT_NAME_MAX];

	if (op == NULL || op->ask[index_of(agent, service)].state != PENDING_SENT) {
		return;
	}
	ask = &op->ask[index_of(agent, service)];
	wire_string_copy(text, sizeof(text), verdict->text);
	outcome = (struct outcome){.verdict = (enum mux_verdict)verdict->verdict,
				   .cause = AGENT_CAUSE_VERDICT,
				   .reason = verdict->reason,
				   .text = text};
	agent->counters.verdicts++;
	latency_add(&agent->latency, now.ticks - op->asked.ticks);
	if ((verdict->flags & MUX_VERDICT_REMEMBER) != 0) {
		filter_remember(&service->filter, &op->event, outcome.verdict);
	}
	if (outcome.verdict == MUX_VERDICT_DENY) {
		service_audit(agent, service, MUX_AUDIT_DENIED, &op->event, ask->rule,
			      ask->sequence, outcome.verdict, text, now);
	}
	settle(agent, op, service, &outcome, now);
}

static void expire_op(struct agent *agent, struct pending_op *op, struct agent_time now)
{
	for (unsigned i = 0; i < AGENT_SERVICES_MAX && op->id != 0; i++) {
		const struct pending_ask *ask = &op->ask[i];
		enum agent_cause cause =
			ask->state == PENDING_SENT ? AGENT_CAUSE_DEADLINE : AGENT_CAUSE_DISCONNECT;

		if (ask->state != PENDING_NONE && now.us >= ask->deadline_us) {
			fall_back(agent, op, &agent->service[i], cause, now);
		}
	}
}

void verdict_expire(struct agent *agent, struct agent_time now)
{
	for (unsigned i = 0; i < AGENT_PENDING_MAX && agent->pending.used > 0; i++) {
		if (agent->pending.op[i].id != 0) {
			expire_op(agent, &agent->pending.op[i], now);
		}
	}
}

/* The question to this service at slot `slot`, or NULL. */
static struct pending_ask *ask_at(struct agent *agent, const struct service *service, unsigned slot)
{
	struct pending_op *op = &agent->pending.op[slot];
	struct pending_ask *ask = &op->ask[index_of(agent, service)];

	return op->id != 0 && ask->state != PENDING_NONE ? ask : NULL;
}

void verdict_hold(struct agent *agent, struct service *service)
{
	for (unsigned i = 0; i < AGENT_PENDING_MAX; i++) {
		struct pending_ask *ask = ask_at(agent, service, i);

		if (ask != NULL) {
			ask->state = PENDING_HELD;
		}
	}
}

void verdict_resume(struct agent *agent, struct service *service, struct agent_time now)
{
	for (unsigned i = 0; i < AGENT_PENDING_MAX; i++) {
		struct pending_ask *ask = ask_at(agent, service, i);
		struct pending_op *op = &agent->pending.op[i];
		struct filter_result result;

		if (ask == NULL || ask->state != PENDING_HELD) {
			continue;
		}
		result = filter_apply(&service->filter, &op->event);
		if (result.action != FILTER_ASK) {
			/* Its new rules do not ask; the old question still needs an end. */
			fall_back(agent, op, service, AGENT_CAUSE_DISCONNECT, now);
			continue;
		}
		ask->rule = result.rule->id;
		ask->fallback = result.rule->fallback;
		if (send(agent, op, service, result.rule, now) != 0) {
			fall_back(agent, op, service, AGENT_CAUSE_LIMIT, now);
		}
	}
}

void verdict_abandon(struct agent *agent, struct service *service, struct agent_time now)
{
	for (unsigned i = 0; i < AGENT_PENDING_MAX; i++) {
		if (ask_at(agent, service, i) != NULL) {
			fall_back(agent, &agent->pending.op[i], service, AGENT_CAUSE_DISCONNECT,
				  now);
		}
	}
}
