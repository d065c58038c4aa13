/* SPDX-License-Identifier: MIT */
#include "appliance/lib/manager_link.h"

#include <errno.h>
#include <string.h>

#include "appliance/lib/service.h"

#define RECEIVES_MAX 4 /* a turn */

int manager_link_init(struct manager_link *link)
{
	link->state = MANAGER_LINK_WAITING;
	link->due_ms = 0;
	link->retry_ms = MANAGER_LINK_RETRY_MIN_MS;
	return connection_init(&link->connection, MANAGER_LINK_OUTPUT_SIZE);
}

void manager_link_free(struct manager_link *link)
{
	connection_free(&link->connection);
}

uint64_t manager_link_next_due(const struct manager_link *link)
{
	return link->due_ms;
}

short manager_link_poll_events(const struct manager_link *link)
{
	switch (link->state) {
	case MANAGER_LINK_WAITING:
	case MANAGER_LINK_OFF: return 0;
	case MANAGER_LINK_CONNECTING: return POLLOUT;
	default: return connection_waiting(&link->connection) ? POLLIN | POLLOUT : POLLIN;
	}
}

static void forget_agents(struct mux_service *service)
{
	struct manager_link *link = &service->manager;

	if (link->known_count) {
		link->known_count = 0;
		if (service->options.on_agents_changed) {
			service->options.on_agents_changed(service, service->options.context);
		}
	}
}

/* The connection is over: back-off, then the next one. */
static void lose(struct mux_service *service, uint64_t now_ms)
{
	struct manager_link *link = &service->manager;
	bool was_registered = link->state == MANAGER_LINK_REGISTERED;

	connection_close(&link->connection);
	if (service->stop_ms) {
		link->state = MANAGER_LINK_OFF;
		link->due_ms = UINT64_MAX;
		return;
	}
	link->state = MANAGER_LINK_WAITING;
	link->due_ms = now_ms + link->retry_ms;
	link->retry_ms = link->retry_ms * 2 < MANAGER_LINK_RETRY_MAX_MS ? link->retry_ms * 2
									: MANAGER_LINK_RETRY_MAX_MS;
	forget_agents(service);
	if (was_registered && service->options.on_manager) {
		service->options.on_manager(service, false, service->options.context);
	}
}

/* Queues one message. The queue holds many heartbeats: one that is full belongs to a manager that
 * reads nothing, and the stuck check ends that. */
static void queue(struct manager_link *link, const struct wire_writer *writer, int result,
		  uint64_t now_ms)
{
	if (result == 0) {
		connection_queue(&link->connection, writer, now_ms);
	}
}

static void greet(struct mux_service *service, uint64_t now_ms)
{
	struct manager_link *link = &service->manager;
	struct wire_writer writer = connection_writer(&link->connection);
	struct wire_hello hello = {.role = MUX_ROLE_SERVICE,
				   .port = service->options.port,
				   .name = wire_string_of(service->name),
				   .version = wire_string_of(service->version)};

	queue(link, &writer, wire_encode_hello(&writer, ++service->last_request, &hello), now_ms);
	link->state = MANAGER_LINK_GREETING;
	link->due_ms = now_ms + MANAGER_LINK_GREETING_MS;
}

static void start_connecting(struct mux_service *service, uint64_t now_ms)
{
	struct manager_link *link = &service->manager;
	int fd = service->transport->connect(service->transport, MUX_CID_MANAGER, MUX_PORT_MANAGER);

	if (fd < 0) {
		lose(service, now_ms);
		return;
	}
	connection_open(&link->connection, fd);
	link->state = MANAGER_LINK_CONNECTING;
	link->due_ms = now_ms + MANAGER_LINK_GREETING_MS;
}

static int take_welcome(struct mux_service *service, const struct wire_message *message,
			uint64_t now_ms)
{
	struct manager_link *link = &service->manager;
	struct wire_welcome welcome;
	int error = wire_decode_welcome(message, &welcome);

	if (error) {
		return error;
	}
	if (link->state != MANAGER_LINK_GREETING) {
		return -MUX_ERR_UNEXPECTED;
	}
	link->state = MANAGER_LINK_REGISTERED;
	link->retry_ms = MANAGER_LINK_RETRY_MIN_MS;
	link->heartbeat_ms = welcome.heartbeat_ms;
	link->due_ms = welcome.heartbeat_ms ? now_ms + welcome.heartbeat_ms : UINT64_MAX;
	if (service->options.on_manager) {
		service->options.on_manager(service, true, service->options.context);
	}
	return 0;
}

static size_t find_known(const struct manager_link *link, uint32_t id)
{
	size_t index = 0;

	while (index < link->known_count && link->known[index].id != id) {
		index++;
	}
	return index;
}

