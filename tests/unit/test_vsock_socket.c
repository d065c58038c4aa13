// SPDX-License-Identifier: MIT
/*
 * The socket core: two stacks against each other, and one against a peer that breaks the rules.
 */
#include "tests/unit/vsock_network.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define STREAM	  VIRTIO_VSOCK_TYPE_STREAM
#define SEQPACKET VIRTIO_VSOCK_TYPE_SEQPACKET
#define PEER_CID  (NETWORK_FIRST_CID + 1)

static struct network network;

static uint8_t pattern(uint64_t position)
{
	return (uint8_t)(position * 31 + (position >> 8) * 7 + (position >> 16));
}

static void close_pair(struct vsock_socket *pair[2])
{
	vsock_socket_close(pair[0]);
	vsock_socket_close(pair[1]);
	network_settle(&network);
	network_end(&network);
}

static void connect_and_talk(void **state)
{
	struct vsock_socket *pair[2];
	char text[16] = {0};

	(void)state;
	network_init(&network, NETWORK_PAYLOAD);
	network_pair(&network, STREAM, 4096, 4096, pair);
	assert_int_equal(pair[1]->peer_cid, NETWORK_FIRST_CID);
	assert_int_equal(pair[1]->peer_port, pair[0]->local_port);
	assert_int_equal(vsock_socket_recv(pair[1], text, sizeof(text), 0), -EAGAIN);
	assert_int_equal(vsock_socket_send(pair[0], "hello", 5, 0), 5);
	network_settle(&network);
	assert_true((vsock_socket_ready(pair[1]) & VSOCK_READABLE) != 0);
	assert_int_equal(vsock_socket_recv(pair[1], text, 2, VSOCK_RECV_PEEK), 2);
	assert_int_equal(vsock_socket_recv(pair[1], text, sizeof(text), 0), 5);
	assert_string_equal(text, "hello");
	close_pair(pair);
}

static void connect_refused(void **state)
{
	struct vsock_socket *socket;

	(void)state;
	network_init(&network, NETWORK_PAYLOAD);
	socket = vsock_socket_create(&network.node[0].stack, STREAM);
	assert_int_equal(vsock_socket_connect(socket, PEER_CID, 1), -EINPROGRESS);
	assert_int_equal(vsock_socket_connect(socket, PEER_CID, 1), -EALREADY);
	assert_int_equal(vsock_socket_ready(socket), 0);
	network_settle(&network);
	assert_true((vsock_socket_ready(socket) & (VSOCK_WRITABLE | VSOCK_ERROR)) ==
		    (VSOCK_WRITABLE | VSOCK_ERROR));
	assert_int_equal(vsock_socket_take_error(socket), ECONNREFUSED);
	assert_int_equal(vsock_socket_take_error(socket), 0);
	/* The same socket may try again. */
	vsock_socket_close(network_listen(&network, 1, STREAM, 1, 1, 4096));
	assert_int_equal(vsock_socket_connect(socket, PEER_CID, 1), -EINPROGRESS);
	network_settle(&network);
	assert_int_equal(vsock_socket_take_error(socket), ECONNREFUSED);
	vsock_socket_close(socket);
	network_end(&network);
}

static void connect_times_out(void **state)
{
	struct vsock_socket *socket;

	(void)state;
	network_init(&network, NETWORK_PAYLOAD);
	socket = vsock_socket_create(&network.node[0].stack, STREAM);
	assert_int_equal(vsock_socket_next_deadline(&network.node[0].stack), VSOCK_NEVER);
	assert_int_equal(vsock_socket_connect(socket, PEER_CID, 1), -EINPROGRESS);
	assert_int_equal(vsock_socket_next_deadline(&network.node[0].stack),
			 VSOCK_CONNECT_TIMEOUT_US);
	network.now_us = VSOCK_CONNECT_TIMEOUT_US - 1;
	vsock_socket_run(&network.node[0].stack);
	assert_int_equal(socket->state, VSOCK_CONNECTING);
	network.now_us++;
	vsock_socket_run(&network.node[0].stack);
	assert_int_equal(vsock_socket_take_error(socket), ETIMEDOUT);
	assert_int_equal(vsock_socket_next_deadline(&network.node[0].stack), VSOCK_NEVER);
	vsock_socket_close(socket);
	network_end(&network);
}

