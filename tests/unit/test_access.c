/* SPDX-License-Identifier: MIT */
/*
 * Unit tests of the access library: the service itself with its manager, timers and watches, its
 * end, its options. On a fake clock.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/unit/access_service.h"

static void test_registers(void **state)
{
	struct wire_welcome welcome = {.heartbeat_ms = 1000, .id = 9};
	int listener =
		manager_transport.transport.listen(&manager_transport.transport, MUX_PORT_MANAGER);
	struct wire_heartbeat heartbeat;
	struct wire_counter counter;
	struct wire_writer writer;
	struct wire_peer manager;
	struct wire_hello hello;

	(void)state;
	assert_true(listener >= 0);
	assert_true(wire_peer_accept(&manager, listener));
	wire_peer_expect(&manager, MUX_MSG_HELLO);
	assert_int_equal(wire_decode_hello(&manager.message, &hello), 0);
	assert_int_equal(hello.role, MUX_ROLE_SERVICE);
	assert_int_equal(hello.port, MUX_PORT_SERVICE);
	assert_true(wire_string_equals(hello.name, "av"));
	assert_true(wire_string_equals(hello.version, "1.2"));
	assert_int_equal(seen.registered, 0);
	writer = wire_peer_writer(&manager);
	wire_peer_send(&manager, &writer,
		       wire_encode_welcome(&writer, manager.message.header.request, &welcome));
	assert_int_equal(seen.registered, 1);

	wire_peer_expect_nothing(&manager);
	assert_int_equal(mux_counter_set(service, MUX_COUNTER_INFECTED, 3), 0);
	assert_int_equal(mux_counter_add(service, MUX_COUNTER_INFECTED, 2), 0);
	world_pass_ms(1000, 100);
	wire_peer_expect(&manager, MUX_MSG_HEARTBEAT);
	assert_int_equal(wire_decode_heartbeat(&manager.message, &heartbeat), 0);
	assert_int_equal(heartbeat.count, 1);
	assert_int_equal(wire_next_counter(&heartbeat.counters, &counter), 1);
	assert_int_equal(counter.key, MUX_COUNTER_INFECTED);
	assert_int_equal(counter.value, 5);
	wire_peer_expect_nothing(&manager);

	/* Lost: it comes again by itself. */
	wire_peer_close(&manager);
	assert_int_equal(seen.unregistered, 1);
	world_pass_ms(MANAGER_LINK_RETRY_MIN_MS, 10);
	assert_true(wire_peer_accept(&manager, listener));
	wire_peer_expect(&manager, MUX_MSG_HELLO);
	wire_peer_close(&manager);
	close(listener);
}

static void test_retries_with_pauses(void **state)
{
	struct wire_peer manager;
	int listener;

	(void)state;
	/* Nobody there for a minute; the pause stays below its limit. */
	world_pass_ms(60000, 50);
	assert_false(mux_service_is_registered(service));
	listener =
		manager_transport.transport.listen(&manager_transport.transport, MUX_PORT_MANAGER);
	world_pass_ms(MANAGER_LINK_RETRY_MAX_MS + 50, 50);
	assert_true(wire_peer_accept(&manager, listener));
	wire_peer_expect(&manager, MUX_MSG_HELLO);
	/* A manager that says nothing is given up. */
	world_pass_ms(MANAGER_LINK_GREETING_MS, 50);
	wire_peer_expect_closed(&manager);
	close(listener);
}

static void send_state(struct wire_peer *manager, uint32_t id, uint32_t state, const char *name)
{
	struct wire_agent_state_message message = {
		.agent = id, .cid = id + 100, .state = state, .name = wire_string_of(name)};
	struct wire_writer writer = wire_peer_writer(manager);

	wire_peer_send(manager, &writer, wire_encode_agent_state(&writer, &message));
}

static void test_known_agents(void **state)
{
	struct wire_welcome welcome = {.heartbeat_ms = 0, .id = 9};
	int listener =
		manager_transport.transport.listen(&manager_transport.transport, MUX_PORT_MANAGER);
	struct mux_known_agent known[4];
	struct wire_writer writer;
	struct wire_peer manager;

	(void)state;
	assert_true(wire_peer_accept(&manager, listener));
	wire_peer_expect(&manager, MUX_MSG_HELLO);
	writer = wire_peer_writer(&manager);
	wire_peer_send(&manager, &writer,
		       wire_encode_welcome(&writer, manager.message.header.request, &welcome));
	send_state(&manager, 1, WIRE_AGENT_UP, "web");
	send_state(&manager, 2, WIRE_AGENT_UP, "db");
	assert_int_equal(mux_service_known_agents(service, known, 4), 2);
	assert_string_equal(known[0].name, "web");
	assert_int_equal(known[1].cid, 102);
	assert_false(known[0].is_silent);
	send_state(&manager, 1, WIRE_AGENT_SILENT, "web");
	assert_int_equal(mux_service_known_agents(service, known, 1), 2);
	assert_true(known[0].is_silent);
	send_state(&manager, 1, WIRE_AGENT_DOWN, "web");
	send_state(&manager, 7, WIRE_AGENT_DOWN, "never heard of");
	assert_int_equal(mux_service_known_agents(service, known, 4), 1);
	assert_string_equal(known[0].name, "db");
	assert_int_equal(seen.changes, 5);
	wire_peer_close(&manager);
	assert_int_equal(mux_service_known_agents(service, known, 4), 0);
	assert_int_equal(seen.changes, 6);
	close(listener);
}

