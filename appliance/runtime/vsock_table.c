// SPDX-License-Identifier: MIT
/*
 * The connection table of the socket core: a hash by (local port, peer CID, peer port). A bound
 * socket without a connection stands there with peer (0, 0), which no connection has.
 */
#include "appliance/runtime/vsock_internal.h"

#include <errno.h>

static uint32_t table_bucket(uint32_t local_port, uint32_t peer_cid, uint32_t peer_port)
{
	/* Multiplicative hash; peers choose their ports, so the odd factors keep chains apart for
	 * ordinary peers, and VSOCK_SOCKETS_MAX bounds a chain that a hostile one aims at. */
	uint32_t mix = local_port * 0x9e3779b1U ^ peer_cid * 0x85ebca6bU ^ peer_port * 0xc2b2ae35U;

	return (mix >> 16 ^ mix) % VSOCK_BUCKETS;
}

static struct vsock_socket **table_bucket_of(struct vsock_socket *socket)
{
	return &socket->stack->bucket[table_bucket(socket->local_port, socket->peer_cid,
						   socket->peer_port)];
}

struct vsock_socket *vsock_table_find(const struct vsock_stack *stack, uint32_t local_port,
				      uint32_t peer_cid, uint32_t peer_port)
{
	struct vsock_socket *socket = stack->bucket[table_bucket(local_port, peer_cid, peer_port)];

	while (socket != NULL && (socket->local_port != local_port ||
				  socket->peer_cid != peer_cid || socket->peer_port != peer_port)) {
		socket = socket->hash_next;
	}
	return socket;
}

void vsock_table_insert(struct vsock_socket *socket)
{
	struct vsock_socket **bucket = table_bucket_of(socket);

	socket->hash_next = *bucket;
	*bucket = socket;
	socket->hashed = true;
}

void vsock_table_remove(struct vsock_socket *socket)
{
	struct vsock_socket **place = table_bucket_of(socket);

	if (!socket->hashed) {
		return;
	}
	while (*place != socket) {
		place = &(*place)->hash_next;
	}
	*place = socket->hash_next;
	socket->hash_next = NULL;
	socket->hashed = false;
}

/* Bound sockets, listeners and connections alike: a port that a closing connection still has is not
 * given out again. */
bool vsock_table_port_used(const struct vsock_stack *stack, uint32_t port)
{
	for (uint32_t i = 0; i < VSOCK_BUCKETS; i++) {
		for (const struct vsock_socket *s = stack->bucket[i]; s != NULL; s = s->hash_next) {
			if (s->local_port == port) {
				return true;
			}
		}
	}
	return false;
}

int vsock_table_pick_port(struct vsock_stack *stack, uint32_t *port)
{
	/* At most VSOCK_SOCKETS_MAX ports are in use, so one more try, and one for the
	 * wrap, finds a free one. */
	for (uint32_t i = 0; i < VSOCK_SOCKETS_MAX + 2; i++) {
		uint32_t candidate = stack->next_port++;

		if (candidate < VSOCK_PORT_DYNAMIC || candidate == VSOCK_PORT_ANY) {
			stack->next_port = VSOCK_PORT_DYNAMIC;
			continue;
		}
		if (!vsock_table_port_used(stack, candidate)) {
			*port = candidate;
			return 0;
		}
	}
	return -EADDRNOTAVAIL;
}
