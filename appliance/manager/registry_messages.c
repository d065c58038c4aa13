/* SPDX-License-Identifier: MIT */
/* What peers say. */
#include "appliance/manager/registry_internal.h"

static void fail_session(struct registry *registry, struct registry_session *session, int error,
			 const struct wire_message *about)
{
	enum mux_error code = (enum mux_error)(-error);

	registry_print(registry, session->cid, "alarm: CID %u breaks the protocol: %s in %s",
		       (unsigned)session->cid, wire_error_name((uint32_t)code),
		       about ? wire_type_name(about->header.type) : "header");
	registry_send_error(session, code, about, wire_error_name((uint32_t)code));
	registry_end_session(registry, session, code);
}

static void refuse(struct registry *registry, struct registry_session *session,
		   const struct wire_message *message, enum mux_error code, const char *why)
{
	registry_print(registry, session->cid, "alarm: CID %u refused: %s", (unsigned)session->cid,
		       why);
	registry_send_error(session, code, message, why);
	registry_end_session(registry, session, code);
}

static int take_hello(struct registry *registry, struct registry_session *session,
		      const struct wire_message *message)
{
	struct registry_peer *peer;
	struct wire_hello hello;
	char name[REGISTRY_NAME_SIZE];
	int error = wire_decode_hello(message, &hello);

	if (error) {
		return error;
	}
	if (session->state != SESSION_GREETING) {
		return -MUX_ERR_UNEXPECTED;
	}
	registry_copy_text(name, sizeof(name), hello.name);
	peer = registry_find_peer(registry, &hello, session->cid, name);
	if (peer && peer->session && peer->cid != session->cid) {
		/* Agents move to the new address of a service's name: nobody may take it over while
		 * its owner is there. */
		refuse(registry, session, message, MUX_ERR_DENIED,
		       "the service's name is in use by another CID");
		return 0;
	}
	peer = peer ? peer : registry_new_peer(registry, session->cid);
	if (!peer) {
		refuse(registry, session, message, MUX_ERR_LIMIT, "too many agents and services");
		return 0;
	}
	registry_attach(registry, session, peer, &hello, name);
	registry_send_welcome(registry, session, message->header.request);
	registry_introduce(registry, session);
	if (peer->role == MUX_ROLE_SERVICE) {
		registry_print(registry, session->cid,
			       "service %s %s (CID %u, port %u) joined, id %u", peer->name,
			       peer->version, (unsigned)peer->cid, (unsigned)peer->port,
			       (unsigned)peer->id);
		registry_announce_service(registry, peer);
	} else {
		registry_print(registry, session->cid, "agent %s %s (CID %u) joined, id %u",
			       peer->name, peer->version, (unsigned)peer->cid, (unsigned)peer->id);
		registry_announce_agent(registry, peer);
	}
	return 0;
}

static void note_heartbeat(struct registry *registry, struct registry_session *session,
			   const struct wire_heartbeat *heartbeat)
{
	struct registry_peer *peer = session->peer;

	totals_update(&peer->totals, heartbeat);
	peer->heartbeat_ms = session->heard_ms;
	if (peer->state == REGISTRY_SILENT) {
		registry_set_state(peer, REGISTRY_UP);
		registry_print(registry, session->cid, "%s %s (CID %u) is heard again",
			       registry_role_name(peer), peer->name, (unsigned)peer->cid);
		if (peer->role == MUX_ROLE_AGENT) {
			registry_announce_agent(registry, peer);
		}
	}
}

static int take_heartbeat(struct registry *registry, struct registry_session *session,
			  const struct wire_message *message)
{
	struct wire_heartbeat heartbeat;
	int error = wire_decode_heartbeat(message, &heartbeat);

	if (!error) {
		note_heartbeat(registry, session, &heartbeat);
	}
	return error;
}

static int take_bye(struct registry *registry, struct registry_session *session,
		    const struct wire_message *message)
{
	struct wire_bye bye;
	int error = wire_decode_bye(message, &bye);

	if (!error) {
		note_heartbeat(registry, session, &bye.heartbeat);
		registry_end_session(registry, session, (enum mux_error)bye.reason);
		connection_close(&session->connection);
	}
	return error;
}

static const char *service_name(const struct registry *registry, uint32_t id)
{
	for (size_t i = 0; i < registry->peer_count; i++) {
		const struct registry_peer *peer = &registry->peer[i];

		if (peer->id == id && peer->role == MUX_ROLE_SERVICE) {
			return peer->name;
		}
	}
	return "?";
}

static int take_audit(struct registry *registry, struct registry_session *session,
		      const struct wire_message *message)
{
	char path[REGISTRY_LINE_SIZE / 2];
	char text[REGISTRY_LINE_SIZE / 8];
	struct wire_audit audit;
	int error = wire_decode_audit(message, &audit);

	if (error) {
		return error;
	}
	if (session->peer->role != MUX_ROLE_AGENT) {
		return -MUX_ERR_UNEXPECTED;
	}
	session->peer->audits++;
	registry->audits[audit.kind] += audit.count;
	registry_copy_text(path, sizeof(path), audit.path);
	registry_copy_text(text, sizeof(text), audit.text);
	registry_print(
		registry, session->cid, "audit: %s: %s: %s %s %s (rule %u, service %s, %llu) %s",
		session->peer->name, wire_audit_name(audit.kind),
		audit.verdict == MUX_VERDICT_DENY ? "deny" : "allow",
		wire_event_name(audit.event_kind), path, (unsigned)audit.rule,
		service_name(registry, audit.service), (unsigned long long)audit.count, text);
	return 0;
}

static int take_error(struct registry *registry, struct registry_session *session,
		      const struct wire_message *message)
{
	char text[REGISTRY_LINE_SIZE / 2];
	struct wire_error report;
	int error = wire_decode_error(message, &report);

	if (!error) {
		registry_copy_text(text, sizeof(text), report.text);
		registry_print(registry, session->cid, "alarm: CID %u reports %s about %s: %s",
			       (unsigned)session->cid, wire_error_name(report.code),
			       wire_type_name(report.type), text);
	}
	return error;
}

/* 0, or a negated enum mux_error where the session is to end. */
static int take_message(struct registry *registry, struct registry_session *session,
			const struct wire_message *message)
{
	if (session->state == SESSION_GREETING && message->header.type != MUX_MSG_HELLO) {
		return -MUX_ERR_UNEXPECTED;
	}
	switch (message->header.type) {
	case MUX_MSG_HELLO: return take_hello(registry, session, message);
	case MUX_MSG_HEARTBEAT: return take_heartbeat(registry, session, message);
	case MUX_MSG_BYE: return take_bye(registry, session, message);
	case MUX_MSG_AUDIT: return take_audit(registry, session, message);
	case MUX_MSG_ERROR: return take_error(registry, session, message);
	default: return -MUX_ERR_UNEXPECTED;
	}
}

void registry_take_messages(struct registry *registry, struct registry_session *session)
{
	struct wire_message message;
	int result;

	while (session->state != SESSION_ENDING &&
	       (result = connection_next(&session->connection, &message)) != 0) {
		if (result < 0) {
			fail_session(registry, session, result, NULL);
			return;
		}
		result = take_message(registry, session, &message);
		if (result) {
			fail_session(registry, session, result, &message);
		}
	}
}