static void on_timer(struct mux_service *of, void *context)
{
	int64_t *again = context;

	assert_ptr_equal(of, service);
	seen.timers++;
	if (again) {
		*again = mux_timer_start(of, 0, on_timer, again);
	}
}

static void test_timers(void **state)
{
	int64_t first, second, again = 0;

	(void)state;
	first = mux_timer_start(service, 100, on_timer, NULL);
	second = mux_timer_start(service, 50, on_timer, NULL);
	assert_true(first > 0 && second > first);
	world_pass_ms(49, 49);
	assert_int_equal(seen.timers, 0);
	world_pass_ms(1, 1);
	assert_int_equal(seen.timers, 1);
	assert_int_equal(mux_timer_cancel(service, second), -ENOENT);
	assert_int_equal(mux_timer_cancel(service, first), 0);
	world_pass_ms(100, 10);
	assert_int_equal(seen.timers, 1);
	/* One that starts itself again runs once a turn. */
	mux_timer_start(service, 0, on_timer, &again);
	mux_service_step(service, 0);
	assert_int_equal(seen.timers, 2);
	mux_service_step(service, 0);
	assert_int_equal(seen.timers, 3);
	assert_int_equal(mux_timer_cancel(service, again), 0);
}

/* One byte is taken; the watch ends where context says so. */
static void on_watch(struct mux_service *of, int fd, void *context)
{
	char byte;

	assert_ptr_equal(of, service);
	seen.watches++;
	(void)!read(fd, &byte, 1);
	if (context) {
		assert_int_equal(mux_watch(of, *(int *)context, NULL, NULL), 0);
	}
}

static void test_watches(void **state)
{
	int one[2], other[2];

	(void)state;
	assert_true(pipe(one) == 0 && pipe(other) == 0);
	assert_int_equal(mux_watch(service, -1, on_watch, NULL), -EINVAL);
	assert_int_equal(mux_watch(service, one[0], NULL, NULL), -ENOENT);
	assert_int_equal(mux_watch(service, one[0], on_watch, NULL), 0);
	mux_service_step(service, 0);
	assert_int_equal(seen.watches, 0);
	assert_int_equal(write(one[1], "ab", 2), 2);
	mux_service_step(service, 0);
	mux_service_step(service, 0);
	mux_service_step(service, 0);
	assert_int_equal(seen.watches, 2);
	/* One that the callback of another has ended is not called any more. */
	assert_int_equal(mux_watch(service, other[0], on_watch, NULL), 0);
	assert_int_equal(mux_watch(service, one[0], on_watch, &other[0]), 0);
	assert_true(write(one[1], "c", 1) == 1 && write(other[1], "d", 1) == 1);
	mux_service_step(service, 0);
	mux_service_step(service, 0);
	assert_int_equal(seen.watches, 3);
	/* An end is told until the watch ends. */
	assert_int_equal(mux_watch(service, one[0], on_watch, &one[0]), 0);
	close(one[1]);
	mux_service_step(service, 0);
	mux_service_step(service, 0);
	assert_int_equal(seen.watches, 4);
	for (int fd = 1000; fd < 1000 + (int)MUX_WATCHES_MAX; fd++) {
		assert_int_equal(mux_watch(service, fd, on_watch, NULL), 0);
	}
	assert_int_equal(mux_watch(service, one[0], on_watch, NULL), -ENOSPC);
	close(one[0]);
	close(other[0]);
	close(other[1]);
}

/* A manager that the service is registered with, and asks for no heartbeats. Returns its listener.
 */
static int register_with(struct wire_peer *manager)
{
	struct wire_welcome welcome = {.id = 9};
	int listener =
		manager_transport.transport.listen(&manager_transport.transport, MUX_PORT_MANAGER);
	struct wire_writer writer;

	assert_true(wire_peer_accept(manager, listener));
	wire_peer_expect(manager, MUX_MSG_HELLO);
	writer = wire_peer_writer(manager);
	wire_peer_send(manager, &writer,
		       wire_encode_welcome(&writer, manager->message.header.request, &welcome));
	assert_int_equal(seen.registered, 1);
	return listener;
}

