/* SPDX-License-Identifier: MIT */
#include "appliance/lib/remote.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "appliance/lib/remote_event.h"
#include "appliance/lib/remote_request.h"
#include "appliance/lib/rules.h"
#include "appliance/lib/service.h"

/* Request ids of CONFIGURE: with the generation; those of ACCESS count up from 1. */
#define CONFIGURE_REQUEST (UINT64_C(1) << 63)

/* ---- life ---- */

static bool may_accept(const struct mux_service *service, uint32_t cid)
{
	uint32_t ungreeted = 0;

	for (const struct mux_agent *agent = service->agents; agent; agent = agent->next) {
		ungreeted += agent->info.cid == cid && agent->state != REMOTE_UP;
	}
	return ungreeted < REMOTE_UNGREETED_MAX && service->agent_count < REMOTE_SESSIONS_MAX &&
	       !service->stop_ms;
}

void remote_accept(struct mux_service *service, int fd, uint32_t cid, uint64_t now_ms)
{
	struct mux_agent *agent = may_accept(service, cid) ? calloc(1, sizeof(*agent)) : NULL;

	if (!agent || connection_init(&agent->connection, REMOTE_OUTPUT_SIZE)) {
		free(agent);
		close(fd);
		return;
	}
	connection_open(&agent->connection, fd);
	agent->service = service;
	agent->references = 1;
	agent->state = REMOTE_GREETING;
	agent->deadline_ms = now_ms + REMOTE_GREETING_MS;
	agent->heard_ms = now_ms;
	agent->info.cid = cid;
	agent->info.name = agent->name;
	agent->info.version = agent->version;
	agent->next = service->agents;
	service->agents = agent;
	service->agent_count++;
}

void remote_drop(struct mux_agent *agent)
{
	if (agent->state == REMOTE_GONE) {
		/* Events may hold the agent for long: its buffers and requests go now. */
		remote_request_end_all(agent, false);
		connection_free(&agent->connection);
	}
	if (--agent->references == 0) {
		free(agent);
	}
}

static void set_ending(struct mux_agent *agent, enum mux_error reason)
{
	agent->state = REMOTE_ENDING;
	agent->info.is_connected = false;
	agent->reason = reason;
	agent->deadline_ms = mux_time_ms() + REMOTE_LINGER_MS;
}

static bool is_ending(const struct mux_agent *agent)
{
	return agent->state == REMOTE_ENDING || agent->state == REMOTE_GONE;
}

/* The connection itself is broken: nothing more can be said. */
static void lose(struct mux_agent *agent, enum mux_error reason)
{
	if (!is_ending(agent)) {
		set_ending(agent, reason);
	}
	connection_close(&agent->connection);
}

static void say_error(struct mux_agent *agent, enum mux_error reason,
		      const struct wire_message *about)
{
	struct wire_writer writer = connection_writer(&agent->connection);
	struct wire_error error = {.code = (uint32_t)reason,
				   .type = about ? about->header.type : 0,
				   .text = wire_string_of(wire_error_name((uint32_t)reason))};

	if (wire_encode_error(&writer, about ? about->header.request : 0, &error) == 0) {
		connection_queue(&agent->connection, &writer, mux_time_ms());
	}
}

void remote_end(struct mux_agent *agent, enum mux_error reason)
{
	struct wire_writer writer;

	if (is_ending(agent)) {
		return;
	}
	writer = connection_writer(&agent->connection);
	if (wire_encode_bye(&writer, (uint32_t)reason, 0, NULL, 0) == 0) {
		connection_queue(&agent->connection, &writer, mux_time_ms());
	}
	agent->awaits_close = reason == MUX_ERR_SHUTDOWN && agent->state == REMOTE_UP;
	set_ending(agent, reason);
}

static void fail(struct mux_agent *agent, int error, const struct wire_message *about)
{
	if (!is_ending(agent)) {
		say_error(agent, (enum mux_error) - error, about);
		set_ending(agent, (enum mux_error) - error);
	}
}

static bool is_lingering(const struct mux_agent *agent)
{
	return agent->connection.fd >= 0 &&
	       (agent->awaits_close || connection_waiting(&agent->connection));
}

