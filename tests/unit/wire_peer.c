/* SPDX-License-Identifier: MIT */
#include "tests/unit/wire_peer.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <cmocka.h>

#define TURNS 8

struct world world;
uint64_t fake_clock_ms;

/* Linked with --wrap=clock_gettime. */
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
	(void)clock;
	now->tv_sec = (time_t)(fake_clock_ms / 1000);
	now->tv_nsec = (long)(fake_clock_ms % 1000) * 1000000;
	return 0;
}

void world_open(void)
{
	fake_clock_ms = 1000000;
	world.folder = transport_unix_make_folder();
}

void world_close(void)
{
	transport_unix_remove_folder(world.folder);
	memset(&world, 0, sizeof(world));
}

void world_run(void)
{
	for (int i = 0; i < TURNS; i++) {
		world.step(world.context);
	}
}

void world_pass_ms(uint64_t total_ms, uint64_t step_ms)
{
	for (uint64_t passed = 0; passed < total_ms; passed += step_ms) {
		fake_clock_ms += step_ms;
		world_run();
	}
}

void wire_peer_connect(struct wire_peer *peer, uint32_t cid, uint32_t to_cid, uint32_t port)
{
	int fd;

	memset(peer, 0, sizeof(*peer));
	transport_unix_init(&peer->transport, world.folder, cid);
	fd = peer->transport.transport.connect(&peer->transport.transport, to_cid, port);
	assert_true(fd >= 0);
	assert_int_equal(connection_init(&peer->connection, 4 * WIRE_MESSAGE_MAX), 0);
	connection_open(&peer->connection, fd);
}

bool wire_peer_accept(struct wire_peer *peer, int listener)
{
	for (int i = 0; i < TURNS; i++) {
		int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);

		if (fd >= 0) {
			memset(peer, 0, sizeof(*peer));
			assert_int_equal(connection_init(&peer->connection, 4 * WIRE_MESSAGE_MAX),
					 0);
			connection_open(&peer->connection, fd);
			return true;
		}
		world.step(world.context);
	}
	return false;
}

void wire_peer_close(struct wire_peer *peer)
{
	connection_free(&peer->connection);
	world_run();
}

struct wire_writer wire_peer_writer(struct wire_peer *peer)
{
	return connection_writer(&peer->connection);
}

static void flush(struct wire_peer *peer)
{
	for (int i = 0; i < 1000 && connection_waiting(&peer->connection); i++) {
		/* EPIPE: the other end has closed, which tests look at when they receive. */
		if (connection_flush(&peer->connection, fake_clock_ms)) {
			return;
		}
		world.step(world.context);
	}
}

void wire_peer_send(struct wire_peer *peer, const struct wire_writer *writer, int result)
{
	assert_int_equal(result, 0);
	connection_queue(&peer->connection, writer, fake_clock_ms);
	flush(peer);
	world_run();
}

void wire_peer_send_raw(struct wire_peer *peer, const void *data, size_t size)
{
	struct wire_writer writer = wire_peer_writer(peer);

	assert_true(size <= writer.capacity);
	memcpy(writer.data, data, size);
	writer.size = size;
	wire_peer_send(peer, &writer, 0);
}

bool wire_peer_receive(struct wire_peer *peer)
{
	for (int i = 0; i < TURNS; i++) {
		int result = connection_next(&peer->connection, &peer->message);

		assert_true(result >= 0);
		if (result == 1) {
			return true;
		}
		if (peer->connection.fd < 0 || connection_receive(&peer->connection) < 0) {
			return false;
		}
		world.step(world.context);
	}
	return false;
}

void wire_peer_expect(struct wire_peer *peer, uint16_t type)
{
	assert_true(wire_peer_receive(peer));
	assert_string_equal(wire_type_name(peer->message.header.type), wire_type_name(type));
}

void wire_peer_expect_nothing(struct wire_peer *peer)
{
	assert_false(wire_peer_receive(peer));
	assert_int_equal(connection_receive(&peer->connection), 0);
}

void wire_peer_expect_closed(struct wire_peer *peer)
{
	int received = 0;

	for (int i = 0; i < 1000 && received >= 0; i++) {
		struct wire_message message;

		world.step(world.context);
		received = connection_receive(&peer->connection);
		while (connection_next(&peer->connection, &message) == 1) {
		}
	}
	assert_true(received < 0);
	wire_peer_close(peer);
}

void wire_peer_expect_error(struct wire_peer *peer, uint32_t code)
{
	struct wire_error error;

	wire_peer_expect(peer, MUX_MSG_ERROR);
	assert_int_equal(wire_decode_error(&peer->message, &error), 0);
	assert_string_equal(wire_error_name(error.code), wire_error_name(code));
}

void wire_peer_hello_agent(struct wire_peer *peer, const char *name)
{
	struct wire_hello hello = {.role = MUX_ROLE_AGENT,
				   .verbs = UINT64_MAX,
				   .granted = 1U << MUX_VERB_READ,
				   .events = UINT64_MAX,
				   .name = wire_string_of(name),
				   .version = wire_string_of("test")};
	struct wire_writer writer = wire_peer_writer(peer);

	wire_peer_send(peer, &writer, wire_encode_hello(&writer, 1, &hello));
}

void wire_peer_hello_service(struct wire_peer *peer, const char *name, uint32_t port)
{
	struct wire_hello hello = {.role = MUX_ROLE_SERVICE,
				   .port = port,
				   .name = wire_string_of(name),
				   .version = wire_string_of("1.0")};
	struct wire_writer writer = wire_peer_writer(peer);

	wire_peer_send(peer, &writer, wire_encode_hello(&writer, 1, &hello));
}
