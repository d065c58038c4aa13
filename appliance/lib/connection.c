/* SPDX-License-Identifier: MIT */
#include "appliance/lib/connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int connection_init(struct connection *connection, size_t output_capacity)
{
	*connection = (struct connection){.fd = -1, .output_capacity = output_capacity};
	connection->memory = malloc(WIRE_MESSAGE_MAX + output_capacity);
	if (!connection->memory) {
		return -ENOMEM;
	}
	connection->output = connection->memory + WIRE_MESSAGE_MAX;
	return 0;
}

void connection_free(struct connection *connection)
{
	connection_close(connection);
	free(connection->memory);
	connection->memory = NULL;
}

void connection_open(struct connection *connection, int fd)
{
	connection_close(connection);
	connection->fd = fd;
	wire_stream_init(&connection->input, connection->memory, WIRE_MESSAGE_MAX);
	connection->output_start = 0;
	connection->output_end = 0;
}

void connection_close(struct connection *connection)
{
	if (connection->fd >= 0) {
		close(connection->fd);
		connection->fd = -1;
	}
	connection->output_start = 0;
	connection->output_end = 0;
}

int connection_finish_connect(const struct connection *connection)
{
	socklen_t length = sizeof(int);
	int error = 0;

	if (getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0) {
		return -errno;
	}
	return -error;
}

static bool is_transient(int error)
{
	return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

int connection_receive(struct connection *connection)
{
	uint8_t *where;
	size_t space = wire_stream_space(&connection->input, &where);
	ssize_t count;

	if (!space) {
		return 0;
	}
	count = recv(connection->fd, where, space, 0);
	if (count < 0) {
		return is_transient(errno) ? 0 : -errno;
	}
	if (count == 0) {
		return -ENOTCONN;
	}
	wire_stream_commit(&connection->input, (size_t)count);
	return 1;
}

int connection_discard(struct connection *connection)
{
	wire_stream_init(&connection->input, connection->memory, WIRE_MESSAGE_MAX);
	return connection_receive(connection);
}

int connection_next(struct connection *connection, struct wire_message *message)
{
	return wire_stream_next(&connection->input, message);
}

struct wire_writer connection_writer(struct connection *connection)
{
	size_t waiting = connection_waiting(connection);
	struct wire_writer writer;

	/* Moved to the front only when a whole message might not fit behind. */
	if (connection->output_start > 0 &&
	    connection->output_capacity - connection->output_end < WIRE_MESSAGE_MAX) {
		memmove(connection->output, connection->output + connection->output_start, waiting);
		connection->output_start = 0;
		connection->output_end = waiting;
	}
	wire_writer_init(&writer, connection->output + connection->output_end,
			 connection->output_capacity - connection->output_end);
	return writer;
}

void connection_queue(struct connection *connection, const struct wire_writer *writer,
		      uint64_t now_ms)
{
	if (!connection_waiting(connection)) {
		connection->progress_ms = now_ms;
	}
	connection->output_end += writer->size;
}

size_t connection_room(const struct connection *connection)
{
	return connection->output_capacity - connection_waiting(connection);
}

size_t connection_waiting(const struct connection *connection)
{
	return connection->output_end - connection->output_start;
}

int connection_flush(struct connection *connection, uint64_t now_ms)
{
	while (connection_waiting(connection)) {
		ssize_t count = send(connection->fd, connection->output + connection->output_start,
				     connection_waiting(connection), MSG_NOSIGNAL);

		if (count < 0) {
			return is_transient(errno) ? 0 : -errno;
		}
		connection->output_start += (size_t)count;
		connection->progress_ms = now_ms;
	}
	connection->output_start = 0;
	connection->output_end = 0;
	return 0;
}

bool connection_is_stuck(const struct connection *connection, uint64_t now_ms, uint64_t limit_ms)
{
	return connection_waiting(connection) && now_ms - connection->progress_ms >= limit_ms;
}
