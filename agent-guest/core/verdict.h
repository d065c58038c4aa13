/* SPDX-License-Identifier: MIT */
/*
 * Who decides about an operation that waits, and when. All services that want a verdict are asked
 * at once; the first DENY decides, ALLOW needs all; each question has its own deadline and
 * fallback. One thread at a time.
 */
#ifndef AGENT_CORE_VERDICT_H
#define AGENT_CORE_VERDICT_H

#include "agent-guest/core/agent.h"

/* Outcome of asking one service in agent_notify: 0 asked, or the cause why its fallback counts. */
enum agent_cause verdict_ask(struct agent *agent, struct pending_op *op, struct service *service,
			     const struct rule *rule, struct agent_time now);

/* A VERDICT came. One for a question that is settled already is ignored: it crossed the deadline.
 */
void verdict_answer(struct agent *agent, struct service *service, uint64_t request,
		    const struct wire_verdict *verdict, struct agent_time now);

/* Applies the fallback of every question whose deadline has passed. */
void verdict_expire(struct agent *agent, struct agent_time now);

/* The connection broke: its questions are held for the next one. */
void verdict_hold(struct agent *agent, struct service *service);
/* It is back and configured: asks them again. */
void verdict_resume(struct agent *agent, struct service *service, struct agent_time now);
/* It left for good: their fallbacks apply now. */
void verdict_abandon(struct agent *agent, struct service *service, struct agent_time now);

#endif
