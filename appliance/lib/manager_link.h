/* SPDX-License-Identifier: MIT */
/*
 * The service's own session with the manager: connects, registers, sends heartbeats, hears of
 * agents, and starts again when it is lost. No locking: one thread.
 */
#ifndef APPLIANCE_LIB_MANAGER_LINK_H
#define APPLIANCE_LIB_MANAGER_LINK_H

#include "appliance/lib/connection.h"
#include "appliance/lib/include/muxaccess.h"

#define MANAGER_LINK_RETRY_MIN_MS 50U
#define MANAGER_LINK_RETRY_MAX_MS 5000U
#define MANAGER_LINK_GREETING_MS  5000U
#define MANAGER_LINK_STUCK_MS	  10000U
#define MANAGER_LINK_LINGER_MS	  2000U
#define MANAGER_LINK_KNOWN_MAX	  64U
#define MANAGER_LINK_OUTPUT_SIZE  (2U * WIRE_MESSAGE_MAX)

enum manager_link_state {
	MANAGER_LINK_WAITING, /* until due_ms, then connect */
	MANAGER_LINK_CONNECTING,
	MANAGER_LINK_GREETING,
	MANAGER_LINK_REGISTERED,
	MANAGER_LINK_ENDING, /* BYE is on its way */
	MANAGER_LINK_OFF,
};

struct manager_link {
	enum manager_link_state state;
	struct connection connection;
	uint64_t due_ms; /* of the state: retry, give up, heartbeat */
	uint32_t retry_ms;
	uint32_t heartbeat_ms;
	size_t known_count;
	struct mux_known_agent known[MANAGER_LINK_KNOWN_MAX];
};

int manager_link_init(struct manager_link *link);
void manager_link_free(struct manager_link *link);
/* poll() reported `revents` on its descriptor. */
void manager_link_ready(struct mux_service *service, short revents, uint64_t now_ms);
/* Connects, heartbeats, sends what waits. */
void manager_link_tick(struct mux_service *service, uint64_t now_ms);
uint64_t manager_link_next_due(const struct manager_link *link);
/* What to poll for; 0: there is no descriptor. */
short manager_link_poll_events(const struct manager_link *link);
/* Says BYE with the counters and ends; -> OFF. Again: nothing. */
void manager_link_stop(struct mux_service *service, uint64_t now_ms);

#endif
