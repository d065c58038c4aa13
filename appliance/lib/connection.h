/* SPDX-License-Identifier: MIT */
/*
 * One connection that carries protocol messages: bounded input and output buffers over a
 * non-blocking descriptor. It knows no session: what messages mean is for its user. No locking: one
 * thread.
 */
#ifndef APPLIANCE_LIB_CONNECTION_H
#define APPLIANCE_LIB_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/wire/wire.h"

struct connection {
	int fd; /* -1: not open */
	struct wire_stream input;
	uint8_t *memory; /* input buffer, then output buffer */
	uint8_t *output;
	size_t output_start; /* bytes of output that wait to be sent */
	size_t output_end;
	size_t output_capacity;
	uint64_t progress_ms; /* when output last moved, or began to wait */
};

/* Allocates the buffers. -ENOMEM. */
int connection_init(struct connection *connection, size_t output_capacity);
/* Closes, and frees the buffers. */
void connection_free(struct connection *connection);

/* Takes the descriptor; buffers are empty. */
void connection_open(struct connection *connection, int fd);
void connection_close(struct connection *connection);

/* After POLLOUT of a descriptor that was connecting: 0, or why it failed, a negative errno value.
 */
int connection_finish_connect(const struct connection *connection);

/* Receives once. 1: bytes came; 0: none wait; -ENOTCONN: the peer closed; other negative errno
 * values: the connection broke. */
int connection_receive(struct connection *connection);
/* As connection_receive, and throws away what comes and what came before. */
int connection_discard(struct connection *connection);
/* As wire_stream_next. */
int connection_next(struct connection *connection, struct wire_message *message);

/* A writer over the free part of the output buffer; what was encoded with it is queued by
 * connection_queue. */
struct wire_writer connection_writer(struct connection *connection);
void connection_queue(struct connection *connection, const struct wire_writer *writer,
		      uint64_t now_ms);
/* Free bytes. */
size_t connection_room(const struct connection *connection);
/* Bytes that wait to be sent. */
size_t connection_waiting(const struct connection *connection);
/* Sends what the peer takes. 0, or a negative errno value: the connection broke. */
int connection_flush(struct connection *connection, uint64_t now_ms);
/* Did nothing of the waiting output move for that long? */
bool connection_is_stuck(const struct connection *connection, uint64_t now_ms, uint64_t limit_ms);

#endif