static void backlog_is_bounded(void **state)
{
	struct vsock_socket *client[4], *child, *listener;
	unsigned int connected = 0;

	(void)state;
	network_init(&network, NETWORK_PAYLOAD);
	listener = network_listen(&network, 1, STREAM, 5, 3, 4096);
	for (unsigned int i = 0; i < 4; i++) {
		client[i] = vsock_socket_create(&network.node[0].stack, STREAM);
		vsock_socket_connect(client[i], PEER_CID, 5);
	}
	network_settle(&network);
	for (unsigned int i = 0; i < 4; i++) {
		connected += client[i]->state == VSOCK_ESTABLISHED;
	}
	assert_int_equal(connected, 3);
	assert_int_equal(vsock_socket_take_error(client[3]), ECONNREFUSED);
	assert_int_equal(vsock_socket_accept(listener, &child), 0);
	vsock_socket_close(child);
	/* Connections that nobody accepted end with their listener. */
	vsock_socket_close(listener);
	network_settle(&network);
	for (unsigned int i = 0; i < 4; i++) {
		assert_true(client[i]->state != VSOCK_ESTABLISHED);
		vsock_socket_close(client[i]);
	}
	network_end(&network);
}

static void one_peer_cannot_take_all(void **state)
{
	struct virtio_vsock_packet request = {
		.destination_port = 5,
		.type = STREAM,
		.operation = VIRTIO_VSOCK_OP_REQUEST,
		.buffer_size = 4096,
	};
	struct vsock_socket *listener, *child;
	struct vsock_socket *accepted[VSOCK_SOCKETS_PER_PEER_MAX];
	unsigned int count = 0;

	(void)state;
	network_init(&network, NETWORK_PAYLOAD);
	listener = network_listen(&network, 1, STREAM, 5, 8, 4096);
	for (uint32_t i = 0; i < 2 * VSOCK_SOCKETS_PER_PEER_MAX; i++) {
		request.source_port = 2000 + i;
		network_inject(&network, 1, &request, NULL);
		while (vsock_socket_accept(listener, &child) == 0) {
			accepted[count++] = child;
		}
		while (network.node[1].count != 0) {
			network_deliver(&network, 1);
		}
		/* Node 0 knows nothing of them: its RSTs would end them. */
		while (network.node[0].count != 0) {
			free(network.node[0].queue[network.node[0].first].payload);
			network.node[0].first = (network.node[0].first + 1) % NETWORK_QUEUE;
			network.node[0].count--;
		}
	}
	assert_int_equal(count, VSOCK_SOCKETS_PER_PEER_MAX);
	for (unsigned int i = 0; i < count; i++) {
		vsock_socket_abort(accepted[i], 0);
		vsock_socket_close(accepted[i]);
	}
	vsock_socket_close(listener);
	network_settle(&network);
	network_end(&network);
}

static void port_rules(void **state)
{
	struct vsock_socket *a, *b;

	(void)state;
	network_init(&network, NETWORK_PAYLOAD);
	a = vsock_socket_create(&network.node[0].stack, STREAM);
	b = vsock_socket_create(&network.node[0].stack, STREAM);
	assert_int_equal(vsock_socket_listen(a, 1), -EINVAL);
	assert_int_equal(vsock_socket_bind(a, 9), 0);
	assert_int_equal(vsock_socket_bind(a, 10), -EINVAL);
	assert_int_equal(vsock_socket_bind(b, 9), -EADDRINUSE);
	assert_int_equal(vsock_socket_bind(b, VSOCK_PORT_ANY), 0);
	assert_true(b->local_port >= VSOCK_PORT_DYNAMIC);
	assert_int_equal(vsock_socket_listen(a, 1), 0);
	assert_int_equal(vsock_socket_connect(a, PEER_CID, 1), -EINVAL);
	assert_int_equal(vsock_socket_send(b, "x", 1, 0), -ENOTCONN);
	assert_int_equal(vsock_socket_shutdown(b, VIRTIO_VSOCK_SHUTDOWN_BOTH), -ENOTCONN);
	vsock_socket_close(a);
	vsock_socket_close(b);
	network_end(&network);
}