static int take_agent_state(struct mux_service *service, const struct wire_message *message)
{
	struct manager_link *link = &service->manager;
	struct wire_agent_state_message state;
	int error = wire_decode_agent_state(message, &state);
	size_t index;

	if (error) {
		return error;
	}
	index = find_known(link, state.agent);
	if (state.state == WIRE_AGENT_DOWN) {
		if (index < link->known_count) {
			link->known[index] = link->known[--link->known_count];
		}
	} else if (index < MANAGER_LINK_KNOWN_MAX) {
		struct mux_known_agent *known = &link->known[index];

		link->known_count += index == link->known_count;
		known->id = state.agent;
		known->cid = state.cid;
		known->is_silent = state.state == WIRE_AGENT_SILENT;
		wire_string_copy(known->name, sizeof(known->name), state.name);
	}
	if (service->options.on_agents_changed) {
		service->options.on_agents_changed(service, service->options.context);
	}
	return 0;
}

/* 0, or a negated enum mux_error where the session is to end. */
static int take_message(struct mux_service *service, const struct wire_message *message,
			uint64_t now_ms)
{
	switch (message->header.type) {
	case MUX_MSG_WELCOME: return take_welcome(service, message, now_ms);
	case MUX_MSG_AGENT_STATE: return take_agent_state(service, message);
	case MUX_MSG_BYE: return -MUX_ERR_SHUTDOWN;
	default: return -MUX_ERR_UNEXPECTED;
	}
}

static void receive(struct mux_service *service, uint64_t now_ms)
{
	struct connection *connection = &service->manager.connection;

	for (int i = 0; i < RECEIVES_MAX; i++) {
		struct wire_message message;
		int received = connection_receive(connection);
		int result;

		if (received == 0) {
			return;
		}
		if (received < 0) {
			lose(service, now_ms);
			return;
		}
		while ((result = connection_next(connection, &message)) == 1) {
			if (take_message(service, &message, now_ms)) {
				lose(service, now_ms);
				return;
			}
			if (connection->fd < 0) {
				return; /* a callback stopped the service */
			}
		}
		if (result < 0) {
			lose(service, now_ms);
			return;
		}
	}
}

void manager_link_ready(struct mux_service *service, short revents, uint64_t now_ms)
{
	struct manager_link *link = &service->manager;

	if (link->state == MANAGER_LINK_CONNECTING) {
		if (connection_finish_connect(&link->connection)) {
			lose(service, now_ms);
		} else {
			greet(service, now_ms);
		}
		return;
	}
	if (revents & (POLLIN | POLLERR | POLLHUP)) {
		receive(service, now_ms);
	}
}

static void send_heartbeat(struct mux_service *service, uint64_t now_ms)
{
	struct manager_link *link = &service->manager;
	struct wire_writer writer = connection_writer(&link->connection);

	queue(link, &writer,
	      wire_encode_heartbeat(&writer, now_ms - service->start_ms, service->counter,
				    service->counter_count),
	      now_ms);
	link->due_ms = now_ms + link->heartbeat_ms;
}

static void run_due(struct mux_service *service, uint64_t now_ms)
{
	switch (service->manager.state) {
	case MANAGER_LINK_WAITING: start_connecting(service, now_ms); break;
	case MANAGER_LINK_REGISTERED: send_heartbeat(service, now_ms); break;
	default: lose(service, now_ms); break;
	}
}

void manager_link_tick(struct mux_service *service, uint64_t now_ms)
{
	struct manager_link *link = &service->manager;
	struct connection *connection = &link->connection;

	if (now_ms >= link->due_ms) {
		run_due(service, now_ms);
	}
	if (connection->fd < 0 || link->state == MANAGER_LINK_CONNECTING) {
		return;
	}
	if (connection_flush(connection, now_ms) ||
	    connection_is_stuck(connection, now_ms, MANAGER_LINK_STUCK_MS)) {
		lose(service, now_ms);
		return;
	}
	if (link->state == MANAGER_LINK_ENDING && !connection_waiting(connection)) {
		lose(service, now_ms);
	}
}

void manager_link_stop(struct mux_service *service, uint64_t now_ms)
{
	struct manager_link *link = &service->manager;
	struct wire_writer writer;

	if (link->state == MANAGER_LINK_ENDING || link->state == MANAGER_LINK_OFF) {
		return;
	}
	if (link->state != MANAGER_LINK_REGISTERED) {
		lose(service, now_ms);
		return;
	}
	writer = connection_writer(&link->connection);
	queue(link, &writer,
	      wire_encode_bye(&writer, MUX_ERR_SHUTDOWN, now_ms - service->start_ms,
			      service->counter, service->counter_count),
	      now_ms);
	link->state = MANAGER_LINK_ENDING;
	link->due_ms = now_ms + MANAGER_LINK_LINGER_MS;
}
