/* SPDX-License-Identifier: MIT */
/* The inside of struct mux_service. No locking: one thread. */
#ifndef APPLIANCE_LIB_SERVICE_H
#define APPLIANCE_LIB_SERVICE_H

#include <poll.h>

#include "appliance/lib/include/muxaccess.h"
#include "appliance/lib/manager_link.h"
#include "appliance/lib/remote.h"
#include "appliance/lib/timers.h"
#include "appliance/lib/transport.h"

#define SERVICE_COUNTERS_MAX 64U
#define SERVICE_STRING_MAX   63U
#define SERVICE_STOP_MS	     2000U
/* Entries of the poll table: listener, manager, agents, watches. */
#define SERVICE_POLLED_MAX (2U + REMOTE_SESSIONS_MAX + MUX_WATCHES_MAX)

struct service_handler {
	mux_event_callback callback;
	void *context;
};

struct service_watch {
	int fd; /* -1: free */
	bool is_polled;
	mux_watch_callback callback;
	void *context;
};

struct mux_service {
	struct mux_service_options options; /* name and version point to those below */
	char name[SERVICE_STRING_MAX + 1];
	char version[SERVICE_STRING_MAX + 1];
	const struct transport *transport;
	int listener;
	uint64_t start_ms;
	uint64_t stop_ms; /* when a stop gives up waiting; 0: not stopping */
	struct manager_link manager;
	struct mux_agent *agents;
	uint32_t agent_count;
	uint64_t last_request; /* ids are unique in the service */
	struct timers timers;
	struct service_handler handler[MUX_EVENT_KINDS];
	struct wire_counter counter[SERVICE_COUNTERS_MAX];
	size_t counter_count;
	nfds_t watch_count; /* places below that were ever used */
	struct service_watch watch[MUX_WATCHES_MAX];
	struct pollfd polled[SERVICE_POLLED_MAX];
	struct mux_agent *polled_agent[SERVICE_POLLED_MAX];
};

/* mux_service_create over any transport, which must outlive the service. */
int service_create(const struct mux_service_options *options, const struct transport *transport,
		   struct mux_service **service);

#endif
