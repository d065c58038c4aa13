/* SPDX-License-Identifier: MIT */
/*
 * Access requests to a remote agent, from the call to `done`. Those that were sent and then ended
 * early (cancelled, timed out, stopped) stay until the agent's last RESPONSE, so that what is on
 * its way is known and dropped. No locking: one thread.
 */
#ifndef APPLIANCE_LIB_REMOTE_REQUEST_H
#define APPLIANCE_LIB_REMOTE_REQUEST_H

#include "appliance/lib/remote.h"

#define REMOTE_REQUESTS_SENT_MAX 16U /* what an agent accepts at once */

/* A RESPONSE. 0; a negated enum mux_error: the session is to end. */
int remote_request_receive(struct mux_agent *agent, const struct wire_message *message,
			   uint64_t now_ms);
/* An ERROR about the ACCESS with this request id. */
void remote_request_refused(struct mux_agent *agent, uint64_t request, enum mux_error code);
/* Sends what waits, as far as there is room, and ends what timed out. */
void remote_request_tick(struct mux_agent *agent, uint64_t now_ms);
uint64_t remote_request_next_due(const struct mux_agent *agent);
/* Ends all: `done` with -ENOTCONN, or no callback at all. */
void remote_request_end_all(struct mux_agent *agent, bool with_callbacks);

#endif
