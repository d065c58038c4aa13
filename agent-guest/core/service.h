/* SPDX-License-Identifier: MIT */
/* The agent's link to one service, with all state that the agent keeps for it. One thread at a
 * time. */
#ifndef AGENT_CORE_SERVICE_H
#define AGENT_CORE_SERVICE_H

#include "agent-guest/core/access.h"
#include "agent-guest/core/filter.h"
#include "agent-guest/core/peer.h"

struct service {
	struct peer peer;
	struct filter filter;
	struct access access;
	bool is_used;	   /* the slot */
	bool has_rules;	   /* it has configured us once; rules outlive the connection */
	bool is_ready;	   /* connected, and has configured us on this connection */
	uint32_t id;	   /* that the manager gave */
	uint64_t sequence; /* of the last event on this connection */
	uint64_t away_us;  /* since when it is not ready */
	char name[AGENT_NAME_MAX];
	struct wire_writer backlog; /* EVENTs for when it is back, sequences not valid */
	uint8_t backlog_buffer[AGENT_BACKLOG_SIZE];
};

/* The manager told of the service: connects, or moves to the new address. The service is found
 * again by its name. false: no slot is free. */
bool service_up(struct agent *agent, const struct wire_service_up *up, struct agent_time now);
void service_down(struct agent *agent, const struct wire_service_down *down, struct agent_time now);

void service_connected(struct agent *agent, struct service *service, struct agent_time now);
void service_closed(struct agent *agent, struct service *service, struct agent_time now);
void service_input(struct agent *agent, struct service *service, struct agent_time now);

/* Says BYE; its questions get their fallbacks, its rules go. */
void service_bye(struct agent *agent, struct service *service, struct agent_time now);

/* Has it been away so long that operations are no longer held back for it? */
bool service_is_gone(const struct service *service, struct agent_time now);

/*
 * Queues EVENT. request != 0: a verdict is wanted. While the service is away a report goes into its
 * backlog (a question does not). 0; -MUX_ERR_LIMIT: no room; other: the event can't be encoded.
 */
int service_send_event(struct agent *agent, struct service *service,
		       const struct agent_event *event, const struct rule *rule, uint64_t request,
		       uint64_t handle, struct agent_time now);

/* One audit record of an event, to the manager and to the service. */
void service_audit(struct agent *agent, struct service *service, enum mux_audit kind,
		   const struct agent_event *event, uint32_t rule, uint64_t sequence,
		   enum mux_verdict verdict, const char *text, struct agent_time now);

#endif
