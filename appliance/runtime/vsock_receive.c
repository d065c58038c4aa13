// SPDX-License-Identifier: MIT
/*
 * Packets in: the connection state machine of the socket core (virtio 1.2, 5.10.6.4 to 5.10.6.6).
 *
 * The source CID is the one that the hypervisor stamped; all else in a header is the peer's word. A
 * packet that does not fit its connection's state resets that connection.
 */
#include "appliance/runtime/vsock_internal.h"

#include <errno.h>

/* Answers a packet that belongs to no connection; a RST is never answered (5.10.6.4). */
static void answer_reset(struct vsock_stack *stack, const struct virtio_vsock_packet *packet)
{
	struct vsock_reset reset = {
		.cid = (uint32_t)packet->source_cid,
		.peer_port = packet->source_port,
		.local_port = packet->destination_port,
		.type = packet->type,
	};

	if (packet->operation != VIRTIO_VSOCK_OP_RESET) {
		vsock_socket_post_reset(stack, &reset);
	}
}

static void protocol_error(struct vsock_socket *socket, int error)
{
	socket->stack->protocol_errors++;
	vsock_socket_abort(socket, error);
}

static void receive_request(struct vsock_stack *stack, const struct virtio_vsock_packet *packet)
{
	struct vsock_socket *listener = vsock_table_find(stack, packet->destination_port, 0, 0);
	struct vsock_socket *child;

	if (listener == NULL || listener->state != VSOCK_LISTENING ||
	    listener->type != packet->type || listener->queue_length >= listener->backlog) {
		answer_reset(stack, packet);
		return;
	}
	child = vsock_socket_create_child(listener, (uint32_t)packet->source_cid,
					  packet->source_port);
	if (child == NULL) {
		answer_reset(stack, packet);
		return;
	}
	child->peer_buffer_size = packet->buffer_size;
	child->peer_forward_count = packet->forward_count;
	vsock_link_append(&listener->queue, &child->waiting);
	listener->queue_length++;
	vsock_socket_post(child, VSOCK_PENDING_RESPONSE);
}

static void receive_connecting(struct vsock_socket *socket, uint16_t operation)
{
	switch (operation) {
	case VIRTIO_VSOCK_OP_RESPONSE:
		socket->state = VSOCK_ESTABLISHED;
		socket->deadline_us = VSOCK_NEVER;
		vsock_link_remove(&socket->timed);
		break;
	case VIRTIO_VSOCK_OP_RESET: vsock_socket_finish(socket, ECONNREFUSED); break;
	default: protocol_error(socket, EPROTO); break;
	}
}

static void receive_data(struct vsock_socket *socket, const struct virtio_vsock_packet *packet,
			 const uint8_t *payload)
{
	bool end = (packet->flags & VIRTIO_VSOCK_END_OF_MESSAGE) != 0;
	int error;

	if ((socket->peer_shut & VIRTIO_VSOCK_SHUTDOWN_SEND) != 0) {
		protocol_error(socket, ECONNRESET);
		return;
	}
	if ((socket->local_shut & VIRTIO_VSOCK_SHUTDOWN_RECEIVE) != 0) {
		/* Sent before the peer knew; it leaves the buffer at once. */
		socket->forward_count += packet->length;
		return;
	}
	error = vsock_data_append(socket, payload, packet->length, end);
	if (error != 0) {
		protocol_error(socket, ECONNRESET);
	}
}

/*
 * Both directions shut: the other end answers with RST, and that ends the connection (5.10.6.6).
 * Everything that the peer sent came before its SHUTDOWN, so the answer need not wait for our
 * reader.
 */
static void receive_shutdown(struct vsock_socket *socket, uint32_t flags)
{
	socket->peer_shut |= (uint8_t)(flags & VIRTIO_VSOCK_SHUTDOWN_BOTH);
	if (socket->peer_shut == VIRTIO_VSOCK_SHUTDOWN_BOTH) {
		vsock_socket_send_reset(socket);
		vsock_socket_finish(socket, 0);
	}
}

