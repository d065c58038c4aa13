// SPDX-License-Identifier: MIT
/*
 * The socket core: life of a socket from create to free, and packets out. Packets in are
 * vsock_receive.c, payload is vsock_data.c, the connection table vsock_table.c.
 *
 * A control packet that finds no room in the transport leaves a bit in socket->pending and the
 * socket in the stack's work list, so that what waits is bounded by the sockets. A socket that its
 * owner closed lives on in VSOCK_CLOSING until the peer's RST or the deadline.
 */
#include "appliance/runtime/vsock_socket.h"
#include "appliance/runtime/vsock_internal.h"

#include <errno.h>
#include <stdlib.h>

void vsock_socket_stack_init(struct vsock_stack *stack, const struct vsock_transport *transport,
			     uint32_t cid, uint64_t memory_limit, uint32_t port_seed)
{
	*stack = (struct vsock_stack){
		.transport = *transport,
		.cid = cid,
		.memory_limit = memory_limit,
		/* 2^24 ports before the search comes round again. */
		.next_port = VSOCK_PORT_DYNAMIC + (port_seed & 0xffffffU),
	};
	vsock_link_init(&stack->work);
	vsock_link_init(&stack->timed);
}

static void set_deadline(struct vsock_socket *socket, uint64_t after_us)
{
	struct vsock_transport *transport = &socket->stack->transport;

	socket->deadline_us = transport->now(transport->context) + after_us;
	vsock_link_append(&socket->stack->timed, &socket->timed);
}

struct vsock_socket *vsock_socket_create(struct vsock_stack *stack, uint16_t type)
{
	struct vsock_socket *socket;

	if (stack->socket_count >= VSOCK_SOCKETS_MAX) {
		return NULL;
	}
	socket = calloc(1, sizeof(*socket));
	if (socket == NULL) {
		return NULL;
	}
	stack->socket_count++;
	socket->stack = stack;
	socket->type = type;
	socket->state = VSOCK_IDLE;
	socket->deadline_us = VSOCK_NEVER;
	socket->option_size = VSOCK_BUFFER_SIZE_DEFAULT;
	socket->option_size_min = VSOCK_BUFFER_SIZE_LEAST;
	socket->option_size_max = VSOCK_BUFFER_SIZE_LIMIT;
	socket->connect_timeout_us = VSOCK_CONNECT_TIMEOUT_US;
	vsock_link_init(&socket->queue);
	return socket;
}

/* Receive buffer, table entry and the peer's count: what every connection has. */
static int connection_open(struct vsock_socket *socket, uint32_t cid, uint32_t port)
{
	uint16_t *count = &socket->stack->peer_count[cid % VSOCK_PEER_SLOTS];

	if (*count >= VSOCK_SOCKETS_PER_PEER_MAX || vsock_data_open(socket) != 0) {
		return -ENOBUFS;
	}
	(*count)++;
	socket->counted = true;
	vsock_table_remove(socket);
	socket->peer_cid = cid;
	socket->peer_port = port;
	vsock_table_insert(socket);
	return 0;
}

struct vsock_socket *vsock_socket_create_child(struct vsock_socket *listener, uint32_t cid,
					       uint32_t port)
{
	struct vsock_socket *child = vsock_socket_create(listener->stack, listener->type);

	if (child == NULL) {
		return NULL;
	}
	child->option_size = listener->option_size;
	child->option_size_min = listener->option_size_min;
	child->option_size_max = listener->option_size_max;
	child->connect_timeout_us = listener->connect_timeout_us;
	child->local_port = listener->local_port;
	child->bound = true;
	if (connection_open(child, cid, port) != 0) {
		vsock_socket_free(child);
		return NULL;
	}
	child->state = VSOCK_ESTABLISHED;
	return child;
}

static void connection_uncount(struct vsock_socket *socket)
{
	if (socket->counted) {
		socket->stack->peer_count[socket->peer_cid % VSOCK_PEER_SLOTS]--;
		socket->counted = false;
	}
}

void vsock_socket_free(struct vsock_socket *socket)
{
	vsock_table_remove(socket);
	vsock_link_remove(&socket->work);
	vsock_link_remove(&socket->timed);
	vsock_link_remove(&socket->waiting);
	vsock_data_free(socket);
	connection_uncount(socket);
	socket->stack->socket_count--;
	free(socket);
}

/* A connect that failed leaves a bound socket, which may try again. */
static void connect_undo(struct vsock_socket *socket)
{
	connection_uncount(socket);
	vsock_data_free(socket);
	socket->peer_cid = 0;
	socket->peer_port = 0;
	socket->state = VSOCK_IDLE;
	if (vsock_table_find(socket->stack, socket->local_port, 0, 0) == NULL) {
		vsock_table_insert(socket);
	} else {
		socket->bound = false;
	}
}

