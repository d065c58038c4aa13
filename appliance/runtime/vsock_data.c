// SPDX-License-Identifier: MIT
/*
 * Payload of the socket core: the receive buffer with its message boundaries, credit in both
 * directions (virtio 1.2, 5.10.6.3), send and recv.
 */
#include "appliance/runtime/vsock_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Empty messages take no credit: so many may wait beside those that do. */
#define EMPTY_MESSAGES_MAX 1024U

static uint32_t min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

int vsock_data_open(struct vsock_socket *socket)
{
	struct vsock_stack *stack = socket->stack;
	uint32_t size = (uint32_t)socket->option_size;

	if (size > stack->memory_limit - stack->memory_used) {
		return -ENOBUFS;
	}
	socket->buffer = malloc(size);
	if (socket->buffer == NULL) {
		return -ENOBUFS;
	}
	stack->memory_used += size;
	socket->buffer_size = size;
	socket->head = 0;
	socket->used = 0;
	return 0;
}

void vsock_data_free(struct vsock_socket *socket)
{
	if (socket->buffer != NULL) {
		socket->stack->memory_used -= socket->buffer_size;
		free(socket->buffer);
		socket->buffer = NULL;
	}
	free(socket->messages);
	socket->messages = NULL;
	socket->message_capacity = 0;
	socket->message_count = 0;
	socket->message_partial = 0;
	socket->used = 0;
}

static void buffer_put(struct vsock_socket *socket, const uint8_t *data, uint32_t size)
{
	uint32_t tail = socket->head + socket->used; /* both below 2^25: VSOCK_BUFFER_SIZE_MOST */
	uint32_t first;

	if (tail >= socket->buffer_size) {
		tail -= socket->buffer_size;
	}
	first = min_u32(size, socket->buffer_size - tail);
	memcpy(socket->buffer + tail, data, first);
	if (size > first) {
		memcpy(socket->buffer, data + first, size - first);
	}
	socket->used += size;
}

static void buffer_peek(const struct vsock_socket *socket, uint8_t *data, uint32_t size)
{
	uint32_t first = min_u32(size, socket->buffer_size - socket->head);

	if (size == 0) {
		return;
	}
	memcpy(data, socket->buffer + socket->head, first);
	if (size > first) {
		memcpy(data + first, socket->buffer, size - first);
	}
}

/*
 * Room went back to the peer. It is told with the next packet anyway; an own packet for it is worth
 * its cost only when a quarter of the buffer is free that the peer does not know of. The peer can
 * never be stuck: less than a quarter is withheld.
 */
static void buffer_release(struct vsock_socket *socket, uint32_t size)
{
	socket->head += size;
	if (socket->head >= socket->buffer_size) {
		socket->head -= socket->buffer_size;
	}
	socket->used -= size;
	socket->forward_count += size;
	if (socket->state == VSOCK_ESTABLISHED &&
	    socket->forward_count - socket->announced >= socket->buffer_size / 4) {
		vsock_socket_post(socket, VSOCK_PENDING_CREDIT);
	}
}

static int messages_grow(struct vsock_socket *socket)
{
	uint32_t limit = socket->buffer_size + EMPTY_MESSAGES_MAX;
	uint32_t capacity = socket->message_capacity == 0 ? 16 : socket->message_capacity * 2;
	uint32_t *messages;

	if (socket->message_count >= limit) {
		return -EPROTO;
	}
	messages = calloc(min_u32(capacity, limit), sizeof(messages[0]));
	if (messages == NULL) {
		return -EPROTO;
	}
	for (uint32_t i = 0; i < socket->message_count; i++) {
		messages[i] =
			socket->messages[(socket->message_first + i) % socket->message_capacity];
	}
	free(socket->messages);
	socket->messages = messages;
	socket->message_capacity = min_u32(capacity, limit);
	socket->message_first = 0;
	return 0;
}

static int messages_append(struct vsock_socket *socket, uint32_t length)
{
	if (socket->message_count == socket->message_capacity) {
		int error = messages_grow(socket);

		if (error != 0) {
			return error;
		}
	}
	socket->messages[(socket->message_first + socket->message_count) %
			 socket->message_capacity] = length;
	socket->message_count++;
	return 0;
}

int vsock_data_append(struct vsock_socket *socket, const uint8_t *data, uint32_t size, bool end)
{
	if (size > socket->buffer_size - socket->used) {
		return -EPROTO;
	}
	if (size != 0) {
		buffer_put(socket, data, size);
	}
	if (socket->type != VIRTIO_VSOCK_TYPE_SEQPACKET) {
		return 0;
	}
	socket->message_partial += size;
	if (end) {
		uint32_t length = socket->message_partial;

		socket->message_partial = 0;
		return messages_append(socket, length);
	}
	/* A message that fills the whole buffer and goes on would never be complete. */
	if (socket->message_partial == socket->buffer_size) {
		return -EPROTO;
	}
	return 0;
}

bool vsock_data_is_readable(const struct vsock_socket *socket)
{
	if (socket->type == VIRTIO_VSOCK_TYPE_SEQPACKET) {
		return socket->message_count != 0;
	}
	return socket->used != 0;
}

uint32_t vsock_data_credit(const struct vsock_socket *socket)
{
	uint32_t in_flight = socket->sent_count - socket->peer_forward_count;

	/* A peer that claims to have forwarded more than was sent gets nothing: in_flight is
	 * then huge. */
	return in_flight < socket->peer_buffer_size ? socket->peer_buffer_size - in_flight : 0;
}