static void ports_are_not_given_twice(void **state)
{
	struct vsock_socket *socket[64];

	(void)state;
	network_init(&network, NETWORK_PAYLOAD);
	/* Just below the end of the port range, so that the search wraps. */
	network.node[0].stack.next_port = VSOCK_PORT_ANY - 20;
	for (unsigned int i = 0; i < 64; i++) {
		socket[i] = vsock_socket_create(&network.node[0].stack, STREAM);
		assert_int_equal(vsock_socket_bind(socket[i], VSOCK_PORT_ANY), 0);
		for (unsigned int j = 0; j < i; j++) {
			assert_int_not_equal(socket[i]->local_port, socket[j]->local_port);
		}
		assert_int_not_equal(socket[i]->local_port, VSOCK_PORT_ANY);
		assert_true(socket[i]->local_port >= VSOCK_PORT_DYNAMIC);
	}
	for (unsigned int i = 0; i < 64; i++) {
		vsock_socket_close(socket[i]);
	}
	network_end(&network);
}

static void half_close(void **state)
{
	struct vsock_socket *pair[2];
	char text[8];

	(void)state;
	network_init(&network, NETWORK_PAYLOAD);
	network_pair(&network, STREAM, 4096, 4096, pair);
	assert_int_equal(vsock_socket_send(pair[0], "last", 4, 0), 4);
	assert_int_equal(vsock_socket_shutdown(pair[0], VIRTIO_VSOCK_SHUTDOWN_SEND), 0);
	assert_int_equal(vsock_socket_send(pair[0], "x", 1, 0), -EPIPE);
	network_settle(&network);
	assert_int_equal(vsock_socket_recv(pair[1], text, sizeof(text), 0), 4);
	assert_int_equal(vsock_socket_recv(pair[1], text, sizeof(text), 0), 0);
	assert_true((vsock_socket_ready(pair[1]) & VSOCK_PEER_DONE) != 0);
	/* The other direction still works. */
	assert_int_equal(vsock_socket_send(pair[1], "answer", 6, 0), 6);
	network_settle(&network);
	assert_int_equal(vsock_socket_recv(pair[0], text, sizeof(text), 0), 6);
	vsock_socket_close(pair[1]);
	network_settle(&network);
	assert_int_equal(vsock_socket_recv(pair[0], text, sizeof(text), 0), 0);
	assert_int_equal(pair[0]->error, 0);
	vsock_socket_close(pair[0]);
	network_settle(&network);
	network_end(&network);
}

static void close_delivers_what_was_sent(void **state)
{
	struct vsock_socket *pair[2];
	char text[8];

	(void)state;
	network_init(&network, NETWORK_PAYLOAD);
	network_pair(&network, STREAM, 4096, 4096, pair);
	assert_int_equal(vsock_socket_send(pair[0], "bye", 3, 0), 3);
	vsock_socket_close(pair[0]);
	network_settle(&network);
	assert_int_equal(network.node[0].stack.socket_count, 0);
	assert_int_equal(vsock_socket_recv(pair[1], text, sizeof(text), 0), 3);
	assert_int_equal(vsock_socket_recv(pair[1], text, sizeof(text), 0), 0);
	assert_int_equal(vsock_socket_send(pair[1], "x", 1, 0), -EPIPE);
	vsock_socket_close(pair[1]);
	network_end(&network);
}

static void close_times_out(void **state)
{
	struct vsock_socket *pair[2];

	(void)state;
	network_init(&network, NETWORK_PAYLOAD);
	network_pair(&network, STREAM, 4096, 4096, pair);
	vsock_socket_close(pair[0]);
	assert_int_equal(network.node[0].stack.socket_count, 1);
	network.now_us += VSOCK_CLOSE_TIMEOUT_US;
	vsock_socket_run(&network.node[0].stack);
	assert_int_equal(network.node[0].stack.socket_count, 0);
	network_settle(&network);
	vsock_socket_close(pair[1]);
	network_settle(&network);
	network_end(&network);
}

