/* SPDX-License-Identifier: MIT */
/*
 * What the files of the registry share: registry.c life and event loop, registry_peers.c who is
 * there, registry_messages.c what peers say, registry_output.c what they and the console are told.
 * Not for others. No locking: one thread.
 */
#ifndef APPLIANCE_MANAGER_REGISTRY_INTERNAL_H
#define APPLIANCE_MANAGER_REGISTRY_INTERNAL_H

#include "appliance/manager/registry.h"

#include <poll.h>

#include "appliance/lib/connection.h"

#define REGISTRY_AUDIT_KINDS MUX_AUDIT_KINDS
#define REGISTRY_CIDS	     (MUX_CID_MAX + 1)
#define REGISTRY_LINGER_MS   1000U /* for the last output of a session */

enum session_state { SESSION_GREETING, SESSION_OPEN, SESSION_ENDING };

struct registry_session {
	struct registry_session *next;
	enum session_state state;
	uint32_t cid;
	uint64_t deadline_ms; /* of GREETING and ENDING */
	uint64_t heard_ms;
	struct registry_peer *peer; /* NULL before HELLO and after the end */
	struct connection connection;
};

struct registry {
	const struct transport *transport;
	struct registry_options options;
	int listener;
	uint32_t last_id;
	struct registry_session *sessions;
	size_t session_count;
	size_t peer_count;
	struct registry_peer peer[REGISTRY_PEERS_MAX];
	uint64_t audits[REGISTRY_AUDIT_KINDS];
	uint64_t lines_ms;	       /* start of the second that `lines` counts */
	uint32_t lines[REGISTRY_CIDS]; /* for the console, by CID */
	uint64_t lines_dropped;
	struct pollfd polled[REGISTRY_SESSIONS_MAX + 1];
	struct registry_session *polled_session[REGISTRY_SESSIONS_MAX + 1];
};

/* ---- registry_output.c ---- */

/* A line for the console about what a CID did: REGISTRY_LINES_MAX a second of each CID, so that
 * none can flood the console. */
void registry_print(struct registry *registry, uint32_t cid, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Text from a peer, made safe for a terminal: what is not printable ASCII becomes '?'. */
void registry_copy_text(char *to, size_t size, struct wire_string text);
const char *registry_role_name(const struct registry_peer *peer);

/* Ends the session without a word: the connection is broken, or its queue is full. The next tick
 * does the rest. */
void registry_cut(struct registry_session *session);
/* These queue one message; a session that has no room for it is cut. */
void registry_send_welcome(const struct registry *registry, struct registry_session *session,
			   uint64_t request);
void registry_send_service_up(struct registry_session *session,
			      const struct registry_peer *service);
void registry_send_service_down(struct registry_session *session, uint32_t id,
				enum mux_error reason);
void registry_send_agent_state(struct registry_session *session, const struct registry_peer *agent);
void registry_send_error(struct registry_session *session, enum mux_error code,
			 const struct wire_message *about, const char *text);

/* ---- registry_peers.c ---- */

/* The record that a HELLO belongs to, or NULL. `name` is the cleaned one. */
struct registry_peer *registry_find_peer(struct registry *registry, const struct wire_hello *hello,
					 uint32_t cid, const char *name);
/* NULL: there are too many, of this CID or at all. */
struct registry_peer *registry_new_peer(struct registry *registry, uint32_t cid);
/* Session and peer belong together from now on; a session that the peer had before is ended. */
void registry_attach(struct registry *registry, struct registry_session *session,
		     struct registry_peer *peer, const struct wire_hello *hello, const char *name);
/* The peer has no session any more, and all are told. */
void registry_detach(struct registry *registry, struct registry_session *session,
		     enum mux_error reason);
/* Ends a session: its peer is gone, what is queued still goes out. */
void registry_end_session(struct registry *registry, struct registry_session *session,
			  enum mux_error reason);
void registry_set_state(struct registry_peer *peer, enum registry_state state);
/* To every agent, or every service, that is connected. */
void registry_announce_service(struct registry *registry, const struct registry_peer *service);
void registry_announce_agent(struct registry *registry, const struct registry_peer *agent);
/* All that is there, for one that has just come. */
void registry_introduce(struct registry *registry, struct registry_session *session);

/* ---- registry_messages.c ---- */

/* Handles all whole messages that were received. */
void registry_take_messages(struct registry *registry, struct registry_session *session);

#endif
