/* SPDX-License-Identifier: MIT */
/*
 * What the files of the socket core share: the connection table (vsock_table.c), the receive buffer
 * (vsock_data.c), packets out (vsock_socket.c). Not for others.
 */
#ifndef APPLIANCE_RUNTIME_VSOCK_INTERNAL_H
#define APPLIANCE_RUNTIME_VSOCK_INTERNAL_H

#include "appliance/runtime/vsock_socket.h"

/* Bits of socket->pending, in the order in which they are sent. */
#define VSOCK_PENDING_REQUEST  (1U << 0)
#define VSOCK_PENDING_RESPONSE (1U << 1)
#define VSOCK_PENDING_CREDIT   (1U << 2)
#define VSOCK_PENDING_ASK      (1U << 3)
#define VSOCK_PENDING_SHUTDOWN (1U << 4)

/* Lists with a head; a link that is in no list has next == NULL. */
static inline void vsock_link_init(struct vsock_link *head)
{
	head->next = head;
	head->previous = head;
}

static inline bool vsock_link_is_empty(const struct vsock_link *head)
{
	return head->next == head;
}

static inline void vsock_link_append(struct vsock_link *head, struct vsock_link *link)
{
	if (link->next != NULL) {
		return;
	}
	link->next = head;
	link->previous = head->previous;
	head->previous->next = link;
	head->previous = link;
}

static inline void vsock_link_remove(struct vsock_link *link)
{
	if (link->next == NULL) {
		return;
	}
	link->previous->next = link->next;
	link->next->previous = link->previous;
	link->next = NULL;
	link->previous = NULL;
}

#define VSOCK_OF(link, member) \
	((struct vsock_socket *)(void *)((char *)(link)-offsetof(struct vsock_socket, member)))

/* vsock_table.c: sockets by (local port, peer CID, peer port); bound ones have peer 0, 0. */
struct vsock_socket *vsock_table_find(const struct vsock_stack *stack, uint32_t local_port,
				      uint32_t peer_cid, uint32_t peer_port);
void vsock_table_insert(struct vsock_socket *socket);
void vsock_table_remove(struct vsock_socket *socket);
bool vsock_table_port_used(const struct vsock_stack *stack, uint32_t port);
/* -EADDRNOTAVAIL: none is free. */
int vsock_table_pick_port(struct vsock_stack *stack, uint32_t *port);

/* vsock_data.c */
/* The receive buffer of a connection. -ENOBUFS: the stack's limit, or no memory. */
int vsock_data_open(struct vsock_socket *socket);
void vsock_data_free(struct vsock_socket *socket);
/* Payload of a DATA packet. -EPROTO: more than the credit, or too many empty messages. */
int vsock_data_append(struct vsock_socket *socket, const uint8_t *data, uint32_t size, bool end);
/* Bytes that the peer may still be sent. */
uint32_t vsock_data_credit(const struct vsock_socket *socket);
bool vsock_data_is_readable(const struct vsock_socket *socket);

/* vsock_socket.c */
struct vsock_socket *vsock_socket_create_child(struct vsock_socket *listener, uint32_t cid,
					       uint32_t port);
/* Sends a packet of this connection now. -EAGAIN: no room. */
int vsock_socket_transmit(struct vsock_socket *socket, uint16_t operation, uint32_t flags,
			  const void *payload, uint32_t length);
/* Sends control packets (VSOCK_PENDING_*) now, or as soon as there is room. */
void vsock_socket_post(struct vsock_socket *socket, uint8_t pending);
/* Sends a RST for addresses that need no socket; waits in a small queue when there is no room. */
void vsock_socket_post_reset(struct vsock_stack *stack, const struct vsock_reset *reset);
void vsock_socket_send_reset(struct vsock_socket *socket);
/* The connection is over: out of the table, no packets, no deadline. */
void vsock_socket_finish(struct vsock_socket *socket, int error);
void vsock_socket_free(struct vsock_socket *socket);

#endif
