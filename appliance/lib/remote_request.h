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

enum remote_request_state {
	REQUEST_QUEUED,
	REQUEST_SENT,
	REQUEST_ENDED, /* nobody waits for it; the agent's last RESPONSE is still to come */
};

struct remote_request {
	struct remote_request *next;
	uint64_t id;
	enum remote_request_state state;
	uint16_t verb;
	uint16_t flags;
	uint64_t handle;
	uint64_t offset;   /* READ, WRITE: of the next byte; PROCESS_*: pid */
	uint64_t start_us; /* PROCESS_* */
	uint64_t left;	   /* READ, WRITE: bytes still wanted */
	uint64_t window;   /* READ: of these, asked for */
	uint64_t total;
	uint64_t bytes;
	const uint8_t *data; /* WRITE: next byte */
	uint64_t due_ms;
	struct mux_call call;
	mux_data_callback on_data;
	mux_stat_callback on_stat;
	mux_process_callback on_process;
	char *path2;
	char path[];
};

/*
 * Makes a request of `from`'s verb, flags, numbers and callbacks, with these paths, and queues it.
 * Returns its id (> 0) or an error as the public calls give them.
 */
int64_t remote_request_start(struct mux_agent *agent, const struct remote_request *from,
			     const char *path, const char *path2, const struct mux_call *call);
/* A RESPONSE. 0; a negated enum mux_error: the session is to end. */
int remote_request_receive(struct mux_agent *agent, const struct wire_message *message,
			   uint64_t now_ms);
/* An ERROR about the ACCESS with this request id. */
void remote_request_refused(struct mux_agent *agent, uint64_t request, enum mux_error code);
/* Sends what waits, as far as there is room. No callbacks. */
void remote_request_send(struct mux_agent *agent, uint64_t now_ms);
/* The same, and ends what timed out. */
void remote_request_tick(struct mux_agent *agent, uint64_t now_ms);
uint64_t remote_request_next_due(const struct mux_agent *agent);
/* Ends all: `done` with -ENOTCONN, or no callback at all. */
void remote_request_end_all(struct mux_agent *agent, bool with_callbacks);

#endif
