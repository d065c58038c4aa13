// SPDX-License-Identifier: MIT
/*
 * Two socket stacks on a simulated link (vsock_network.h).
 */
#include "tests/unit/vsock_network.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

uint32_t network_random(struct network *network, uint32_t bound)
{
	network->random = network->random * 1664525U + 1013904223U;
	return (uint32_t)((uint64_t)network->random * bound >> 32);
}

static uint32_t node_room(void *context, uint32_t cid)
{
	struct network_node *node = context;

	(void)cid;
	if (network_random(node->network, 100) < node->network->refuse_percent) {
		return 0;
	}
	return node->network->capacity - node->count;
}

static int node_send(void *context, const struct virtio_vsock_packet *header, const void *payload)
{
	struct network_node *node = context;
	struct network *network = node->network;
	struct network_packet *packet;

	assert_int_equal(header->source_cid, node->stack.cid);
	assert_true(header->length <= node->stack.transport.payload_max);
	assert_true(header->operation >= 1 && header->operation <= 7);
	if (node->count >= network->capacity) {
		return -EAGAIN;
	}
	/* What room() promised to a message holds. */
	if ((header->operation != VIRTIO_VSOCK_OP_DATA ||
	     header->type != VIRTIO_VSOCK_TYPE_SEQPACKET) &&
	    network_random(network, 100) < network->refuse_percent) {
		return -EAGAIN;
	}
	packet = &node->queue[(node->first + node->count++) % NETWORK_QUEUE];
	packet->header = *header;
	packet->payload = NULL;
	if (header->length != 0) {
		packet->payload = malloc(header->length);
		memcpy(packet->payload, payload, header->length);
	}
	node->sent[header->operation]++;
	return 0;
}

static uint64_t node_now(void *context)
{
	struct network_node *node = context;

	return node->network->now_us;
}

void network_init(struct network *network, uint32_t payload_max)
{
	memset(network, 0, sizeof(*network));
	network->capacity = NETWORK_QUEUE;
	network->random = 1;
	for (unsigned int i = 0; i < NETWORK_NODES; i++) {
		struct network_node *node = &network->node[i];
		struct vsock_transport transport = {
			.send = node_send,
			.room = node_room,
			.now = node_now,
			.context = node,
			.payload_max = payload_max,
			.packets_max = NETWORK_QUEUE,
		};

		node->network = network;
		vsock_socket_stack_init(&node->stack, &transport, NETWORK_FIRST_CID + i, 64U << 20,
					i * 100);
	}
}

void network_end(struct network *network)
{
	for (unsigned int i = 0; i < NETWORK_NODES; i++) {
		struct network_node *node = &network->node[i];

		while (node->count != 0) {
			free(node->queue[node->first].payload);
			node->first = (node->first + 1) % NETWORK_QUEUE;
			node->count--;
		}
		assert_int_equal(node->stack.socket_count, 0);
		assert_int_equal(node->stack.memory_used, 0);
		for (unsigned int slot = 0; slot < VSOCK_PEER_SLOTS; slot++) {
			assert_int_equal(node->stack.peer_count[slot], 0);
		}
	}
}

bool network_deliver(struct network *network, unsigned int index)
{
	struct network_node *node = &network->node[index];
	struct network_packet packet;

	if (node->count == 0) {
		return false;
	}
	packet = node->queue[node->first];
	node->first = (node->first + 1) % NETWORK_QUEUE;
	node->count--;
	vsock_socket_receive(&network->node[1 - index].stack, &packet.header, packet.payload);
	free(packet.payload);
	return true;
}

void network_settle(struct network *network)
{
	bool moved = true;

	while (moved) {
		moved = false;
		for (unsigned int i = 0; i < NETWORK_NODES; i++) {
			vsock_socket_run(&network->node[i].stack);
			moved |= network_deliver(network, i);
			moved |= vsock_socket_has_work(&network->node[i].stack);
		}
	}
}

void network_inject(struct network *network, unsigned int index,
		    const struct virtio_vsock_packet *header, const void *payload)
{
	struct virtio_vsock_packet packet = *header;
	uint8_t *copy = malloc(packet.length != 0 ? packet.length : 1);

	packet.source_cid = NETWORK_FIRST_CID + 1 - index;
	packet.destination_cid = NETWORK_FIRST_CID + index;
	if (packet.length != 0) {
		memcpy(copy, payload, packet.length);
	}
	vsock_socket_receive(&network->node[index].stack, &packet, copy);
	free(copy);
}

struct vsock_socket *network_listen(struct network *network, unsigned int node, uint16_t type,
				    uint32_t port, uint32_t backlog, uint32_t size)
{
	struct vsock_socket *listener = vsock_socket_create(&network->node[node].stack, type);

	assert_non_null(listener);
	listener->option_size = size;
	assert_int_equal(vsock_socket_bind(listener, port), 0);
	assert_int_equal(vsock_socket_listen(listener, backlog), 0);
	return listener;
}

void network_pair(struct network *network, uint16_t type, uint32_t size0, uint32_t size1,
		  struct vsock_socket *pair[2])
{
	struct vsock_socket *listener = network_listen(network, 1, type, 700, 4, size1);

	pair[0] = vsock_socket_create(&network->node[0].stack, type);
	pair[0]->option_size = size0;
	assert_int_equal(vsock_socket_connect(pair[0], NETWORK_FIRST_CID + 1, 700), -EINPROGRESS);
	network_settle(network);
	assert_int_equal(pair[0]->state, VSOCK_ESTABLISHED);
	assert_int_equal(vsock_socket_accept(listener, &pair[1]), 0);
	vsock_socket_close(listener);
}
