/* SPDX-License-Identifier: MIT */
/* Who is there: records of agents and services, and the news about them. */
#include "appliance/manager/registry_internal.h"

#include "appliance/lib/include/muxaccess.h"

static bool is_open(const struct registry_session *session, enum mux_role role)
{
	return session->state == SESSION_OPEN && session->peer && session->peer->role == role;
}

void registry_announce_service(struct registry *registry, const struct registry_peer *service)
{
	for (struct registry_session *s = registry->sessions; s; s = s->next) {
		if (is_open(s, MUX_ROLE_AGENT)) {
			registry_send_service_up(s, service);
		}
	}
}

static void announce_service_down(struct registry *registry, uint32_t id, enum mux_error reason)
{
	for (struct registry_session *s = registry->sessions; s; s = s->next) {
		if (is_open(s, MUX_ROLE_AGENT)) {
			registry_send_service_down(s, id, reason);
		}
	}
}

void registry_announce_agent(struct registry *registry, const struct registry_peer *agent)
{
	for (struct registry_session *s = registry->sessions; s; s = s->next) {
		if (is_open(s, MUX_ROLE_SERVICE)) {
			registry_send_agent_state(s, agent);
		}
	}
}

void registry_introduce(struct registry *registry, struct registry_session *session)
{
	enum mux_role role = session->peer->role;

	for (size_t i = 0; i < registry->peer_count; i++) {
		const struct registry_peer *peer = &registry->peer[i];

		if (!peer->session || session->state != SESSION_OPEN) {
			continue;
		}
		if (role == MUX_ROLE_AGENT && peer->role == MUX_ROLE_SERVICE) {
			registry_send_service_up(session, peer);
		} else if (role == MUX_ROLE_SERVICE && peer->role == MUX_ROLE_AGENT) {
			registry_send_agent_state(session, peer);
		}
	}
}

void registry_set_state(struct registry_peer *peer, enum registry_state state)
{
	peer->state = state;
	peer->changed_ms = mux_time_ms();
}

void registry_detach(struct registry *registry, struct registry_session *session,
		     enum mux_error reason)
{
	struct registry_peer *peer = session->peer;
	bool is_orderly = reason == MUX_ERR_SHUTDOWN || reason == MUX_ERR_NONE;

	session->peer = NULL;
	if (!peer) {
		return;
	}
	peer->session = NULL;
	registry_set_state(peer, is_orderly ? REGISTRY_LEFT : REGISTRY_LOST);
	registry_print(registry, peer->cid, "%s %s (CID %u) left: %s", registry_role_name(peer),
		       peer->name, (unsigned)peer->cid, wire_error_name((uint32_t)reason));
	if (peer->role == MUX_ROLE_SERVICE) {
		announce_service_down(registry, peer->id, reason);
	} else {
		registry_announce_agent(registry, peer);
	}
}

void registry_end_session(struct registry *registry, struct registry_session *session,
			  enum mux_error reason)
{
	if (session->state != SESSION_ENDING) {
		session->state = SESSION_ENDING;
		session->deadline_ms = mux_time_ms() + REGISTRY_LINGER_MS;
	}
	registry_detach(registry, session, reason);
}

struct registry_peer *registry_find_peer(struct registry *registry, const struct wire_hello *hello,
					 uint32_t cid, const char *name)
{
	for (size_t i = 0; i < registry->peer_count; i++) {
		struct registry_peer *peer = &registry->peer[i];

		if ((uint32_t)peer->role == hello->role &&
		    (hello->role == MUX_ROLE_AGENT
			     ? peer->cid == cid
			     : wire_string_equals(wire_string_of(name), peer->name))) {
			return peer;
		}
	}
	return NULL;
}

struct registry_peer *registry_new_peer(struct registry *registry, uint32_t cid)
{
	struct registry_peer *peer;
	size_t of_cid = 0;

	for (size_t i = 0; i < registry->peer_count; i++) {
		of_cid += registry->peer[i].cid == cid;
	}
	if (of_cid >= REGISTRY_PEERS_OF_CID_MAX || registry->peer_count == REGISTRY_PEERS_MAX) {
		return NULL;
	}
	peer = &registry->peer[registry->peer_count++];
	*peer = (struct registry_peer){.id = ++registry->last_id};
	return peer;
}

void registry_attach(struct registry *registry, struct registry_session *session,
		     struct registry_peer *peer, const struct wire_hello *hello, const char *name)
{
	if (peer->session) {
		struct registry_session *old = peer->session;

		registry_send_error(old, MUX_ERR_REPLACED, NULL, "registered again");
		registry_end_session(registry, old, MUX_ERR_REPLACED);
	}
	if (peer->joins++) {
		totals_fold(&peer->totals);
	}
	peer->role = (enum mux_role)hello->role;
	peer->cid = session->cid;
	peer->port = hello->port;
	registry_copy_text(peer->name, sizeof(peer->name), wire_string_of(name));
	registry_copy_text(peer->version, sizeof(peer->version), hello->version);
	peer->session = session;
	peer->heartbeat_ms = session->heard_ms;
	session->peer = peer;
	session->state = SESSION_OPEN;
	registry_set_state(peer, REGISTRY_UP);
}
