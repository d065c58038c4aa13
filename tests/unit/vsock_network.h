/* SPDX-License-Identifier: MIT */
/*
 * Two socket stacks on one simulated link each way: a FIFO of bounded length that can refuse
 * packets at random and lets time stand until the test moves it.
 */
#ifndef TESTS_UNIT_VSOCK_NETWORK_H
#define TESTS_UNIT_VSOCK_NETWORK_H

#include "appliance/runtime/vsock_socket.h"

#define NETWORK_NODES	  2
#define NETWORK_QUEUE	  64
#define NETWORK_PAYLOAD	  512
#define NETWORK_FIRST_CID 10U

struct network_packet {
	struct virtio_vsock_packet header;
	uint8_t *payload; /* of its exact size, so that ASan sees an overrun */
};

struct network_node {
	struct network *network;
	struct vsock_stack stack;
	struct network_packet queue[NETWORK_QUEUE]; /* packets on their way from here */
	uint32_t first, count;
	uint32_t sent[8]; /* by operation */
};

struct network {
	struct network_node node[NETWORK_NODES];
	uint64_t now_us;
	uint32_t capacity;	 /* of each queue */
	uint32_t refuse_percent; /* sends that find no room although there is */
	uint32_t random;
};

void network_init(struct network *network, uint32_t payload_max);
/* Frees what is on its way; fails the test when a socket was leaked. */
void network_end(struct network *network);
uint32_t network_random(struct network *network, uint32_t bound);
/* Delivers the oldest packet from `node`. False: none. */
bool network_deliver(struct network *network, unsigned int node);
/* Runs both stacks until nothing moves. */
void network_settle(struct network *network);
/* A packet that no stack sent, from the peer of `node` to `node`. */
void network_inject(struct network *network, unsigned int node,
		    const struct virtio_vsock_packet *header, const void *payload);

/* A connected pair: [0] connected on node 0, [1] accepted on node 1 with the given buffer sizes. */
void network_pair(struct network *network, uint16_t type, uint32_t size0, uint32_t size1,
		  struct vsock_socket *pair[2]);
struct vsock_socket *network_listen(struct network *network, unsigned int node, uint16_t type,
				    uint32_t port, uint32_t backlog, uint32_t size);

#endif