static void reset_is_an_error_after_the_data(void **state)
{
	struct vsock_socket *pair[2];
	char text[8];

	(void)state;
	network_init(&network, NETWORK_PAYLOAD);
	network_pair(&network, STREAM, 4096, 4096, pair);
	assert_int_equal(vsock_socket_send(pair[0], "data", 4, 0), 4);
	vsock_socket_abort(pair[0], 0);
	network_settle(&network);
	assert_int_equal(vsock_socket_recv(pair[1], text, sizeof(text), 0), 4);
	assert_int_equal(vsock_socket_recv(pair[1], text, sizeof(text), 0), -ECONNRESET);
	assert_int_equal(vsock_socket_recv(pair[1], text, sizeof(text), 0), 0);
	assert_int_equal(vsock_socket_send(pair[1], "x", 1, 0), -EPIPE);
	close_pair(pair);
}

static void restarted_peer_connects_again(void **state)
{
	struct vsock_socket *pair[2], *listener, *child;
	struct virtio_vsock_packet request = {
		.type = STREAM,
		.operation = VIRTIO_VSOCK_OP_REQUEST,
		.buffer_size = 4096,
	};
	char text[8];

	(void)state;
	network_init(&network, NETWORK_PAYLOAD);
	network_pair(&network, STREAM, 4096, 4096, pair);
	listener = network_listen(&network, 1, STREAM, 700, 4, 4096);
	request.source_port = pair[0]->local_port;
	request.destination_port = 700;
	network_inject(&network, 1, &request, NULL);
	assert_int_equal(vsock_socket_recv(pair[1], text, sizeof(text), 0), -ECONNRESET);
	assert_int_equal(vsock_socket_accept(listener, &child), 0);
	assert_int_equal(child->state, VSOCK_ESTABLISHED);
	vsock_socket_close(listener);
	vsock_socket_close(child);
	close_pair(pair);
}

static void transport_reset(void **state)
{
	struct vsock_socket *pair[2], *listener;
	char text[8];

	(void)state;
	network_init(&network, NETWORK_PAYLOAD);
	network_pair(&network, STREAM, 4096, 4096, pair);
	listener = network_listen(&network, 1, STREAM, 700, 4, 4096);
	vsock_socket_stack_reset(&network.node[1].stack, PEER_CID);
	assert_int_equal(vsock_socket_recv(pair[1], text, sizeof(text), 0), -ECONNRESET);
	assert_int_equal(listener->state, VSOCK_LISTENING);
	vsock_socket_close(listener);
	close_pair(pair);
}

static void credit_is_respected(void **state)
{
	struct vsock_socket *pair[2];
	static uint8_t data[4096];
	long total = 0;
	long sent;

	(void)state;
	network_init(&network, NETWORK_PAYLOAD);
	network_pair(&network, STREAM, 4096, 1000, pair);
	while ((sent = vsock_socket_send(pair[0], data, 300, 0)) > 0) {
		total += sent;
	}
	assert_int_equal(sent, -EAGAIN);
	assert_int_equal(total, 1000);
	assert_true((vsock_socket_ready(pair[0]) & VSOCK_WRITABLE) == 0);
	network_settle(&network);
	assert_int_equal(vsock_socket_send(pair[0], data, 300, 0), -EAGAIN);
	assert_int_equal(network.node[0].sent[VIRTIO_VSOCK_OP_CREDIT_REQUEST], 1);
	assert_int_equal(vsock_socket_recv(pair[1], data, 600, 0), 600);
	network_settle(&network);
	assert_true((vsock_socket_ready(pair[0]) & VSOCK_WRITABLE) != 0);
	assert_int_equal(vsock_socket_send(pair[0], data, 4096, 0), 600);
	close_pair(pair);
}

static void small_reads_need_few_updates(void **state)
{
	struct vsock_socket *pair[2];
	static uint8_t data[1024];

	(void)state;
	network_init(&network, 1024);
	network_pair(&network, STREAM, 4096, 4096, pair);
	for (unsigned int i = 0; i < 64; i++) {
		assert_int_equal(vsock_socket_send(pair[0], data, 64, 0), 64);
		network_settle(&network);
		assert_int_equal(vsock_socket_recv(pair[1], data, 64, 0), 64);
		network_settle(&network);
	}
	/* 4096 bytes moved through a buffer of 4096: one update per quarter. */
	assert_int_equal(network.node[1].sent[VIRTIO_VSOCK_OP_CREDIT_UPDATE], 4);
	close_pair(pair);
}

