/* SPDX-License-Identifier: MIT */
/*
 * A session with a remote agent: greeting, rules, events, answers, the end. No locking: one thread.
 *
 * GREETING (HELLO awaited) -> UP -> ENDING (on_agent_down is due; last output goes out, and where
 * the service stops, the agent closes) -> freed when nothing holds it any more. Nothing but
 * remote_finish() calls on_agent_down or frees, and only the loop calls that, so that callbacks may
 * do anything to any agent.
 */
#ifndef APPLIANCE_LIB_REMOTE_H
#define APPLIANCE_LIB_REMOTE_H

#include "appliance/lib/connection.h"
#include "appliance/lib/include/muxaccess.h"

#define REMOTE_NAME_SIZE     64U /* longer names are cut */
#define REMOTE_SESSIONS_MAX  32U
#define REMOTE_UNGREETED_MAX 2U /* of one CID */
#define REMOTE_OUTPUT_SIZE   (4U * WIRE_MESSAGE_MAX)
#define REMOTE_VERDICTS_MAX  1024U /* events that wait for their verdicts */
#define REMOTE_GREETING_MS   5000U
#define REMOTE_HEARTBEAT_MS  2000U /* asked of the agent */
#define REMOTE_SILENCE_MS    10000U
#define REMOTE_STUCK_MS	     10000U /* output that does not move */
#define REMOTE_LINGER_MS     1000U  /* for the last output and the agent's close */
#define REMOTE_RECEIVES_MAX  4	    /* a turn */

enum remote_state { REMOTE_GREETING, REMOTE_UP, REMOTE_ENDING, REMOTE_GONE };

struct remote_request;

struct mux_agent {
	struct mux_agent *next;
	struct mux_service *service; /* NULL after mux_service_destroy */
	unsigned references;	     /* the service's list, and every event */
	enum remote_state state;
	bool was_up;	       /* on_agent_up was called */
	bool awaits_close;     /* ENDING: the agent is to close, which tells that it has all */
	enum mux_error reason; /* of the end */
	uint64_t deadline_ms;  /* of GREETING and ENDING */
	uint64_t heard_ms;     /* last bytes that came */
	struct mux_agent_info info;
	char name[REMOTE_NAME_SIZE];
	char version[REMOTE_NAME_SIZE];
	struct connection connection;
	uint64_t sequence; /* of the last event */
	uint32_t generation;
	uint32_t verdicts_waiting;
	struct remote_request *requests;
	uint32_t request_count;
	uint32_t requests_sent;
	void *context;
};

/* Takes a connection from `cid`, or closes it: too many. */
void remote_accept(struct mux_service *service, int fd, uint32_t cid, uint64_t now_ms);
/* What to poll for. */
short remote_poll_events(const struct mux_agent *agent);
/* poll() reported `revents`: receives and handles a bounded amount. */
void remote_ready(struct mux_agent *agent, short revents, uint64_t now_ms);
/* Ends a session that was silent for too long. polled_ms: when poll() last looked, so that time
 * that the service itself was busy is not held against the agent. */
void remote_check_silence(struct mux_agent *agent, uint64_t polled_ms);
/* Sends what waits, ends what is overdue. */
void remote_tick(struct mux_agent *agent, uint64_t now_ms);
/* When remote_tick has something to do by time, UINT64_MAX: never. */
uint64_t remote_next_due(const struct mux_agent *agent);
/* Reports the end and gives up the descriptor when the last output is sent, and taken where that is
 * awaited. true: it is over, and the caller takes it out of its list and drops that reference. */
bool remote_finish(struct mux_agent *agent, uint64_t now_ms);
void remote_drop(struct mux_agent *agent); /* one reference */

/* Ends the session from inside: says BYE where it still can. With MUX_ERR_SHUTDOWN it waits for an
 * agent that is up to close, REMOTE_LINGER_MS at most. */
void remote_end(struct mux_agent *agent, enum mux_error reason);

/* A writer for one message, and its end: `result` of the encoder. An output queue that has no room
 * ends the session with MUX_ERR_LIMIT. Returns 0, or -ENOTCONN. */
struct wire_writer remote_writer(struct mux_agent *agent);
int remote_send(struct mux_agent *agent, const struct wire_writer *writer, int result);

#endif