/* What recv and send say when there is no connection, or no more: negative errno. */
static int connection_error(struct vsock_socket *socket, int otherwise)
{
	int error = vsock_socket_take_error(socket);

	if (error != 0) {
		return -error;
	}
	return socket->state == VSOCK_CLOSED ? otherwise : -ENOTCONN;
}

static long recv_stream(struct vsock_socket *socket, uint8_t *data, size_t size, uint32_t flags)
{
	uint32_t count = size < socket->used ? (uint32_t)size : socket->used;

	buffer_peek(socket, data, count);
	if ((flags & VSOCK_RECV_PEEK) == 0) {
		buffer_release(socket, count);
	}
	return (long)count;
}

static long recv_message(struct vsock_socket *socket, uint8_t *data, size_t size, uint32_t flags)
{
	uint32_t length = socket->messages[socket->message_first];
	uint32_t count = size < length ? (uint32_t)size : length;

	buffer_peek(socket, data, count);
	if ((flags & VSOCK_RECV_PEEK) == 0) {
		socket->message_first = (socket->message_first + 1) % socket->message_capacity;
		socket->message_count--;
		buffer_release(socket, length);
	}
	return (flags & VSOCK_RECV_LENGTH) != 0 ? (long)length : (long)count;
}

long vsock_socket_recv(struct vsock_socket *socket, void *data, size_t size, uint32_t flags)
{
	/* Data that arrived before the end, or before the error, comes first. */
	if (vsock_data_is_readable(socket)) {
		return socket->type == VIRTIO_VSOCK_TYPE_SEQPACKET
			       ? recv_message(socket, data, size, flags)
			       : recv_stream(socket, data, size, flags);
	}
	if (socket->state != VSOCK_ESTABLISHED) {
		return connection_error(socket, 0);
	}
	if ((socket->peer_shut & VIRTIO_VSOCK_SHUTDOWN_SEND) != 0 ||
	    (socket->local_shut & VIRTIO_VSOCK_SHUTDOWN_RECEIVE) != 0) {
		return 0;
	}
	return -EAGAIN;
}

/* How much of a message or stream may go now; negative errno where nothing may. */
static long send_limit(struct vsock_socket *socket, size_t size, uint32_t flags)
{
	uint32_t credit = vsock_data_credit(socket);
	uint32_t payload_max = socket->stack->transport.payload_max;

	if (socket->type == VIRTIO_VSOCK_TYPE_SEQPACKET && size > socket->peer_buffer_size) {
		return -EMSGSIZE;
	}
	if (size > credit && (credit == 0 || (flags & VSOCK_SEND_WHOLE) != 0)) {
		if (!socket->credit_asked) {
			socket->credit_asked = true;
			vsock_socket_post(socket, VSOCK_PENDING_ASK);
		}
		return -EAGAIN;
	}
	if ((flags & VSOCK_SEND_WHOLE) != 0) {
		struct vsock_transport *transport = &socket->stack->transport;
		size_t packets = size == 0 ? 1 : (size + payload_max - 1) / payload_max;

		if (packets > transport->packets_max) {
			return -EMSGSIZE;
		}
		if (packets > transport->room(transport->context, socket->peer_cid)) {
			return -EAGAIN;
		}
	}
	return (long)(size < credit ? size : credit);
}

static long send_packets(struct vsock_socket *socket, const uint8_t *data, size_t size,
			 size_t limit, uint32_t flags)
{
	uint32_t payload_max = socket->stack->transport.payload_max;
	size_t done = 0;

	do {
		uint32_t part = limit - done < payload_max ? (uint32_t)(limit - done) : payload_max;
		uint32_t marks = 0;

		if (socket->type == VIRTIO_VSOCK_TYPE_SEQPACKET && done + part == size) {
			marks = VIRTIO_VSOCK_END_OF_MESSAGE;
			if ((flags & VSOCK_SEND_RECORD) != 0) {
				marks |= VIRTIO_VSOCK_END_OF_RECORD;
			}
		}
		if (vsock_socket_transmit(socket, VIRTIO_VSOCK_OP_DATA, marks, data + done, part) !=
		    0) {
			return done != 0 ? (long)done : -EAGAIN;
		}
		socket->sent_count += part;
		done += part;
	} while (done < limit);
	return (long)done;
}

long vsock_socket_send(struct vsock_socket *socket, const void *data, size_t size, uint32_t flags)
{
	long limit;

	if (socket->state != VSOCK_ESTABLISHED) {
		return connection_error(socket, -EPIPE);
	}
	if ((socket->local_shut & VIRTIO_VSOCK_SHUTDOWN_SEND) != 0 ||
	    (socket->peer_shut & VIRTIO_VSOCK_SHUTDOWN_RECEIVE) != 0) {
		return -EPIPE;
	}
	if (size == 0 && socket->type == VIRTIO_VSOCK_TYPE_STREAM) {
		return 0;
	}
	/* The RESPONSE of an accepted connection goes before its data. */
	if ((socket->pending & VSOCK_PENDING_RESPONSE) != 0) {
		return -EAGAIN;
	}
	limit = send_limit(socket, size, flags);
	return limit < 0 ? limit : send_packets(socket, data, size, (size_t)limit, flags);
}