bool remote_finish(struct mux_agent *agent, uint64_t now_ms)
{
	struct mux_service_options *options = &agent->service->options;

	if (agent->state != REMOTE_ENDING) {
		return agent->state == REMOTE_GONE;
	}
	remote_request_end_all(agent, true);
	if (agent->was_up) {
		agent->was_up = false;
		if (options->on_agent_down) {
			options->on_agent_down(agent, agent->reason, options->context);
		}
	}
	if (is_lingering(agent) && now_ms < agent->deadline_ms) {
		return false;
	}
	connection_close(&agent->connection);
	agent->state = REMOTE_GONE;
	return true;
}

/* ---- output ---- */

struct wire_writer remote_writer(struct mux_agent *agent)
{
	return connection_writer(&agent->connection);
}

int remote_send(struct mux_agent *agent, const struct wire_writer *writer, int result)
{
	if (agent->state != REMOTE_UP) {
		return -ENOTCONN;
	}
	if (result) {
		lose(agent, MUX_ERR_LIMIT);
		return -ENOTCONN;
	}
	connection_queue(&agent->connection, writer, mux_time_ms());
	return 0;
}

/* ---- input ---- */

/* The same guest came again, after a restart or a broken connection: the old session is over. */
static void replace_others(struct mux_agent *agent)
{
	for (struct mux_agent *other = agent->service->agents; other; other = other->next) {
		if (other != agent && other->info.cid == agent->info.cid &&
		    other->state == REMOTE_UP) {
			remote_end(other, MUX_ERR_REPLACED);
		}
	}
}

static int take_hello(struct mux_agent *agent, const struct wire_message *message, uint64_t now_ms)
{
	struct mux_service_options *options = &agent->service->options;
	struct wire_welcome welcome = {.heartbeat_ms = REMOTE_HEARTBEAT_MS,
				       .name = wire_string_of(agent->service->name)};
	struct wire_writer writer = connection_writer(&agent->connection);
	struct wire_hello hello;
	int error = wire_decode_hello(message, &hello);

	if (error) {
		return error;
	}
	if (agent->state != REMOTE_GREETING || hello.role != MUX_ROLE_AGENT) {
		return -MUX_ERR_UNEXPECTED;
	}
	wire_string_copy(agent->name, sizeof(agent->name), hello.name);
	wire_string_copy(agent->version, sizeof(agent->version), hello.version);
	agent->info.verbs = hello.verbs;
	agent->info.granted = hello.granted;
	agent->info.events = hello.events;
	error = wire_encode_welcome(&writer, message->header.request, &welcome);
	if (error) {
		return error;
	}
	connection_queue(&agent->connection, &writer, now_ms);
	replace_others(agent);
	agent->state = REMOTE_UP;
	agent->info.is_connected = true;
	agent->was_up = true;
	if (options->on_agent_up) {
		options->on_agent_up(agent, options->context);
	}
	return 0;
}

static void report_configured(struct mux_agent *agent, uint32_t generation, enum mux_error result,
			      struct wire_string text)
{
	struct mux_service_options *options = &agent->service->options;
	char copy[MUX_STRING_MAX + 1];

	wire_string_copy(copy, sizeof(copy), text);
	if (options->on_configured) {
		options->on_configured(agent, generation, result, copy, options->context);
	}
}

static int take_configured(struct mux_agent *agent, const struct wire_message *message)
{
	struct wire_configured configured;
	int error = wire_decode_configured(message, &configured);

	if (error) {
		return error;
	}
	if (configured.generation == 0 || configured.generation > agent->generation ||
	    message->header.request != (CONFIGURE_REQUEST | configured.generation)) {
		return -MUX_ERR_UNEXPECTED;
	}
	report_configured(agent, configured.generation, MUX_ERR_NONE, wire_string_of(""));
	return 0;
}

static int take_configure_error(struct mux_agent *agent, const struct wire_message *message,
				const struct wire_error *refusal)
{
	uint64_t generation = message->header.request ^ CONFIGURE_REQUEST;

	if (generation == 0 || generation > agent->generation) {
		return -MUX_ERR_UNEXPECTED;
	}
	report_configured(agent, (uint32_t)generation,
			  refusal->code ? (enum mux_error)refusal->code : MUX_ERR_RULE,
			  refusal->text);
	return 0;
}

