/* SPDX-License-Identifier: MIT */
/*
 * For tests of the agent on the host: a manager and services in the same process, connected to the
 * agent's links by copying bytes, and a clock that the test moves.
 */
#ifndef TESTS_UNIT_AGENT_NET_H
#define TESTS_UNIT_AGENT_NET_H

#include "agent-guest/core/agent.h"

#define NET_PEERS 10U
#define NET_INBOX (8U << 20)

struct net_peer;
typedef void (*net_message_function)(struct net_peer *peer, const struct wire_message *message);

struct net_peer {
	uint32_t cid;
	uint32_t port;
	bool is_listening;
	bool is_reading; /* false: takes nothing, like a process that hangs */
	size_t read_max; /* bytes taken per turn, 0: no limit */
	int link;	 /* -1: not connected */
	unsigned connections;
	bool has_bye; /* the agent said BYE: it is closed */
	net_message_function on_message;
	void *context;
	uint64_t request;
	struct wire_stream input;
	struct wire_writer output;
	uint8_t input_buffer[WIRE_MESSAGE_MAX];
	uint8_t output_buffer[4 * WIRE_MESSAGE_MAX];
};

struct net {
	struct agent *agent;
	struct agent_time now;
	unsigned count;
	struct net_peer *peer[NET_PEERS];
};

void net_init(struct net *net, struct agent *agent);
/* A peer at this address, which answers HELLO with WELCOME by itself. */
struct net_peer *net_add(struct net *net, uint32_t cid, uint32_t port,
			 net_message_function on_message, void *context);
void net_destroy(struct net *net);

/* Moves bytes both ways until nothing more happens. */
void net_pump(struct net *net);
/* Lets time pass in steps of at most a millisecond, pumping. */
void net_sleep(struct net *net, uint64_t us);
/* The peer's end breaks, without a word. */
void net_break(struct net *net, struct net_peer *peer);

/* Queues a rule set of one rule per call of net_rule. */
struct wire_rule net_rule(uint32_t id, enum mux_action action, uint64_t events, const char *include,
			  uint32_t deadline_ms, enum mux_verdict fallback);
void net_configure(struct net_peer *peer, const struct wire_rule *rules, size_t count);
void net_verdict(struct net_peer *peer, uint64_t request, enum mux_verdict verdict, uint8_t flags,
		 const char *text);
uint64_t net_access(struct net_peer *peer, const struct wire_access *access);
void net_service_up(struct net_peer *manager, uint32_t id, const struct net_peer *service,
		    const char *name);
void net_service_down(struct net_peer *manager, uint32_t id, enum mux_error reason);

#endif
