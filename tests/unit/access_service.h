/* SPDX-License-Identifier: MIT */
/*
 * For tests of the access library: a service under test, and what its callbacks saw. Its manager
 * and its agents are fakes (wire_peer.h).
 */
#ifndef TESTS_UNIT_ACCESS_SERVICE_H
#define TESTS_UNIT_ACCESS_SERVICE_H

#include "appliance/lib/include/muxaccess.h"
#include "appliance/lib/service.h"
#include "tests/unit/wire_peer.h"

#define SERVICE_CID 16
#define GUEST_CID   3
#define KEPT_MAX    2048

/* What the callbacks saw. */
extern struct seen {
	int ups, downs, changes, registered, unregistered, configured;
	struct mux_agent *agent; /* that came last */
	enum mux_error reason;
	uint32_t generation;
	enum mux_error configure_result;
	char text[64];
	int events;
	struct mux_event *kept[KEPT_MAX];
	size_t kept_count;
	bool keep_verdicts; /* answered later, by the test */
	int done;
	struct mux_result result;
	char quarantine_id[32];
	struct mux_stat_info stat;
	uint8_t data[4 << 20];
	size_t data_size;
	size_t stop_at;	   /* the data callback says stop from there on */
	int64_t cancel_id; /* the data callback cancels this request */
	int entries;
	char names[256];
	int timers;
	int watches;
} seen;

extern struct transport_unix service_transport;
extern struct transport_unix manager_transport;
extern struct mux_service *service;
/* A call with on_done() and a time limit of a second. */
extern const struct mux_call call;

int setup(void **state);
int teardown(void **state);
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* Callbacks that tests hand over. */
void on_event(struct mux_event *event, void *context);
void on_done(const struct mux_result *result, void *context);

/* An agent greets, and is welcomed. */
void connect_agent(struct wire_peer *agent, uint32_t cid, const char *name);
/* An OPEN; with a request id it asks for a verdict within 500 ms. */
void send_event(struct wire_peer *agent, uint64_t sequence, uint64_t request, const char *path);
void respond(struct wire_peer *agent, uint64_t request, bool more,
	     const struct wire_response *response);

#endif
