/* SPDX-License-Identifier: MIT */
/* What the console and the peers are told. */
#include "appliance/manager/registry_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "appliance/lib/include/muxaccess.h"

#define LINES_PERIOD_MS 1000U

static void print_line(const struct registry *registry, const char *format, va_list arguments)
{
	char line[REGISTRY_LINE_SIZE];

	vsnprintf(line, sizeof(line), format, arguments);
	registry->options.print(registry->options.context, line);
}

static void print(const struct registry *registry, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void print(const struct registry *registry, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print_line(registry, format, arguments);
	va_end(arguments);
}

/* A new period: all may print again, and what was left out is told. */
static void start_period(struct registry *registry, uint64_t now_ms)
{
	if (registry->lines_dropped) {
		print(registry, "alarm: %llu lines not shown",
		      (unsigned long long)registry->lines_dropped);
	}
	memset(registry->lines, 0, sizeof(registry->lines));
	registry->lines_dropped = 0;
	registry->lines_ms = now_ms;
}

void registry_print(struct registry *registry, uint32_t cid, const char *format, ...)
{
	uint64_t now_ms = mux_time_ms();
	uint32_t *lines = &registry->lines[cid % REGISTRY_CIDS];
	va_list arguments;

	if (now_ms - registry->lines_ms >= LINES_PERIOD_MS) {
		start_period(registry, now_ms);
	}
	if (*lines == REGISTRY_LINES_MAX) {
		registry->lines_dropped++;
		return;
	}
	++*lines;
	va_start(arguments, format);
	print_line(registry, format, arguments);
	va_end(arguments);
}

void registry_copy_text(char *to, size_t size, struct wire_string text)
{
	wire_string_copy(to, size, text);
	for (; *to; to++) {
		if (*to < ' ' || *to > '~') {
			*to = '?';
		}
	}
}

const char *registry_role_name(const struct registry_peer *peer)
{
	return peer->role == MUX_ROLE_AGENT ? "agent" : "service";
}

void registry_cut(struct registry_session *session)
{
	session->state = SESSION_ENDING;
	connection_close(&session->connection);
}

/* Queues what was encoded; a peer that cannot take it is cut off, and found by the next tick. */
static void queue(struct registry_session *session, const struct wire_writer *writer, int result)
{
	if (result) {
		registry_cut(session);
	} else {
		connection_queue(&session->connection, writer, mux_time_ms());
	}
}

void registry_send_service_up(struct registry_session *session, const struct registry_peer *service)
{
	struct wire_service_up up = {.service = service->id,
				     .cid = service->cid,
				     .port = service->port,
				     .name = wire_string_of(service->name),
				     .version = wire_string_of(service->version)};
	struct wire_writer writer = connection_writer(&session->connection);

	queue(session, &writer, wire_encode_service_up(&writer, &up));
}

void registry_send_service_down(struct registry_session *session, uint32_t id,
				enum mux_error reason)
{
	struct wire_service_down down = {.service = id, .reason = (uint32_t)reason};
	struct wire_writer writer = connection_writer(&session->connection);

	queue(session, &writer, wire_encode_service_down(&writer, &down));
}

void registry_send_agent_state(struct registry_session *session, const struct registry_peer *agent)
{
	struct wire_agent_state_message state = {.agent = agent->id,
						 .cid = agent->cid,
						 .state = WIRE_AGENT_DOWN,
						 .name = wire_string_of(agent->name)};
	struct wire_writer writer = connection_writer(&session->connection);

	if (agent->state == REGISTRY_UP) {
		state.state = WIRE_AGENT_UP;
	} else if (agent->state == REGISTRY_SILENT) {
		state.state = WIRE_AGENT_SILENT;
	}
	queue(session, &writer, wire_encode_agent_state(&writer, &state));
}

void registry_send_error(struct registry_session *session, enum mux_error code,
			 const struct wire_message *about, const char *text)
{
	struct wire_error error = {.code = (uint32_t)code,
				   .type = about ? about->header.type : 0,
				   .text = wire_string_of(text)};
	struct wire_writer writer = connection_writer(&session->connection);

	queue(session, &writer,
	      wire_encode_error(&writer, about ? about->header.request : 0, &error));
}

void registry_send_welcome(const struct registry *registry, struct registry_session *session,
			   uint64_t request)
{
	struct wire_welcome answer = {.heartbeat_ms = registry->options.heartbeat_ms,
				      .id = session->peer->id,
				      .name = wire_string_of("manager")};
	struct wire_writer writer = connection_writer(&session->connection);

	queue(session, &writer, wire_encode_welcome(&writer, request, &answer));
}