void vsock_socket_finish(struct vsock_socket *socket, int error)
{
	vsock_table_remove(socket);
	vsock_link_remove(&socket->work);
	vsock_link_remove(&socket->timed);
	socket->pending = 0;
	socket->deadline_us = VSOCK_NEVER;
	if (socket->error == 0) {
		socket->error = error;
	}
	if (socket->state == VSOCK_CONNECTING) {
		connect_undo(socket);
		return;
	}
	socket->state = VSOCK_CLOSED;
	socket->local_shut = VIRTIO_VSOCK_SHUTDOWN_BOTH;
	socket->peer_shut = VIRTIO_VSOCK_SHUTDOWN_BOTH;
}

int vsock_socket_transmit(struct vsock_socket *socket, uint16_t operation, uint32_t flags,
			  const void *payload, uint32_t length)
{
	struct vsock_transport *transport = &socket->stack->transport;
	struct virtio_vsock_packet packet = {
		.source_cid = socket->stack->cid,
		.destination_cid = socket->peer_cid,
		.source_port = socket->local_port,
		.destination_port = socket->peer_port,
		.length = length,
		.type = socket->type,
		.operation = operation,
		.flags = flags,
		.buffer_size = socket->buffer_size,
		.forward_count = socket->forward_count,
	};
	int error = transport->send(transport->context, &packet, payload);

	if (error == 0) {
		socket->announced = socket->forward_count;
		/* Every packet carries the credit that a CREDIT_UPDATE would. */
		socket->pending &= (uint8_t)~VSOCK_PENDING_CREDIT;
	}
	return error;
}

/* Sends the pending packets in the order of their bits. False: no room, some still wait. */
static bool send_pending(struct vsock_socket *socket)
{
	static const uint16_t operation[] = {
		VIRTIO_VSOCK_OP_REQUEST,       VIRTIO_VSOCK_OP_RESPONSE,
		VIRTIO_VSOCK_OP_CREDIT_UPDATE, VIRTIO_VSOCK_OP_CREDIT_REQUEST,
		VIRTIO_VSOCK_OP_SHUTDOWN,
	};

	for (unsigned int i = 0; i < sizeof(operation) / sizeof(operation[0]); i++) {
		uint8_t bit = (uint8_t)(1U << i);
		uint32_t flags = bit == VSOCK_PENDING_SHUTDOWN ? socket->local_shut : 0;

		if ((socket->pending & bit) == 0) {
			continue;
		}
		if (vsock_socket_transmit(socket, operation[i], flags, NULL, 0) != 0) {
			return false;
		}
		socket->pending &= (uint8_t)~bit;
	}
	return true;
}

void vsock_socket_post(struct vsock_socket *socket, uint8_t pending)
{
	socket->pending |= pending;
	if (!send_pending(socket)) {
		vsock_link_append(&socket->stack->work, &socket->work);
	}
}

static int send_reset_now(struct vsock_stack *stack, const struct vsock_reset *reset)
{
	struct virtio_vsock_packet packet = {
		.source_cid = stack->cid,
		.destination_cid = reset->cid,
		.source_port = reset->local_port,
		.destination_port = reset->peer_port,
		.type = reset->type,
		.operation = VIRTIO_VSOCK_OP_RESET,
	};

	return stack->transport.send(stack->transport.context, &packet, NULL);
}

void vsock_socket_post_reset(struct vsock_stack *stack, const struct vsock_reset *reset)
{
	uint32_t slot = (stack->reset_first + stack->reset_count) % VSOCK_RESETS_MAX;

	if (stack->reset_count == 0 && send_reset_now(stack, reset) == 0) {
		return;
	}
	if (stack->reset_count == VSOCK_RESETS_MAX) {
		/* Only a flood gets here; a peer that misses its RST runs into its timeout. */
		stack->packets_dropped++;
		return;
	}
	stack->reset[slot] = *reset;
	stack->reset_count++;
}

void vsock_socket_send_reset(struct vsock_socket *socket)
{
	struct vsock_reset reset = {
		.cid = socket->peer_cid,
		.peer_port = socket->peer_port,
		.local_port = socket->local_port,
		.type = socket->type,
	};

	vsock_socket_post_reset(socket->stack, &reset);
}

void vsock_socket_abort(struct vsock_socket *socket, int error)
{
	vsock_socket_send_reset(socket);
	vsock_socket_finish(socket, error);
}