/* The agent refuses one message (rules, a request), or says why it closes. */
static int take_error(struct mux_agent *agent, const struct wire_message *message)
{
	struct wire_error refusal;
	int error = wire_decode_error(message, &refusal);

	if (error) {
		return error;
	}
	switch (refusal.type) {
	case MUX_MSG_CONFIGURE: return take_configure_error(agent, message, &refusal);
	case MUX_MSG_ACCESS:
		remote_request_refused(agent, message->header.request,
				       (enum mux_error)refusal.code);
		return 0;
	case MUX_MSG_VERDICT: return 0;
	default: lose(agent, refusal.code ? (enum mux_error)refusal.code : MUX_ERR_LOST); return 0;
	}
}

static int take_heartbeat(const struct wire_message *message)
{
	struct wire_heartbeat heartbeat;

	return wire_decode_heartbeat(message, &heartbeat);
}

static int take_bye(struct mux_agent *agent, const struct wire_message *message)
{
	struct wire_bye bye;
	int error = wire_decode_bye(message, &bye);

	if (error) {
		return error;
	}
	lose(agent, MUX_ERR_SHUTDOWN);
	return 0;
}

static int take_audit(const struct wire_message *message)
{
	struct wire_audit audit;

	/* The agent reports the same record to the manager, which keeps them. */
	return wire_decode_audit(message, &audit);
}

/* 0, or a negated enum mux_error where the session is to end. */
static int take_message(struct mux_agent *agent, const struct wire_message *message,
			uint64_t now_ms)
{
	uint16_t type = message->header.type;

	if (agent->state == REMOTE_GREETING && type != MUX_MSG_HELLO && type != MUX_MSG_ERROR) {
		return -MUX_ERR_UNEXPECTED;
	}
	switch (type) {
	case MUX_MSG_HELLO: return take_hello(agent, message, now_ms);
	case MUX_MSG_CONFIGURED: return take_configured(agent, message);
	case MUX_MSG_EVENT: return remote_event_receive(agent, message, now_ms);
	case MUX_MSG_RESPONSE: return remote_request_receive(agent, message, now_ms);
	case MUX_MSG_HEARTBEAT: return take_heartbeat(message);
	case MUX_MSG_BYE: return take_bye(agent, message);
	case MUX_MSG_ERROR: return take_error(agent, message);
	case MUX_MSG_AUDIT: return take_audit(message);
	default: return -MUX_ERR_UNEXPECTED;
	}
}

/* All whole messages that were received. */
static void take_messages(struct mux_agent *agent, uint64_t now_ms)
{
	struct wire_message message;
	int result;

	while (!is_ending(agent) && (result = connection_next(&agent->connection, &message)) != 0) {
		if (result < 0) {
			fail(agent, result, NULL);
			return;
		}
		result = take_message(agent, &message, now_ms);
		if (result) {
			fail(agent, result, &message);
		}
	}
}

static void receive(struct mux_agent *agent, uint64_t now_ms)
{
	for (int i = 0; i < REMOTE_RECEIVES_MAX && !is_ending(agent); i++) {
		int received = connection_receive(&agent->connection);

		if (received == 0) {
			return;
		}
		if (received < 0) {
			lose(agent, MUX_ERR_LOST);
			return;
		}
		agent->heard_ms = now_ms;
		take_messages(agent, now_ms);
	}
}

/* What an agent sends on after its session's end means nothing; that it closes does. */
static void await_close(struct mux_agent *agent)
{
	for (int i = 0; i < REMOTE_RECEIVES_MAX; i++) {
		int received = connection_discard(&agent->connection);

		if (received < 0) {
			connection_close(&agent->connection);
		}
		if (received <= 0) {
			return;
		}
	}
}

short remote_poll_events(const struct mux_agent *agent)
{
	short out = connection_waiting(&agent->connection) ? POLLOUT : 0;

	return agent->state == REMOTE_ENDING && !agent->awaits_close ? out : (short)(out | POLLIN);
}

void remote_ready(struct mux_agent *agent, short revents, uint64_t now_ms)
{
	if (!is_ending(agent) && (revents & (POLLIN | POLLERR | POLLHUP))) {
		receive(agent, now_ms);
	} else if (is_ending(agent) && agent->awaits_close && (revents & POLLIN)) {
		await_close(agent);
	} else if (is_ending(agent) && (revents & (POLLERR | POLLHUP))) {
		connection_close(&agent->connection);
	}
}

