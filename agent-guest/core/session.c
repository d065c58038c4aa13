/* SPDX-License-Identifier: MIT */
/* One connection of the agent: see session.h. */
#include "agent-guest/core/session.h"

#include <string.h>

static void drop_queues(struct session *session)
{
	wire_stream_init(&session->input, session->input_buffer, sizeof(session->input_buffer));
	wire_writer_init(&session->output, session->output_buffer, sizeof(session->output_buffer));
	session->output_start = 0;
	session->output_sent = 0;
}

void session_init(struct session *session)
{
	session->state = SESSION_OFF;
	session->is_wanted = false;
	session->lingers = false;
	session->cid = 0;
	session->port = 0;
	session->timer_us = UINT64_MAX;
	session->backoff_us = AGENT_BACKOFF_MIN_US;
	session->request = 0;
	drop_queues(session);
}

static void begin_closing(struct session *session, uint64_t now_us)
{
	session->state = SESSION_CLOSING;
	session->lingers = false;
	session->timer_us = now_us + AGENT_CLOSE_US;
}

/* Does the driver own a socket that it has to give up? */
static bool has_socket(const struct session *session)
{
	return session->state == SESSION_CONNECTING || session_is_connected(session);
}

void session_cut(struct session *session, uint64_t now_us)
{
	if (has_socket(session)) {
		begin_closing(session, now_us);
		session->timer_us = now_us;
	}
}

void session_start(struct session *session, uint32_t cid, uint32_t port, uint64_t now_us)
{
	session->cid = cid;
	session->port = port;
	session->is_wanted = true;
	session->backoff_us = AGENT_BACKOFF_MIN_US;
	if (has_socket(session)) {
		session_cut(session, now_us);
	} else {
		session->state = SESSION_CONNECT;
		session->timer_us = UINT64_MAX;
	}
}

void session_stop(struct session *session, bool lingers, uint64_t now_us)
{
	session->is_wanted = false;
	if (has_socket(session)) {
		begin_closing(session, now_us);
		session->lingers = lingers;
	} else {
		session->state = SESSION_OFF;
		session->timer_us = UINT64_MAX;
	}
}

void session_connecting(struct session *session, uint64_t now_us)
{
	session->state = SESSION_CONNECTING;
	session->timer_us = now_us + AGENT_WELCOME_US;
}

void session_connected(struct session *session, uint64_t now_us)
{
	drop_queues(session);
	session->state = SESSION_GREETING;
	session->timer_us = now_us + AGENT_WELCOME_US;
}

void session_closed(struct session *session, uint64_t now_us)
{
	drop_queues(session);
	if (!session->is_wanted) {
		session->state = SESSION_OFF;
		session->timer_us = UINT64_MAX;
		return;
	}
	session->state = SESSION_WAITING;
	session->timer_us = now_us + session->backoff_us;
	session->backoff_us *= 2;
	if (session->backoff_us > AGENT_BACKOFF_MAX_US) {
		session->backoff_us = AGENT_BACKOFF_MAX_US;
	}
}

size_t session_output(const struct session *session, const uint8_t **data)
{
	if (!session_is_connected(session)) {
		return 0;
	}
	*data = session->output_buffer + session->output_start + session->output_sent;
	return session->output.size - session->output_start - session->output_sent;
}

static size_t message_size(const uint8_t *message)
{
	struct wire_header header;

	/* The queue holds only what wire_encode_* wrote. */
	if (wire_decode_header(message, &header) != 0) {
		return 0;
	}
	return MUX_HEADER_SIZE + header.length;
}

void session_sent(struct session *session, size_t size)
{
	session->output_sent += size;
	while (session->output_sent > 0) {
		size_t first = message_size(session->output_buffer + session->output_start);

		if (first == 0 || session->output_sent < first) {
			break;
		}
		session->output_sent -= first;
		session->output_start += first;
	}
	if (session->output_start == session->output.size) {
		session->output_start = 0;
		session->output.size = 0;
	}
}

bool session_is_finished(const struct session *session, uint64_t now_us)
{
	return session->state == SESSION_CLOSING &&
	       ((session->output_start == session->output.size && !session->lingers) ||
		now_us >= session->timer_us);
}

void session_welcomed(struct session *session)
{
	session->state = SESSION_OPEN;
	session->timer_us = UINT64_MAX;
	session->backoff_us = AGENT_BACKOFF_MIN_US;
}

void session_refuse(struct session *session, uint32_t code, const struct wire_message *about,
		    const char *text)
{
	struct wire_error error = {.code = code,
				   .type = about != NULL ? about->header.type : 0,
				   .text = wire_string_of(text)};

	/* Where even this does not fit, the peer does not read anyway. */
	(void)wire_encode_error(session_writer(session), about != NULL ? about->header.request : 0,
				&error);
}

void session_fail(struct session *session, uint32_t code, const struct wire_message *about,
		  const char *text, uint64_t now_us)
{
	session_refuse(session, code, about, text);
	begin_closing(session, now_us);
	session->backoff_us = AGENT_BACKOFF_MAX_US;
}

struct wire_writer *session_writer(struct session *session)
{
	struct wire_writer *output = &session->output;
	size_t start = session->output_start;

	/* Keep the longest message possible at the end without moving bytes for each one. */
	if (start > 0 && output->capacity - output->size < WIRE_MESSAGE_MAX) {
		memmove(output->data, output->data + start, output->size - start);
		output->size -= start;
		session->output_start = 0;
	}
	return output;
}

size_t session_room(const struct session *session)
{
	return session->output.capacity - (session->output.size - session->output_start);
}

int session_next_unsent(const struct session *session, size_t *at, struct wire_message *message)
{
	const uint8_t *data = session->output_buffer + session->output_start + *at;

	if (session->output_start + *at >= session->output.size ||
	    wire_decode_header(data, &message->header) != 0) {
		return 0;
	}
	message->body = data + MUX_HEADER_SIZE;
	*at += MUX_HEADER_SIZE + message->header.length;
	return 1;
}

void session_tick(struct session *session, uint64_t now_us)
{
	if (now_us < session->timer_us) {
		return;
	}
	if (session->state == SESSION_WAITING) {
		session->state = SESSION_CONNECT;
		session->timer_us = UINT64_MAX;
	} else if (session->state == SESSION_GREETING || session->state == SESSION_CONNECTING) {
		begin_closing(session, now_us);
	}
}

bool session_is_connected(const struct session *session)
{
	return session->state == SESSION_GREETING || session->state == SESSION_OPEN ||
	       session->state == SESSION_CLOSING;
}