static void message_boundaries(void **state)
{
	struct vsock_socket *pair[2];
	static uint8_t data[2000];

	(void)state;
	network_init(&network, NETWORK_PAYLOAD);
	network_pair(&network, SEQPACKET, 4096, 4096, pair);
	assert_int_equal(vsock_socket_send(pair[0], data, 1500, VSOCK_SEND_WHOLE), 1500);
	assert_int_equal(vsock_socket_send(pair[0], data, 0, VSOCK_SEND_WHOLE), 0);
	assert_int_equal(vsock_socket_send(pair[0], data, 3, VSOCK_SEND_RECORD), 3);
	network_deliver(&network, 0);
	/* One packet of three: nothing to read yet. */
	assert_int_equal(vsock_socket_recv(pair[1], data, sizeof(data), 0), -EAGAIN);
	network_settle(&network);
	assert_int_equal(vsock_socket_recv(pair[1], data, 100, VSOCK_RECV_PEEK), 100);
	assert_int_equal(vsock_socket_recv(pair[1], data, 100, VSOCK_RECV_LENGTH), 1500);
	assert_int_equal(vsock_socket_recv(pair[1], data, sizeof(data), 0), 0);
	assert_int_equal(vsock_socket_recv(pair[1], data, sizeof(data), 0), 3);
	assert_int_equal(vsock_socket_recv(pair[1], data, sizeof(data), 0), -EAGAIN);
	assert_int_equal(vsock_socket_send(pair[0], data, 4097, 0), -EMSGSIZE);
	close_pair(pair);
}

static void whole_message_or_nothing(void **state)
{
	struct vsock_socket *pair[2];
	static uint8_t data[4096];

	(void)state;
	network_init(&network, NETWORK_PAYLOAD);
	network_pair(&network, SEQPACKET, 4096, 4096, pair);
	network.capacity = 3;
	assert_int_equal(vsock_socket_send(pair[0], data, 2000, VSOCK_SEND_WHOLE), -EAGAIN);
	assert_int_equal(network.node[0].count, 0);
	/* Without that flag a part goes, and the message goes on. */
	assert_int_equal(vsock_socket_send(pair[0], data, 2000, 0), 1536);
	network_settle(&network);
	assert_int_equal(vsock_socket_recv(pair[1], data, sizeof(data), 0), -EAGAIN);
	assert_int_equal(vsock_socket_send(pair[0], data + 1536, 464, 0), 464);
	network_settle(&network);
	assert_int_equal(vsock_socket_recv(pair[1], data, sizeof(data), 0), 2000);
	close_pair(pair);
}

/* Random traffic both ways through tiny buffers, a short link that refuses, and interleaved turns.
 */
static void random_traffic(uint16_t type, uint32_t seed)
{
	struct vsock_socket *pair[2];
	uint64_t sent[2] = {0}, received[2] = {0};
	uint64_t goal = 60000;
	static uint8_t data[300];

	network_init(&network, 1 + seed * 13 % 200);
	network.random = seed;
	network_pair(&network, type, 128 + seed % 300, 128 + seed * 7 % 400, pair);
	network.capacity = 1 + seed % 5;
	network.refuse_percent = seed % 60;
	for (unsigned int turn = 0; received[0] < goal || received[1] < goal ||
				    received[0] != sent[0] || received[1] != sent[1];
	     turn++) {
		unsigned int side = network_random(&network, 2);
		uint32_t size = network_random(&network, 128);
		long count;

		assert_true(turn < 4000000);
		switch (network_random(&network, 4)) {
		case 0:
			for (uint32_t i = 0; i < size; i++) {
				data[i] = pattern(sent[side] + i);
			}
			if (sent[side] >= goal) {
				break;
			}
			count = vsock_socket_send(pair[side], data, size, VSOCK_SEND_WHOLE);
			assert_true(count >= 0 || count == -EAGAIN || count == -EMSGSIZE);
			sent[side] += count > 0 ? (uint64_t)count : 0;
			break;
		case 1:
			count = vsock_socket_recv(pair[1 - side], data, sizeof(data), 0);
			assert_true(count >= 0 || count == -EAGAIN);
			for (long i = 0; i < count; i++) {
				assert_int_equal(data[i], pattern(received[side] + (uint64_t)i));
			}
			received[side] += count > 0 ? (uint64_t)count : 0;
			break;
		case 2: network_deliver(&network, side); break;
		default: vsock_socket_run(&network.node[side].stack); break;
		}
	}
	network.refuse_percent = 0;
	close_pair(pair);
}

