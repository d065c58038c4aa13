/* SPDX-License-Identifier: MIT */
/* What all links have in common: see peer.h. */
#include "agent-guest/core/peer.h"

#include <stdio.h>

#include "agent-guest/core/agent.h"

/* Room that one audit record needs at most: its strings are bounded, unlike a decoded one's. */
#define AUDIT_ROOM   512U
#define COUNTERS_MAX 64U
#define HEARTBEATS_PER \
	2U /* per interval that the peer asked for, so that one late one is harmless */

void peer_init(struct peer *peer)
{
	session_init(&peer->session);
	peer->audit.head = 0;
	peer->audit.used = 0;
	for (unsigned i = 0; i < AUDIT_KINDS; i++) {
		peer->audit.merged[i].count = 0;
	}
	peer->heartbeat_us = 0;
	peer->heartbeat_next_us = UINT64_MAX;
}

void peer_greet(struct agent *agent, struct peer *peer, struct agent_time now)
{
	struct wire_hello hello = {.role = MUX_ROLE_AGENT,
				   .verbs = agent->config.verbs,
				   .granted = agent_granted(agent, peer),
				   .events = agent->config.events,
				   .name = wire_string_of(agent->config.name),
				   .version = wire_string_of(agent->config.version)};

	session_connected(&peer->session, now.us);
	(void)wire_encode_hello(session_writer(&peer->session), ++peer->session.request, &hello);
}

static int take_welcome(struct peer *peer, const struct wire_message *message,
			struct agent_time now)
{
	struct wire_welcome welcome;
	int error = wire_decode_welcome(message, &welcome);

	if (error != 0) {
		return error;
	}
	if (peer->session.state != SESSION_GREETING) {
		return -MUX_ERR_UNEXPECTED;
	}
	session_welcomed(&peer->session);
	peer->heartbeat_us = (uint64_t)welcome.heartbeat_ms * 1000 / HEARTBEATS_PER;
	peer->heartbeat_next_us = peer->heartbeat_us != 0 ? now.us : UINT64_MAX;
	return 1;
}

static int take_error(struct agent *agent, const struct wire_message *message)
{
	struct wire_error error;
	char text[64];
	char line[128];
	int result = wire_decode_error(message, &error);

	if (result != 0) {
		return result;
	}
	wire_string_copy(text, sizeof(text), error.text);
	snprintf(line, sizeof(line), "peer reports error %s %s", wire_error_name(error.code), text);
	agent->ops->log(agent->os, line);
	return 1;
}

int peer_message(struct agent *agent, struct peer *peer, const struct wire_message *message,
		 struct agent_time now)
{
	if (message->header.type == MUX_MSG_WELCOME) {
		return take_welcome(peer, message, now);
	}
	if (message->header.type == MUX_MSG_ERROR) {
		return take_error(agent, message);
	}
	return peer->session.state == SESSION_OPEN ? 0 : -MUX_ERR_UNEXPECTED;
}

void peer_flush_audit(struct peer *peer)
{
	const struct audit_record *record;

	while (peer->session.state == SESSION_OPEN && (record = audit_peek(&peer->audit)) != NULL) {
		if (session_room(&peer->session) < AUDIT_ROOM ||
		    audit_encode(session_writer(&peer->session), record) != 0) {
			return;
		}
		audit_pop(&peer->audit);
	}
}

static void keep_audit(struct peer *peer, const struct wire_message *message)
{
	struct wire_audit audit;
	struct audit_record record;

	if (wire_decode_audit(message, &audit) != 0) {
		return;
	}
	record = (struct audit_record){.kind = audit.kind,
				       .event = audit.event_kind,
				       .rule = audit.rule,
				       .service = audit.service,
				       .verdict = audit.verdict,
				       .sequence = audit.sequence,
				       .time_us = audit.time_us,
				       .count = audit.count};
	wire_string_copy(record.path, sizeof(record.path), audit.path);
	wire_string_copy(record.text, sizeof(record.text), audit.text);
	audit_push(&peer->audit, &record);
}

void peer_closed(struct peer *peer, struct agent_time now)
{
	struct wire_message message;
	size_t at = 0;

	while (session_next_unsent(&peer->session, &at, &message) > 0) {
		if (message.header.type == MUX_MSG_AUDIT) {
			keep_audit(peer, &message);
		}
	}
	peer->heartbeat_next_us = UINT64_MAX;
	session_closed(&peer->session, now.us);
}

void peer_tick(struct agent *agent, struct peer *peer, struct agent_time now)
{
	struct wire_counter counters[COUNTERS_MAX];
	size_t count;

	session_tick(&peer->session, now.us);
	if (peer->session.state != SESSION_OPEN || now.us < peer->heartbeat_next_us) {
		return;
	}
	count = agent_list_counters(agent, counters, COUNTERS_MAX);
	(void)wire_encode_heartbeat(session_writer(&peer->session),
				    (now.us - agent->start_us) / 1000, counters, count);
	peer->heartbeat_next_us = now.us + peer->heartbeat_us;
}

uint64_t peer_next_deadline(const struct peer *peer)
{
	uint64_t next = peer->session.timer_us;

	return peer->heartbeat_next_us < next ? peer->heartbeat_next_us : next;
}

void peer_bye(struct agent *agent, struct peer *peer, struct agent_time now)
{
	struct wire_counter counters[COUNTERS_MAX];
	size_t count = agent_list_counters(agent, counters, COUNTERS_MAX);

	bool is_open = peer->session.state == SESSION_OPEN;

	if (is_open) {
		peer_flush_audit(peer);
		(void)wire_encode_bye(session_writer(&peer->session), MUX_ERR_SHUTDOWN,
				      (now.us - agent->start_us) / 1000, counters, count);
	}
	peer->heartbeat_next_us = UINT64_MAX;
	session_stop(&peer->session, is_open, now.us);
}