/* ---- time ---- */

void remote_tick(struct mux_agent *agent, uint64_t now_ms)
{
	struct connection *connection = &agent->connection;

	if (connection->fd < 0) {
		return;
	}
	if (agent->state == REMOTE_UP) {
		remote_request_tick(agent, now_ms);
	}
	if (connection_flush(connection, now_ms)) {
		lose(agent, MUX_ERR_LOST);
	} else if (connection_is_stuck(connection, now_ms, REMOTE_STUCK_MS)) {
		lose(agent, MUX_ERR_LIMIT);
	} else if (agent->state == REMOTE_GREETING && now_ms >= agent->deadline_ms) {
		fail(agent, -MUX_ERR_LOST, NULL);
	}
}

void remote_check_silence(struct mux_agent *agent, uint64_t polled_ms)
{
	if (agent->state == REMOTE_UP && polled_ms >= agent->heard_ms + REMOTE_SILENCE_MS) {
		fail(agent, -MUX_ERR_LOST, NULL);
	}
}

uint64_t remote_next_due(const struct mux_agent *agent)
{
	uint64_t due = agent->deadline_ms;
	uint64_t request_due;

	if (agent->state == REMOTE_ENDING && !is_lingering(agent)) {
		return 0;
	}
	if (agent->state == REMOTE_UP) {
		due = agent->heard_ms + REMOTE_SILENCE_MS;
		request_due = remote_request_next_due(agent);
		due = request_due < due ? request_due : due;
	}
	if (connection_waiting(&agent->connection)) {
		uint64_t stuck = agent->connection.progress_ms + REMOTE_STUCK_MS;

		due = stuck < due ? stuck : due;
	}
	return due;
}

/* ---- public ---- */

const struct mux_agent_info *mux_agent_info(const struct mux_agent *agent)
{
	return &agent->info;
}

struct mux_service *mux_agent_service(const struct mux_agent *agent)
{
	return agent->service;
}

void mux_agent_set_context(struct mux_agent *agent, void *context)
{
	agent->context = context;
}

void *mux_agent_context(const struct mux_agent *agent)
{
	return agent->context;
}

struct mux_agent *mux_agent_next(const struct mux_service *service, const struct mux_agent *agent)
{
	struct mux_agent *next = agent ? agent->next : service->agents;

	while (next && next->state != REMOTE_UP) {
		next = next->next;
	}
	return next;
}

int mux_agent_disconnect(struct mux_agent *agent, enum mux_error reason)
{
	if (agent->state != REMOTE_UP) {
		return -ENOTCONN;
	}
	remote_end(agent, reason);
	return 0;
}

/* What the agent cannot report is left out: one that is older than this library would refuse a kind
 * that it does not know, and with it the whole set. */
static int encode_rules(struct mux_agent *agent, const struct mux_rules *rules,
			struct wire_writer *writer)
{
	struct wire_rule *known = malloc(sizeof(rules->rule));
	uint32_t generation = agent->generation + 1;
	int result;

	if (!known) {
		return -ENOMEM;
	}
	for (size_t i = 0; i < rules->count; i++) {
		known[i] = rules->rule[i];
		known[i].events &= agent->info.events;
	}
	result = wire_encode_configure(writer, CONFIGURE_REQUEST | generation, generation, known,
				       rules->count);
	free(known);
	if (result) {
		return result == -MUX_ERR_LIMIT ? -E2BIG : -EINVAL;
	}
	return 0;
}

int64_t mux_agent_set_rules(struct mux_agent *agent, const struct mux_rules *rules)
{
	struct wire_writer writer;
	int result;

	if (!rules) {
		return -ENOMEM;
	}
	if (rules->error) {
		return rules->error;
	}
	if (agent->state != REMOTE_UP) {
		return -ENOTCONN;
	}
	if (connection_room(&agent->connection) < WIRE_MESSAGE_MAX) {
		return -EAGAIN;
	}
	writer = remote_writer(agent);
	result = encode_rules(agent, rules, &writer);
	if (result) {
		return result;
	}
	agent->generation++;
	remote_send(agent, &writer, 0);
	return agent->generation;
}