static void random_stream(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed < 30; seed++) {
		random_traffic(STREAM, seed);
	}
}

static void random_seqpacket(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed < 30; seed++) {
		/* Payloads of one byte would need more packets than the link ever takes. */
		random_traffic(SEQPACKET, seed * 5 + 4);
	}
}

/* Header of a packet on the connection of `socket`, from its peer. */
static struct virtio_vsock_packet from_peer(const struct vsock_socket *socket, uint16_t operation,
					    uint32_t length)
{
	return (struct virtio_vsock_packet){
		.source_port = socket->peer_port,
		.destination_port = socket->local_port,
		.length = length,
		.type = socket->type,
		.operation = operation,
		.buffer_size = 4096,
	};
}

static void overrun_is_reset(void **state)
{
	struct vsock_socket *pair[2];
	static uint8_t data[300];
	struct virtio_vsock_packet packet;

	(void)state;
	network_init(&network, NETWORK_PAYLOAD);
	network_pair(&network, STREAM, 4096, 1000, pair);
	packet = from_peer(pair[1], VIRTIO_VSOCK_OP_DATA, 300);
	for (unsigned int i = 0; i < 3; i++) {
		network_inject(&network, 1, &packet, data);
		assert_int_equal(pair[1]->state, VSOCK_ESTABLISHED);
	}
	network_inject(&network, 1, &packet, data);
	assert_int_equal(pair[1]->state, VSOCK_CLOSED);
	assert_int_equal(network.node[1].stack.protocol_errors, 1);
	assert_int_equal(network.node[1].sent[VIRTIO_VSOCK_OP_RESET], 1);
	close_pair(pair);
}

static void endless_message_is_reset(void **state)
{
	struct vsock_socket *pair[2];
	static uint8_t data[500];
	struct virtio_vsock_packet packet;

	(void)state;
	network_init(&network, NETWORK_PAYLOAD);
	network_pair(&network, SEQPACKET, 4096, 1000, pair);
	packet = from_peer(pair[1], VIRTIO_VSOCK_OP_DATA, 500);
	network_inject(&network, 1, &packet, data);
	assert_int_equal(pair[1]->state, VSOCK_ESTABLISHED);
	network_inject(&network, 1, &packet, data);
	assert_int_equal(pair[1]->state, VSOCK_CLOSED);
	close_pair(pair);
}

static void empty_messages_are_bounded(void **state)
{
	struct vsock_socket *pair[2];
	struct virtio_vsock_packet packet;
	unsigned int count = 0;

	(void)state;
	network_init(&network, NETWORK_PAYLOAD);
	network_pair(&network, SEQPACKET, 4096, 1000, pair);
	packet = from_peer(pair[1], VIRTIO_VSOCK_OP_DATA, 0);
	packet.flags = VIRTIO_VSOCK_END_OF_MESSAGE;
	while (pair[1]->state == VSOCK_ESTABLISHED && count < 100000) {
		network_inject(&network, 1, &packet, NULL);
		count++;
	}
	assert_true(count > 1000 && count < 3000);
	close_pair(pair);
}

static void wrong_packets_reset_the_connection(void **state)
{
	static const uint16_t operation[] = {0, VIRTIO_VSOCK_OP_RESPONSE, 8, 0xffff};

	(void)state;
	for (unsigned int i = 0; i < sizeof(operation) / sizeof(operation[0]); i++) {
		struct vsock_socket *pair[2];
		struct virtio_vsock_packet packet;

		network_init(&network, NETWORK_PAYLOAD);
		network_pair(&network, STREAM, 4096, 4096, pair);
		packet = from_peer(pair[1], operation[i], 0);
		network_inject(&network, 1, &packet, NULL);
		assert_int_equal(pair[1]->state, VSOCK_CLOSED);
		close_pair(pair);
	}
}

