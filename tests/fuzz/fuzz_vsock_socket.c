// SPDX-License-Identifier: MIT
/*
 * Fuzz target: the input is a sequence of packets of a hostile peer and of the application's calls.
 * Whatever comes, no socket and no memory is lost, and nothing that is sent is longer than allowed.
 */
#include "appliance/runtime/vsock_socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAYLOAD_MAX 256U
#define OWN_CID	    10U
#define PEER_CID    11U
#define LISTEN_PORT 5U
#define SOCKETS	    8U
#define RECORD	    8U

static struct vsock_stack stack;
static struct vsock_socket *sockets[SOCKETS];
static uint64_t now;
static uint32_t room;
static uint32_t last_port;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int fuzz_send(void *context, const struct virtio_vsock_packet *packet, const void *payload)
{
	static uint8_t copy[PAYLOAD_MAX];

	(void)context;
	if (packet->length > PAYLOAD_MAX || packet->source_cid != OWN_CID) {
		abort();
	}
	if (room == 0) {
		return -EAGAIN;
	}
	room--;
	if (packet->length != 0) {
		memcpy(copy, payload, packet->length);
	}
	last_port = packet->source_port;
	return 0;
}

static uint32_t fuzz_room(void *context, uint32_t cid)
{
	(void)context;
	(void)cid;
	return room;
}

static uint64_t fuzz_now(void *context)
{
	(void)context;
	return now;
}

static void start(void)
{
	struct vsock_transport transport = {
		.send = fuzz_send,
		.room = fuzz_room,
		.now = fuzz_now,
		.payload_max = PAYLOAD_MAX,
		.packets_max = 16,
	};

	now = 0;
	room = 16;
	memset(sockets, 0, sizeof(sockets));
	vsock_socket_stack_init(&stack, &transport, OWN_CID, 1U << 20, 0);
	sockets[0] = vsock_socket_create(&stack, VIRTIO_VSOCK_TYPE_STREAM);
	sockets[1] = vsock_socket_create(&stack, VIRTIO_VSOCK_TYPE_SEQPACKET);
	for (unsigned int i = 0; i < 2; i++) {
		sockets[i]->option_size = 1024;
		vsock_socket_bind(sockets[i], LISTEN_PORT + i);
		vsock_socket_listen(sockets[i], 3);
	}
}

/* Record of a packet: operation, ports, flags, length and credit in a few bits each. */
static void peer_packet(const uint8_t *record, const uint8_t *rest, size_t left)
{
	struct virtio_vsock_packet packet = {
		.source_cid = PEER_CID,
		.destination_cid = OWN_CID,
		.source_port = 1000U + record[2] % 4,
		.destination_port =
			record[2] >> 4 < 8 ? LISTEN_PORT + (record[2] >> 4) % 3 : last_port,
		.type = (uint16_t)(record[3] % 3),
		.operation = (uint16_t)(record[1] % 9),
		.flags = record[3] >> 4,
		.buffer_size = (uint32_t)record[4] << 4,
		.forward_count = (uint32_t)record[5] << 2,
		.length = (uint32_t)record[6] << 2,
	};
	uint8_t *payload;

	packet.length = packet.length < left ? packet.length : (uint32_t)left;
	payload = malloc(packet.length + 1); /* not 0, and its end is seen by ASan */
	if (payload == NULL) {
		return;
	}
	memcpy(payload + 1, rest, packet.length);
	vsock_socket_receive(&stack, &packet, payload + 1);
	free(payload);
}

static void application_call(const uint8_t *record)
{
	static uint8_t buffer[2048];
	struct vsock_socket **slot = &sockets[record[2] % SOCKETS];
	uint32_t length = (uint32_t)record[3] << 3;

	if (*slot == NULL) {
		if (record[1] % 2 == 0) {
			vsock_socket_accept(sockets[record[3] % 2], slot);
		} else {
			*slot = vsock_socket_create(&stack, (uint16_t)(1 + record[3] % 2));
			if (*slot != NULL) {
				(*slot)->option_size = 1024;
				vsock_socket_connect(*slot, PEER_CID, 1000U + record[4] % 4);
			}
		}
		return;
	}
	switch (record[1] % 6) {
	case 0: vsock_socket_send(*slot, buffer, length, record[4] % 4); break;
	case 1: vsock_socket_recv(*slot, buffer, length, record[4] & 12); break;
	case 2: vsock_socket_shutdown(*slot, record[4] % 4); break;
	case 3: vsock_socket_ready(*slot); break;
	case 4: vsock_socket_take_error(*slot); break;
	default:
		if (*slot != sockets[0] && *slot != sockets[1]) {
			vsock_socket_close(*slot);
			*slot = NULL;
		}
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	start();
	for (size_t i = 0; i + RECORD <= size; i += RECORD) {
		const uint8_t *record = data + i;

		switch (record[0] % 8) {
		case 0: application_call(record); break;
		case 1: room = record[1] % 16; break;
		case 2: now += (uint64_t)record[1] << 16; break;
		case 3: vsock_socket_run(&stack); break;
		default: peer_packet(record, record + RECORD, size - i - RECORD); break;
		}
	}
	for (unsigned int i = SOCKETS; i-- > 0;) {
		if (sockets[i] != NULL) {
			vsock_socket_close(sockets[i]);
		}
	}
	now += VSOCK_CLOSE_TIMEOUT_US;
	vsock_socket_run(&stack);
	if (stack.socket_count != 0 || stack.memory_used != 0 || stack.peer_count[PEER_CID] != 0) {
		abort();
	}
	return 0;
}
