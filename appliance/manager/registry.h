/* SPDX-License-Identifier: MIT */
/*
 * The manager's core: who is there. Agents and services connect to it and say HELLO; it tells every
 * agent of every service and every service of every agent, follows their heartbeats, reports who
 * falls silent, and keeps their counters. Portable: sockets come from a transport, lines for the
 * console go to a callback. It changes no forwarding and no policy.
 *
 * A peer is a record that outlives its sessions, so that one that restarts keeps its id and its
 * totals. A peer is known by its role, the CID that the hypervisor stamped, and for services its
 * name: nothing else that it says of itself identifies it.
 *
 * Limits: REGISTRY_SESSIONS_MAX connections, two of a CID before HELLO, REGISTRY_PEERS_MAX peers,
 * of which REGISTRY_PEERS_OF_CID_MAX of a CID; bounded queues, and a peer that does not read is
 * dropped. No locking: one thread.
 */
#ifndef APPLIANCE_MANAGER_REGISTRY_H
#define APPLIANCE_MANAGER_REGISTRY_H

#include "appliance/lib/transport.h"
#include "appliance/manager/totals.h"
#include "lib/wire/wire.h"

#define REGISTRY_SESSIONS_MAX	    64U
#define REGISTRY_UNGREETED_MAX	    2U
#define REGISTRY_PEERS_MAX	    160U
#define REGISTRY_PEERS_OF_CID_MAX   5U /* so that no partition takes others' places */
#define REGISTRY_NAME_SIZE	    64U
#define REGISTRY_LINE_SIZE	    512U
#define REGISTRY_LINES_MAX	    200U /* on the console, a second and CID */
#define REGISTRY_HEARTBEAT_MS	    1000U
#define REGISTRY_SILENT_HEARTBEATS  4U /* missed before the alarm */
#define REGISTRY_DROPPED_HEARTBEATS 12U

enum registry_state {
	REGISTRY_UNKNOWN = 0, /* free record */
	REGISTRY_UP,
	REGISTRY_SILENT, /* connected, but no heartbeats */
	REGISTRY_LEFT,	 /* said BYE with MUX_ERR_SHUTDOWN or MUX_ERR_NONE */
	REGISTRY_LOST,	 /* went without it */
};

struct registry_session;

struct registry_peer {
	enum registry_state state;
	enum mux_role role;
	uint32_t id; /* from 1, unique over both roles */
	uint32_t cid;
	uint32_t port; /* service: where it listens */
	uint32_t joins;
	uint64_t changed_ms;   /* when state changed last */
	uint64_t heartbeat_ms; /* when the last HEARTBEAT or BYE came */
	uint64_t audits;       /* AUDIT records */
	struct totals totals;
	struct registry_session *session; /* NULL: not connected */
	char name[REGISTRY_NAME_SIZE];	  /* printable ASCII: cleaned, as all text from peers */
	char version[REGISTRY_NAME_SIZE];
};

struct registry_options {
	uint32_t heartbeat_ms; /* 0: REGISTRY_HEARTBEAT_MS */
	/* A line for the console, without newline, printable ASCII. */
	void (*print)(void *context, const char *line);
	void *context;
};

struct registry;

/* Listens on MUX_PORT_MANAGER. 0; -ENOMEM, or what listen gives. `transport` must stay. */
int registry_create(const struct transport *transport, const struct registry_options *options,
		    struct registry **registry);
/* NULL is allowed. */
void registry_destroy(struct registry *registry);

/* One turn of the event loop, at most timeout_ms long (negative: no limit). 0, or what poll()
 * gives. */
int registry_step(struct registry *registry, int timeout_ms);

/* Peers in the order in which they came first, or NULL past the last. */
const struct registry_peer *registry_peer_at(const struct registry *registry, size_t index);
uint64_t registry_audit_count(const struct registry *registry, enum mux_audit kind);

#endif