static void data_after_shutdown_is_reset(void **state)
{
	struct vsock_socket *pair[2];
	struct virtio_vsock_packet packet;

	(void)state;
	network_init(&network, NETWORK_PAYLOAD);
	network_pair(&network, STREAM, 4096, 4096, pair);
	packet = from_peer(pair[1], VIRTIO_VSOCK_OP_SHUTDOWN, 0);
	packet.flags = VIRTIO_VSOCK_SHUTDOWN_SEND;
	network_inject(&network, 1, &packet, NULL);
	assert_int_equal(pair[1]->state, VSOCK_ESTABLISHED);
	packet = from_peer(pair[1], VIRTIO_VSOCK_OP_DATA, 1);
	network_inject(&network, 1, &packet, "x");
	assert_int_equal(pair[1]->state, VSOCK_CLOSED);
	close_pair(pair);
}

static void lying_credit_stops_only_the_liar(void **state)
{
	struct vsock_socket *pair[2];
	struct virtio_vsock_packet packet;

	(void)state;
	network_init(&network, NETWORK_PAYLOAD);
	network_pair(&network, STREAM, 4096, 4096, pair);
	packet = from_peer(pair[0], VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0);
	packet.forward_count = 1000000; /* of which nothing was sent */
	network_inject(&network, 0, &packet, NULL);
	assert_int_equal(vsock_socket_send(pair[0], "x", 1, 0), -EAGAIN);
	close_pair(pair);
}

static void unknown_connections_get_one_reset(void **state)
{
	struct virtio_vsock_packet packet = {
		.source_port = 1,
		.destination_port = 2,
		.type = STREAM,
		.operation = VIRTIO_VSOCK_OP_DATA,
	};

	(void)state;
	network_init(&network, NETWORK_PAYLOAD);
	network_inject(&network, 0, &packet, NULL);
	assert_int_equal(network.node[0].sent[VIRTIO_VSOCK_OP_RESET], 1);
	packet.operation = VIRTIO_VSOCK_OP_RESET;
	network_inject(&network, 0, &packet, NULL);
	assert_int_equal(network.node[0].sent[VIRTIO_VSOCK_OP_RESET], 1);
	/* A flood while the link is stuck: bounded, the rest is dropped and counted. */
	packet.operation = VIRTIO_VSOCK_OP_DATA;
	network.capacity = 1;
	for (unsigned int i = 0; i < 100; i++) {
		network_inject(&network, 0, &packet, NULL);
	}
	assert_int_equal(network.node[0].stack.reset_count, VSOCK_RESETS_MAX);
	assert_int_equal(network.node[0].stack.packets_dropped, 100 - VSOCK_RESETS_MAX);
	network_settle(&network);
	assert_int_equal(network.node[0].sent[VIRTIO_VSOCK_OP_RESET], 1 + VSOCK_RESETS_MAX);
	network_end(&network);
}

static void wrong_addresses_are_dropped(void **state)
{
	struct virtio_vsock_packet packet = {
		.source_cid = PEER_CID,
		.destination_cid = 99,
		.type = STREAM,
		.operation = VIRTIO_VSOCK_OP_REQUEST,
	};

	(void)state;
	network_init(&network, NETWORK_PAYLOAD);
	vsock_socket_receive(&network.node[0].stack, &packet, NULL);
	packet.destination_cid = NETWORK_FIRST_CID;
	packet.source_cid = 1ULL << 32 | PEER_CID;
	vsock_socket_receive(&network.node[0].stack, &packet, NULL);
	assert_int_equal(network.node[0].stack.packets_dropped, 2);
	assert_int_equal(network.node[0].count, 0);
	network_end(&network);
}

static void type_mismatch_is_refused(void **state)
{
	struct vsock_socket *listener, *socket;

	(void)state;
	network_init(&network, NETWORK_PAYLOAD);
	listener = network_listen(&network, 1, SEQPACKET, 5, 3, 4096);
	socket = vsock_socket_create(&network.node[0].stack, STREAM);
	vsock_socket_connect(socket, PEER_CID, 5);
	network_settle(&network);
	assert_int_equal(vsock_socket_take_error(socket), ECONNREFUSED);
	vsock_socket_close(socket);
	vsock_socket_close(listener);
	network_end(&network);
}

