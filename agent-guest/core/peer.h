/* SPDX-License-Identifier: MIT */
/*
 * What the agent's links to the manager and to services have in common: greeting, heartbeats,
 * counters, audit records, the end. One thread at a time.
 */
#ifndef AGENT_CORE_PEER_H
#define AGENT_CORE_PEER_H

#include "agent-guest/core/audit.h"
#include "agent-guest/core/event.h"
#include "agent-guest/core/session.h"

struct peer {
	struct session session;
	struct audit_queue audit;
	uint64_t heartbeat_us;	    /* interval, 0: none */
	uint64_t heartbeat_next_us; /* UINT64_MAX: none */
};

struct agent;

void peer_init(struct peer *peer);

/* The connection stands: says HELLO. */
void peer_greet(struct agent *agent, struct peer *peer, struct agent_time now);

/* Handles WELCOME, and ERROR and other types that mean the same on every link. 1: was handled;
 * 0: the caller's business; a negated enum mux_error: the session is to fail. */
int peer_message(struct agent *agent, struct peer *peer, const struct wire_message *message,
		 struct agent_time now);

/* Queues waiting audit records while there is room. */
void peer_flush_audit(struct peer *peer);

/* The connection is gone: audit records that were not sent are kept for the next one. */
void peer_closed(struct peer *peer, struct agent_time now);

/* Queues a HEARTBEAT when one is due. */
void peer_tick(struct agent *agent, struct peer *peer, struct agent_time now);
uint64_t peer_next_deadline(const struct peer *peer);

/* Queues BYE with the counters, and closes. */
void peer_bye(struct agent *agent, struct peer *peer, struct agent_time now);

#endif
