/* SPDX-License-Identifier: MIT */
/*
 * For tests of the agent's core: an agent, its manager and two services in the same process, and
 * what these three were told.
 */
#ifndef TESTS_UNIT_AGENT_WORLD_H
#define TESTS_UNIT_AGENT_WORLD_H

#include "tests/unit/agent_net.h"
#include "tests/unit/agent_os.h"

#define OPENS	 (1ULL << MUX_EVENT_OPEN)
#define CLOSES	 (1ULL << MUX_EVENT_CLOSE)
#define DEADLINE 100U /* ms, of verdict rules */

/* What a peer got. */
struct log {
	unsigned events;
	uint64_t sequence;
	uint64_t request[256]; /* of the questions, by order */
	unsigned questions;
	uint64_t handle;
	unsigned configured;
	unsigned errors;
	uint32_t error;
	unsigned heartbeats;
	unsigned byes;
	uint64_t audits[AUDIT_KINDS]; /* events that records stand for, by kind */
	unsigned responses;
	int32_t status;
	uint64_t data_bytes;
	uint64_t total;
	unsigned entries;
	uint64_t ended[64]; /* requests, by their end */
	unsigned ends;
	char last_path[64];
	char id[64];
	uint64_t verbs; /* of the agent's HELLO */
	uint64_t granted;
	char audit_path[64]; /* of the last record */
	char audit_text[64];
};

struct world {
	struct net net;
	struct fake_os os;
	struct agent agent;
	struct net_peer *manager;
	struct net_peer *service[2];
	struct log log[3]; /* manager's, then the services' */
};

/* Of the test that runs: set_up() makes it, tear_down() checks that nothing is left over. */
extern struct world *world;

/* What each peer does with a message: it notes it in its log. */
void take_message(struct net_peer *peer, const struct wire_message *message);

int set_up(void **state);
int tear_down(void **state);
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

/* Service `index` comes up with this one rule. */
void join(unsigned index, enum mux_action action, uint64_t events, enum mux_verdict fallback);
enum agent_answer notify(enum mux_event_kind kind, uint64_t cookie, const char *path);
/* The OS was told this as its decision number `index`. */
void assert_decision(unsigned index, uint64_t cookie, enum mux_verdict verdict,
		     enum agent_cause cause);

#endif
