/* SPDX-License-Identifier: MIT */
/*
 * The far end of a connection in tests: a fake agent, service or manager that speaks lib/wire, and
 * a clock that moves only when the test says so.
 */
#ifndef TESTS_UNIT_WIRE_PEER_H
#define TESTS_UNIT_WIRE_PEER_H

#include "appliance/lib/connection.h"
#include "tests/unit/transport_unix.h"

/* One test's world: files of the sockets, the clock, and what turns the event loop under test. */
struct world {
	const char *folder;
	void (*step)(void *context);
	void *context;
};

extern struct world world;
extern uint64_t fake_clock_ms;

void world_open(void);
void world_close(void);
/* Turns the loop under test a few times. */
void world_run(void);
/* Moves the clock, turning the loop every step_ms. */
void world_pass_ms(uint64_t total_ms, uint64_t step_ms);

struct wire_peer {
	struct connection connection;
	struct transport_unix transport;
	struct wire_message message; /* the one that came last */
};

/* Connects from `cid`. The test fails if nobody listens. */
void wire_peer_connect(struct wire_peer *peer, uint32_t cid, uint32_t to_cid, uint32_t port);
/* Accepts a connection at a listening descriptor; false: none comes. */
bool wire_peer_accept(struct wire_peer *peer, int listener);
void wire_peer_close(struct wire_peer *peer);
/* Output: encode with the writer, then send. */
struct wire_writer wire_peer_writer(struct wire_peer *peer);
void wire_peer_send(struct wire_peer *peer, const struct wire_writer *writer, int result);
void wire_peer_send_raw(struct wire_peer *peer, const void *data, size_t size);
/* The next message, turning the loop until it is there; false: none comes. */
bool wire_peer_receive(struct wire_peer *peer);
/* It comes, and is of that type. */
void wire_peer_expect(struct wire_peer *peer, uint16_t type);
/* Nothing comes. */
void wire_peer_expect_nothing(struct wire_peer *peer);
/* The other end has closed, or closes now; messages before that are dropped. */
void wire_peer_expect_closed(struct wire_peer *peer);
/* The next message is an ERROR with this code. */
void wire_peer_expect_error(struct wire_peer *peer, uint32_t code);

/* Says HELLO as an agent that can do everything, or as a service. */
void wire_peer_hello_agent(struct wire_peer *peer, const char *name);
void wire_peer_hello_service(struct wire_peer *peer, const char *name, uint32_t port);

#endif