static void run_work(struct vsock_stack *stack)
{
	/* One pass: a socket that still finds no room goes to the end, so that a stuck destination
	 * does not keep the others waiting. */
	struct vsock_link *last = stack->work.previous;

	while (!vsock_link_is_empty(&stack->work)) {
		struct vsock_link *link = stack->work.next;

		vsock_link_remove(link);
		vsock_socket_post(VSOCK_OF(link, work), 0);
		if (link == last) {
			break;
		}
	}
}

static void run_resets(struct vsock_stack *stack)
{
	uint32_t count = stack->reset_count;

	for (uint32_t i = 0; i < count; i++) {
		struct vsock_reset reset = stack->reset[stack->reset_first];

		stack->reset_first = (stack->reset_first + 1) % VSOCK_RESETS_MAX;
		stack->reset_count--;
		if (send_reset_now(stack, &reset) != 0) {
			uint32_t slot =
				(stack->reset_first + stack->reset_count) % VSOCK_RESETS_MAX;

			stack->reset[slot] = reset;
			stack->reset_count++;
		}
	}
}

static void run_deadlines(struct vsock_stack *stack)
{
	struct vsock_link *link = stack->timed.next;
	uint64_t now;

	if (vsock_link_is_empty(&stack->timed)) {
		return;
	}
	now = stack->transport.now(stack->transport.context);
	while (link != &stack->timed) {
		struct vsock_socket *socket = VSOCK_OF(link, timed);
		bool is_orphan = socket->state == VSOCK_CLOSING;

		link = link->next;
		if (now < socket->deadline_us) {
			continue;
		}
		vsock_socket_abort(socket, ETIMEDOUT);
		if (is_orphan) {
			vsock_socket_free(socket);
		}
	}
}

void vsock_socket_run(struct vsock_stack *stack)
{
	run_resets(stack);
	run_work(stack);
	run_deadlines(stack);
}

bool vsock_socket_has_work(const struct vsock_stack *stack)
{
	return stack->reset_count != 0 || !vsock_link_is_empty(&stack->work);
}

uint64_t vsock_socket_next_deadline(const struct vsock_stack *stack)
{
	uint64_t next = VSOCK_NEVER;

	for (struct vsock_link *link = stack->timed.next; link != &stack->timed;
	     link = link->next) {
		uint64_t deadline = VSOCK_OF(link, timed)->deadline_us;

		next = deadline < next ? deadline : next;
	}
	return next;
}

void vsock_socket_stack_reset(struct vsock_stack *stack, uint32_t cid)
{
	stack->cid = cid;
	stack->reset_count = 0;
	for (uint32_t i = 0; i < VSOCK_BUCKETS; i++) {
		struct vsock_socket *socket = stack->bucket[i];

		while (socket != NULL) {
			struct vsock_socket *next = socket->hash_next;
			bool is_orphan = socket->state == VSOCK_CLOSING;

			if (socket->peer_cid != 0) {
				vsock_socket_finish(socket, ECONNRESET);
			}
			if (is_orphan) {
				vsock_socket_free(socket);
			}
			socket = next;
		}
	}
}

int vsock_socket_bind(struct vsock_socket *socket, uint32_t port)
{
	int error = 0;

	if (socket->bound || socket->state != VSOCK_IDLE) {
		return -EINVAL;
	}
	if (port == VSOCK_PORT_ANY) {
		error = vsock_table_pick_port(socket->stack, &port);
	} else if (vsock_table_find(socket->stack, port, 0, 0) != NULL) {
		/* Connections of a listener that is gone do not hinder its successor. */
		error = -EADDRINUSE;
	}
	if (error != 0) {
		return error;
	}
	socket->local_port = port;
	socket->bound = true;
	vsock_table_insert(socket);
	return 0;
}

int vsock_socket_listen(struct vsock_socket *socket, uint32_t backlog)
{
	if (!socket->bound || (socket->state != VSOCK_IDLE && socket->state != VSOCK_LISTENING)) {
		return -EINVAL;
	}
	if (backlog == 0) {
		backlog = 1;
	}
	socket->backlog = backlog < VSOCK_BACKLOG_MAX ? backlog : VSOCK_BACKLOG_MAX;
	socket->state = VSOCK_LISTENING;
	return 0;
}

int vsock_socket_accept(struct vsock_socket *socket, struct vsock_socket **out)
{
	struct vsock_link *link = socket->queue.next;

	if (socket->state != VSOCK_LISTENING) {
		return -EINVAL;
	}
	if (vsock_link_is_empty(&socket->queue)) {
		return -EAGAIN;
	}
	vsock_link_remove(link);
	socket->queue_length--;
	*out = VSOCK_OF(link, waiting);
	return 0;
}