static void test_stop(void **state)
{
	struct wire_peer manager, agent;
	int listener = register_with(&manager);
	struct wire_bye bye;

	(void)state;
	connect_agent(&agent, GUEST_CID, "web");
	mux_stat(seen.agent, mux_file_path("/f"), &call);
	mux_counter_set(service, MUX_COUNTER_SCANNED, 12);
	mux_service_stop(service);
	wire_peer_expect(&agent, MUX_MSG_BYE);
	assert_int_equal(seen.done, 1);
	assert_int_equal(seen.downs, 1);
	assert_int_equal(seen.reason, MUX_ERR_SHUTDOWN);
	wire_peer_close(&agent);
	assert_int_equal(mux_service_run(service), 0);
	wire_peer_expect(&manager, MUX_MSG_BYE);
	assert_int_equal(wire_decode_bye(&manager.message, &bye), 0);
	assert_int_equal(bye.reason, MUX_ERR_SHUTDOWN);
	assert_int_equal(bye.heartbeat.count, 2); /* scanned, and accesses */
	assert_int_equal(mux_service_step(service, 0), -ECANCELED);
	wire_peer_close(&manager);
	close(listener);
}

/* Agents have their verdicts before the manager can tell them that the service is gone. */
static void test_stop_after_verdicts(void **state)
{
	struct wire_peer manager, agent, other;
	int listener = register_with(&manager);
	struct wire_verdict verdict;

	(void)state;
	seen.keep_verdicts = true;
	mux_on_event(service, MUX_EVENT_OPEN, on_event, &seen);
	connect_agent(&agent, GUEST_CID, "web");
	connect_agent(&other, GUEST_CID + 1, "db");
	send_event(&agent, 1, 77, "/f");
	wire_peer_expect_nothing(&agent);
	assert_int_equal(mux_verdict(seen.kept[0], MUX_VERDICT_DENY, 7, "the end", 0), 0);
	mux_service_stop(service);
	world_pass_ms(REMOTE_LINGER_MS / 2, 50);
	wire_peer_expect_nothing(&manager);
	/* Half-way through, and with much more to say. */
	wire_peer_expect(&agent, MUX_MSG_VERDICT);
	assert_int_equal(wire_decode_verdict(&agent.message, &verdict), 0);
	assert_int_equal(verdict.verdict, MUX_VERDICT_DENY);
	for (uint64_t i = 2; i < 100; i++) {
		send_event(&agent, i, 77 + i, "/g");
	}
	wire_peer_expect(&agent, MUX_MSG_BYE);
	wire_peer_close(&agent);
	wire_peer_expect_nothing(&manager);
	assert_int_equal(seen.events, 1);
	wire_peer_expect(&other, MUX_MSG_BYE);
	wire_peer_close(&other);
	wire_peer_expect(&manager, MUX_MSG_BYE);
	assert_int_equal(mux_service_step(service, 0), -ECANCELED);
	wire_peer_close(&manager);
	close(listener);
}

/* One that does not close, one that never greeted: they hold up the end for a second, and not at
 * all. */
static void test_stop_before_slow_agents(void **state)
{
	struct wire_peer manager, agent, stranger;
	int listener = register_with(&manager);

	(void)state;
	wire_peer_connect(&stranger, GUEST_CID + 1, SERVICE_CID, MUX_PORT_SERVICE);
	connect_agent(&agent, GUEST_CID, "web");
	mux_service_stop(service);
	world_pass_ms(REMOTE_LINGER_MS - 50, 50);
	wire_peer_expect_closed(&stranger);
	wire_peer_expect_nothing(&manager);
	world_pass_ms(50, 50);
	wire_peer_expect(&manager, MUX_MSG_BYE);
	wire_peer_expect_closed(&agent);
	assert_int_equal(mux_service_step(service, 0), -ECANCELED);
	wire_peer_close(&manager);
	close(listener);
}

static void test_options(void **state)
{
	struct mux_service_options options = {.size = sizeof(options), .name = "x"};
	struct mux_service *other;
	char name[300];

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	options.size = 8;
	assert_int_equal(service_create(&options, &service_transport.transport, &other), -EINVAL);
	options.size = sizeof(options);
	options.name = "";
	assert_int_equal(service_create(&options, &service_transport.transport, &other), -EINVAL);
	options.name = NULL;
	assert_int_equal(service_create(&options, &service_transport.transport, &other), -EINVAL);
	options.name = name;
	assert_int_equal(service_create(&options, &service_transport.transport, &other), -EINVAL);
	options.name = "x";
	options.version = name;
	assert_int_equal(service_create(&options, &service_transport.transport, &other), -EINVAL);
	for (uint32_t key = 0; key < 64; key++) {
		assert_int_equal(mux_counter_set(service, 5000 + key, 1), 0);
	}
	assert_int_equal(mux_counter_set(service, 9999, 1), -ENOSPC);
	assert_int_equal(mux_counter_get(service, 9999), 0);
	mux_service_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_registers),
		TEST(test_retries_with_pauses),
		TEST(test_known_agents),
		TEST(test_timers),
		TEST(test_watches),
		TEST(test_stop),
		TEST(test_stop_after_verdicts),
		TEST(test_stop_before_slow_agents),
		TEST(test_options),
	};

	return cmocka_run_group_tests_name("access library", tests, NULL, NULL);
}