/* A RST that ends an orderly shutdown is no error: the peer answers ours, or neither direction was
 * open any more. */
static void receive_reset(struct vsock_socket *socket)
{
	uint32_t shut = socket->local_shut;
	bool orderly = shut == VIRTIO_VSOCK_SHUTDOWN_BOTH ||
		       ((shut & VIRTIO_VSOCK_SHUTDOWN_SEND) != 0 &&
			(socket->peer_shut & VIRTIO_VSOCK_SHUTDOWN_SEND) != 0);

	vsock_socket_finish(socket, orderly ? 0 : ECONNRESET);
}

static void receive_established(struct vsock_socket *socket,
				const struct virtio_vsock_packet *packet, const uint8_t *payload)
{
	switch (packet->operation) {
	case VIRTIO_VSOCK_OP_DATA: receive_data(socket, packet, payload); break;
	case VIRTIO_VSOCK_OP_CREDIT_UPDATE: break;
	case VIRTIO_VSOCK_OP_CREDIT_REQUEST: vsock_socket_post(socket, VSOCK_PENDING_CREDIT); break;
	case VIRTIO_VSOCK_OP_SHUTDOWN: receive_shutdown(socket, packet->flags); break;
	case VIRTIO_VSOCK_OP_RESET: receive_reset(socket); break;
	default: protocol_error(socket, ECONNRESET); break;
	}
}

/* Nobody reads any more: only the end of the connection matters. */
static void receive_closing(struct vsock_socket *socket, const struct virtio_vsock_packet *packet)
{
	if (packet->operation == VIRTIO_VSOCK_OP_RESET) {
		vsock_socket_finish(socket, 0);
		vsock_socket_free(socket);
	} else if (packet->operation == VIRTIO_VSOCK_OP_SHUTDOWN &&
		   (packet->flags & VIRTIO_VSOCK_SHUTDOWN_BOTH) == VIRTIO_VSOCK_SHUTDOWN_BOTH) {
		vsock_socket_send_reset(socket);
		vsock_socket_finish(socket, 0);
		vsock_socket_free(socket);
	}
}

static void receive_connection(struct vsock_socket *socket,
			       const struct virtio_vsock_packet *packet, const uint8_t *payload)
{
	if (packet->type != socket->type) {
		answer_reset(socket->stack, packet);
		return;
	}
	socket->peer_buffer_size = packet->buffer_size;
	socket->peer_forward_count = packet->forward_count;
	if (vsock_data_credit(socket) != 0) {
		socket->credit_asked = false;
	}
	switch (socket->state) {
	case VSOCK_CONNECTING: receive_connecting(socket, packet->operation); break;
	case VSOCK_ESTABLISHED: receive_established(socket, packet, payload); break;
	default: receive_closing(socket, packet); break;
	}
}

/* A REQUEST for a connection that stands: the peer restarted and knows nothing of the old one. */
static void end_forgotten(struct vsock_socket *socket)
{
	bool is_orphan = socket->state == VSOCK_CLOSING;

	vsock_socket_finish(socket, ECONNRESET);
	if (is_orphan) {
		vsock_socket_free(socket);
	}
}

void vsock_socket_receive(struct vsock_stack *stack, const struct virtio_vsock_packet *packet,
			  const uint8_t *payload)
{
	struct vsock_socket *socket;

	if (packet->destination_cid != stack->cid || packet->source_cid >= VSOCK_CID_ANY ||
	    packet->source_cid == 0) {
		stack->packets_dropped++;
		return;
	}
	socket = vsock_table_find(stack, packet->destination_port, (uint32_t)packet->source_cid,
				  packet->source_port);
	if (packet->operation == VIRTIO_VSOCK_OP_REQUEST) {
		if (socket != NULL) {
			end_forgotten(socket);
		}
		receive_request(stack, packet);
	} else if (socket != NULL) {
		receive_connection(socket, packet, payload);
	} else {
		answer_reset(stack, packet);
	}
}
