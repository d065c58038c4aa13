/* SPDX-License-Identifier: MIT */
/*
 * One connection of the agent, to the manager or to a service: its states, cutting input into
 * messages, the bounded output queue, reconnecting with back-off. It does no I/O: a driver
 * connects, moves bytes and tells what happened. What messages mean is the business of manager.c
 * and service.c. One thread at a time.
 *
 *   OFF -> CONNECT -> CONNECTING -> GREETING -> OPEN -> CLOSING
 *            ^  back-off  |            |          |        |
 *            +--WAITING---+------------+----------+--------+
 */
#ifndef AGENT_CORE_SESSION_H
#define AGENT_CORE_SESSION_H

#include <stdbool.h>

#include "agent-guest/core/limits.h"
#include "lib/wire/wire.h"

enum session_state {
	SESSION_OFF,	    /* nobody to connect to */
	SESSION_WAITING,    /* back-off, until timer_us */
	SESSION_CONNECT,    /* the driver is to connect */
	SESSION_CONNECTING, /* it is at it */
	SESSION_GREETING,   /* HELLO sent, WELCOME awaited */
	SESSION_OPEN,
	SESSION_CLOSING, /* last output, then the driver closes */
};

struct session {
	enum session_state state;
	bool is_wanted; /* reconnect when it ends */
	bool lingers;	/* CLOSING: until the peer closes */
	uint32_t cid;
	uint32_t port;
	uint64_t timer_us; /* of the state, UINT64_MAX: none */
	uint64_t backoff_us;
	uint64_t request; /* last request id that this side chose */
	struct wire_stream input;
	struct wire_writer output; /* whole messages from output_start on */
	size_t output_start;	   /* first message that is not wholly sent */
	size_t output_sent;	   /* bytes of it that are */
	uint8_t input_buffer[WIRE_MESSAGE_MAX];
	uint8_t output_buffer[AGENT_OUTPUT_SIZE];
};

void session_init(struct session *session);

/* Connects to this address from now on, at once; a live connection is closed first. */
void session_start(struct session *session, uint32_t cid, uint32_t port, uint64_t now_us);

/* Stops reconnecting; a live connection goes to CLOSING and sends what is queued first. lingers: it
 * then waits for the peer to close (at most AGENT_CLOSE_US in all), so that the peer takes the last
 * message before it sees the end. */
void session_stop(struct session *session, bool lingers, uint64_t now_us);

/* The peer is known to be gone: a live connection goes to CLOSING and is closed at once, with what
 * is queued; whether another one follows stays as it is. */
void session_cut(struct session *session, uint64_t now_us);

/* ---- from the driver ---- */

/* It took the order to connect (CONNECT -> CONNECTING). */
void session_connecting(struct session *session, uint64_t now_us);
/* The connection stands (-> GREETING); the caller queues HELLO. */
void session_connected(struct session *session, uint64_t now_us);
/* The connection is gone, or could not be made: queues are dropped, back-off starts. Whoever needs
 * to know what was not sent asks session_next_unsent before. */
void session_closed(struct session *session, uint64_t now_us);
/* Bytes to send, 0 if none. */
size_t session_output(const struct session *session, const uint8_t **data);
void session_sent(struct session *session, size_t size);
/* Must the driver close the connection now? */
bool session_is_finished(const struct session *session, uint64_t now_us);

/* ---- from the owner ---- */

/* WELCOME came (GREETING -> OPEN). */
void session_welcomed(struct session *session);
/* The peer broke the protocol: queues ERROR and goes to CLOSING. */
void session_fail(struct session *session, uint32_t code, const struct wire_message *about,
		  const char *text, uint64_t now_us);
/* Queues an ERROR about one message; the session goes on. */
void session_refuse(struct session *session, uint32_t code, const struct wire_message *about,
		    const char *text);
/* Where to encode output messages; nothing else may be put there. */
struct wire_writer *session_writer(struct session *session);
/* Free bytes in the output queue. */
size_t session_room(const struct session *session);
/* Walks over the queued messages that were not wholly sent: *at starts with 0; 1 or 0 at the end.
 */
int session_next_unsent(const struct session *session, size_t *at, struct wire_message *message);
/* Time passed: back-off ends, a greeting that takes too long is given up (-> CLOSING). */
void session_tick(struct session *session, uint64_t now_us);
bool session_is_connected(const struct session *session);

#endif