static void memory_is_bounded(void **state)
{
	struct vsock_socket *socket[3];

	(void)state;
	network_init(&network, NETWORK_PAYLOAD);
	network.node[0].stack.memory_limit = 2 * 4096;
	for (unsigned int i = 0; i < 3; i++) {
		socket[i] = vsock_socket_create(&network.node[0].stack, STREAM);
		socket[i]->option_size = 4096;
		assert_int_equal(vsock_socket_connect(socket[i], PEER_CID, 1),
				 i < 2 ? -EINPROGRESS : -ENOBUFS);
	}
	for (unsigned int i = 0; i < 3; i++) {
		vsock_socket_close(socket[i]);
	}
	network_settle(&network);
	network_end(&network);
}

/* Random packets on and beside open connections: whatever happens, sockets and memory add up. */
static void hostile_packets(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed < 200; seed++) {
		struct vsock_socket *pair[2], *listener, *child;
		static uint8_t data[600];

		network_init(&network, NETWORK_PAYLOAD);
		network.random = seed;
		network_pair(&network, seed % 2 != 0 ? STREAM : SEQPACKET, 1000, 1000, pair);
		listener = network_listen(&network, 1, STREAM, 5, 3, 500);
		for (unsigned int i = 0; i < 200; i++) {
			struct virtio_vsock_packet packet = {
				.source_port = network_random(&network, 4) == 0
						       ? pair[1]->peer_port
						       : network_random(&network, 8),
				.destination_port =
					network_random(&network, 2) == 0 ? 5 : pair[1]->local_port,
				.length = network_random(&network, sizeof(data)),
				.type = (uint16_t)network_random(&network, 4),
				.operation = (uint16_t)network_random(&network, 9),
				.flags = network_random(&network, 4),
				.buffer_size = network.random,
				.forward_count = network_random(&network, 2000),
			};

			network_inject(&network, 1, &packet, data);
			if (vsock_socket_accept(listener, &child) == 0) {
				vsock_socket_send(child, data, sizeof(data), 0);
				vsock_socket_close(child);
			}
			vsock_socket_recv(pair[1], data, 100, 0);
			while (network_deliver(&network, 1)) {
			}
			while (network_deliver(&network, 0)) {
			}
		}
		vsock_socket_close(listener);
		vsock_socket_close(pair[0]);
		vsock_socket_close(pair[1]);
		network_settle(&network);
		network.now_us += VSOCK_CLOSE_TIMEOUT_US;
		network_settle(&network);
		network_end(&network);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connect_and_talk),
		cmocka_unit_test(connect_refused),
		cmocka_unit_test(connect_times_out),
		cmocka_unit_test(backlog_is_bounded),
		cmocka_unit_test(one_peer_cannot_take_all),
		cmocka_unit_test(port_rules),
		cmocka_unit_test(ports_are_not_given_twice),
		cmocka_unit_test(half_close),
		cmocka_unit_test(close_delivers_what_was_sent),
		cmocka_unit_test(close_times_out),
		cmocka_unit_test(reset_is_an_error_after_the_data),
		cmocka_unit_test(restarted_peer_connects_again),
		cmocka_unit_test(transport_reset),
		cmocka_unit_test(credit_is_respected),
		cmocka_unit_test(small_reads_need_few_updates),
		cmocka_unit_test(message_boundaries),
		cmocka_unit_test(whole_message_or_nothing),
		cmocka_unit_test(random_stream),
		cmocka_unit_test(random_seqpacket),
		cmocka_unit_test(overrun_is_reset),
		cmocka_unit_test(endless_message_is_reset),
		cmocka_unit_test(empty_messages_are_bounded),
		cmocka_unit_test(wrong_packets_reset_the_connection),
		cmocka_unit_test(data_after_shutdown_is_reset),
		cmocka_unit_test(lying_credit_stops_only_the_liar),
		cmocka_unit_test(unknown_connections_get_one_reset),
		cmocka_unit_test(wrong_addresses_are_dropped),
		cmocka_unit_test(type_mismatch_is_refused),
		cmocka_unit_test(memory_is_bounded),
		cmocka_unit_test(hostile_packets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