static int connect_check(const struct vsock_socket *socket)
{
	switch (socket->state) {
	case VSOCK_CONNECTING: return -EALREADY;
	case VSOCK_ESTABLISHED: return -EISCONN;
	case VSOCK_LISTENING: return -EINVAL;
	case VSOCK_CLOSED: return -EISCONN; /* one connection in a socket's life */
	default: return 0;
	}
}

int vsock_socket_connect(struct vsock_socket *socket, uint32_t cid, uint32_t port)
{
	int error = connect_check(socket);

	if (error == 0 && !socket->bound) {
		error = vsock_socket_bind(socket, VSOCK_PORT_ANY);
	}
	if (error == 0 && vsock_table_find(socket->stack, socket->local_port, cid, port) != NULL) {
		error = -EADDRNOTAVAIL;
	}
	if (error == 0) {
		error = connection_open(socket, cid, port);
	}
	if (error != 0) {
		return error;
	}
	socket->state = VSOCK_CONNECTING;
	set_deadline(socket, socket->connect_timeout_us);
	vsock_socket_post(socket, VSOCK_PENDING_REQUEST);
	return -EINPROGRESS;
}

int vsock_socket_shutdown(struct vsock_socket *socket, uint32_t how)
{
	if (socket->state != VSOCK_ESTABLISHED) {
		return -ENOTCONN;
	}
	if ((socket->local_shut | how) != socket->local_shut) {
		socket->local_shut |= (uint8_t)how;
		vsock_socket_post(socket, VSOCK_PENDING_SHUTDOWN);
	}
	return 0;
}

static void close_listener(struct vsock_socket *socket)
{
	while (!vsock_link_is_empty(&socket->queue)) {
		struct vsock_socket *child = VSOCK_OF(socket->queue.next, waiting);

		vsock_link_remove(&child->waiting);
		vsock_socket_close(child);
	}
	vsock_socket_free(socket);
}

static void close_established(struct vsock_socket *socket)
{
	vsock_data_free(socket);
	socket->state = VSOCK_CLOSING;
	socket->owner = NULL;
	socket->local_shut = VIRTIO_VSOCK_SHUTDOWN_BOTH;
	set_deadline(socket, VSOCK_CLOSE_TIMEOUT_US);
	vsock_socket_post(socket, VSOCK_PENDING_SHUTDOWN);
}

void vsock_socket_close(struct vsock_socket *socket)
{
	switch (socket->state) {
	case VSOCK_LISTENING: close_listener(socket); break;
	case VSOCK_ESTABLISHED: close_established(socket); break;
	case VSOCK_CONNECTING:
		vsock_socket_send_reset(socket);
		vsock_socket_free(socket);
		break;
	default: vsock_socket_free(socket); break;
	}
}

int vsock_socket_take_error(struct vsock_socket *socket)
{
	int error = socket->error;

	socket->error = 0;
	return error;
}

static bool has_room(struct vsock_socket *socket)
{
	struct vsock_transport *transport = &socket->stack->transport;

	return vsock_data_credit(socket) != 0 && (socket->pending & VSOCK_PENDING_RESPONSE) == 0 &&
	       transport->room(transport->context, socket->peer_cid) != 0;
}

static uint32_t ready_established(struct vsock_socket *socket)
{
	uint32_t ready = 0;

	if (vsock_data_is_readable(socket)) {
		ready |= VSOCK_READABLE;
	}
	if ((socket->peer_shut & VIRTIO_VSOCK_SHUTDOWN_SEND) != 0) {
		ready |= VSOCK_READABLE | VSOCK_PEER_DONE;
	}
	if ((socket->local_shut & VIRTIO_VSOCK_SHUTDOWN_RECEIVE) != 0) {
		ready |= VSOCK_READABLE;
	}
	/* send() fails at once where a direction is shut, which does not block either. */
	if (((socket->local_shut & VIRTIO_VSOCK_SHUTDOWN_SEND) |
	     (socket->peer_shut & VIRTIO_VSOCK_SHUTDOWN_RECEIVE)) != 0 ||
	    has_room(socket)) {
		ready |= VSOCK_WRITABLE;
	}
	return ready;
}

uint32_t vsock_socket_ready(struct vsock_socket *socket)
{
	uint32_t error = socket->error != 0 ? VSOCK_ERROR | VSOCK_READABLE : 0;

	switch (socket->state) {
	case VSOCK_IDLE: return VSOCK_WRITABLE | VSOCK_HANGUP | error;
	case VSOCK_LISTENING: return socket->queue_length != 0 ? VSOCK_READABLE : 0;
	case VSOCK_CONNECTING: return 0;
	case VSOCK_ESTABLISHED: return ready_established(socket) | error;
	default: return VSOCK_READABLE | VSOCK_WRITABLE | VSOCK_HANGUP | VSOCK_PEER_DONE | error;
	}
}
