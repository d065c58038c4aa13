/* SPDX-License-Identifier: MIT */
/* Unit tests of the manager's core: registry and totals, on a fake clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "appliance/manager/registry.h"
#include "appliance/manager/report.h"
#include "tests/unit/wire_peer.h"

#define SERVICE_CID 16
#define INTERVAL_MS REGISTRY_HEARTBEAT_MS
#define SILENT_MS   (INTERVAL_MS * REGISTRY_SILENT_HEARTBEATS)
#define DROPPED_MS  (INTERVAL_MS * REGISTRY_DROPPED_HEARTBEATS)

static struct registry *registry;
static struct transport_unix transport;
static char lines[65536];

static void step(void *context)
{
	(void)context;
	assert_int_equal(registry_step(registry, 0), 0);
}

static void print(void *context, const char *line)
{
	size_t used = strlen(lines);

	(void)context;
	for (const char *at = line; *at; at++) {
		assert_in_range(*at, ' ', '~');
	}
	snprintf(lines + used, sizeof(lines) - used, "%s\n", line);
}

static bool was_printed(const char *text)
{
	return strstr(lines, text) != NULL;
}

static int setup(void **state)
{
	struct registry_options options = {.print = print};

	(void)state;
	lines[0] = '\0';
	world_open();
	world.step = step;
	transport_unix_init(&transport, world.folder, MUX_CID_MANAGER);
	assert_int_equal(registry_create(&transport.transport, &options, &registry), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	registry_destroy(registry);
	world_close();
	return 0;
}

/* Returns the id that the manager gave. */
static uint32_t expect_welcome(struct wire_peer *peer)
{
	struct wire_welcome welcome;

	wire_peer_expect(peer, MUX_MSG_WELCOME);
	assert_int_equal(wire_decode_welcome(&peer->message, &welcome), 0);
	assert_int_equal(welcome.heartbeat_ms, INTERVAL_MS);
	assert_true(wire_string_equals(welcome.name, "manager"));
	return welcome.id;
}

static uint32_t join_agent(struct wire_peer *peer, uint32_t cid, const char *name)
{
	wire_peer_connect(peer, cid, MUX_CID_MANAGER, MUX_PORT_MANAGER);
	wire_peer_hello_agent(peer, name);
	return expect_welcome(peer);
}

static uint32_t join_service(struct wire_peer *peer, uint32_t cid, const char *name)
{
	wire_peer_connect(peer, cid, MUX_CID_MANAGER, MUX_PORT_MANAGER);
	wire_peer_hello_service(peer, name, 7005);
	return expect_welcome(peer);
}

static void expect_up(struct wire_peer *agent, uint32_t id, uint32_t cid, const char *name)
{
	struct wire_service_up up;

	wire_peer_expect(agent, MUX_MSG_SERVICE_UP);
	assert_int_equal(wire_decode_service_up(&agent->message, &up), 0);
	assert_int_equal(up.service, id);
	assert_int_equal(up.cid, cid);
	assert_int_equal(up.port, 7005);
	assert_true(wire_string_equals(up.name, name));
}

static void expect_down(struct wire_peer *agent, uint32_t id, uint32_t reason)
{
	struct wire_service_down down;

	wire_peer_expect(agent, MUX_MSG_SERVICE_DOWN);
	assert_int_equal(wire_decode_service_down(&agent->message, &down), 0);
	assert_int_equal(down.service, id);
	assert_int_equal(down.reason, reason);
}

static void expect_state(struct wire_peer *service, uint32_t id, uint32_t cid, uint32_t state)
{
	struct wire_agent_state_message message;

	wire_peer_expect(service, MUX_MSG_AGENT_STATE);
	assert_int_equal(wire_decode_agent_state(&service->message, &message), 0);
	assert_int_equal(message.agent, id);
	assert_int_equal(message.cid, cid);
	assert_int_equal(message.state, state);
}

static void send_heartbeat(struct wire_peer *peer, uint32_t key, uint64_t value)
{
	struct wire_counter counter = {key, value};
	struct wire_writer writer = wire_peer_writer(peer);

	wire_peer_send(peer, &writer, wire_encode_heartbeat(&writer, 1, &counter, 1));
}

static void send_bye(struct wire_peer *peer, uint32_t reason, uint32_t key, uint64_t value)
{
	struct wire_counter counter = {key, value};
	struct wire_writer writer = wire_peer_writer(peer);

	wire_peer_send(peer, &writer, wire_encode_bye(&writer, reason, 1, &counter, 1));
}

static const struct registry_peer *peer_named(const char *name)
{
	const struct registry_peer *peer;

	for (size_t i = 0; (peer = registry_peer_at(registry, i)) != NULL; i++) {
		if (strcmp(peer->name, name) == 0) {
			return peer;
		}
	}
	fail_msg("no peer %s", name);
	return NULL;
}

/* In whatever order they come, all find each other. */
static void test_introductions(void **state)
{
	struct wire_peer web, db, av, dlp;
	uint32_t web_id, db_id, av_id, dlp_id;

	(void)state;
	web_id = join_agent(&web, 3, "web");
	wire_peer_expect_nothing(&web);
	av_id = join_service(&av, SERVICE_CID, "av");
	expect_up(&web, av_id, SERVICE_CID, "av");
	expect_state(&av, web_id, 3, WIRE_AGENT_UP);
	db_id = join_agent(&db, 4, "db");
	expect_up(&db, av_id, SERVICE_CID, "av");
	expect_state(&av, db_id, 4, WIRE_AGENT_UP);
	dlp_id = join_service(&dlp, 17, "dlp");
	expect_up(&web, dlp_id, 17, "dlp");
	expect_up(&db, dlp_id, 17, "dlp");
	expect_state(&dlp, web_id, 3, WIRE_AGENT_UP);
	expect_state(&dlp, db_id, 4, WIRE_AGENT_UP);
	wire_peer_expect_nothing(&av);
	assert_true(web_id != db_id && av_id != dlp_id && web_id != av_id);

	send_bye(&av, MUX_ERR_SHUTDOWN, 1, 1);
	expect_down(&web, av_id, MUX_ERR_SHUTDOWN);
	expect_down(&db, av_id, MUX_ERR_SHUTDOWN);
	wire_peer_expect_closed(&av);
	wire_peer_close(&dlp);
	expect_down(&web, dlp_id, MUX_ERR_LOST);
	send_bye(&db, MUX_ERR_SHUTDOWN, 1, 1);
	wire_peer_close(&web);
	wire_peer_close(&db);
	assert_int_equal(peer_named("av")->state, REGISTRY_LEFT);
	assert_int_equal(peer_named("dlp")->state, REGISTRY_LOST);
	assert_int_equal(peer_named("db")->state, REGISTRY_LEFT);
	assert_int_equal(peer_named("web")->state, REGISTRY_LOST);
	assert_int_equal(report_failed_agents(registry), 1);
	assert_true(was_printed("service av 1.0 (CID 16, port 7005) joined"));
	assert_true(was_printed("agent web test (CID 3) joined"));
}

/* A restarted service keeps its id, and agents are told to come again. */
static void test_service_restarts(void **state)
{
	struct wire_peer web, old, new;
	uint32_t id;

	(void)state;
	join_agent(&web, 3, "web");
	id = join_service(&old, SERVICE_CID, "av");
	expect_up(&web, id, SERVICE_CID, "av");
	send_heartbeat(&old, MUX_COUNTER_SCANNED, 10);
	/* The old session is still there, as after a crash. */
	assert_int_equal(join_service(&new, SERVICE_CID, "av"), id);
	expect_down(&web, id, MUX_ERR_REPLACED);
	expect_up(&web, id, SERVICE_CID, "av");
	wire_peer_expect(&old, MUX_MSG_AGENT_STATE);
	wire_peer_expect_error(&old, MUX_ERR_REPLACED);
	wire_peer_expect_closed(&old);
	send_heartbeat(&new, MUX_COUNTER_SCANNED, 5);
	assert_int_equal(totals_get(&peer_named("av")->totals, MUX_COUNTER_SCANNED), 15);
	assert_int_equal(peer_named("av")->joins, 2);
	wire_peer_close(&new);
	expect_down(&web, id, MUX_ERR_LOST);
	/* At another CID, now that the name is free. */
	assert_int_equal(join_service(&new, 18, "av"), id);
	expect_up(&web, id, 18, "av");
	wire_peer_close(&new);
	wire_peer_close(&web);
}

static void test_name_is_not_taken_over(void **state)
{
	struct wire_peer web, av, thief;
	uint32_t id;

	(void)state;
	join_agent(&web, 3, "web");
	id = join_service(&av, SERVICE_CID, "av");
	expect_up(&web, id, SERVICE_CID, "av");
	wire_peer_connect(&thief, 66, MUX_CID_MANAGER, MUX_PORT_MANAGER);
	wire_peer_hello_service(&thief, "av", 7005);
	wire_peer_expect_error(&thief, MUX_ERR_DENIED);
	wire_peer_expect_closed(&thief);
	wire_peer_expect_nothing(&web);
	assert_true(was_printed("alarm: CID 66 refused"));
	wire_peer_close(&av);
	wire_peer_close(&web);
}

static void test_agent_restarts(void **state)
{
	struct wire_peer av, old, new;
	uint32_t id;

	(void)state;
	join_service(&av, SERVICE_CID, "av");
	id = join_agent(&old, 3, "web");
	expect_state(&av, id, 3, WIRE_AGENT_UP);
	send_heartbeat(&old, MUX_COUNTER_LATENCY_P99, 100);
	assert_int_equal(join_agent(&new, 3, "web2"), id);
	expect_state(&av, id, 3, WIRE_AGENT_DOWN);
	expect_state(&av, id, 3, WIRE_AGENT_UP);
	send_heartbeat(&new, MUX_COUNTER_LATENCY_P99, 70);
	assert_int_equal(totals_get(&peer_named("web2")->totals, MUX_COUNTER_LATENCY_P99), 100);
	assert_null(registry_peer_at(registry, 2));
	wire_peer_close(&old);
	wire_peer_close(&new);
	wire_peer_close(&av);
}

static void test_silence(void **state)
{
	struct wire_peer av, web;
	uint32_t id;

	(void)state;
	join_service(&av, SERVICE_CID, "av");
	id = join_agent(&web, 3, "web");
	expect_state(&av, id, 3, WIRE_AGENT_UP);
	wire_peer_expect(&web, MUX_MSG_SERVICE_UP);
	for (uint64_t passed = 0; passed < 2 * DROPPED_MS; passed += INTERVAL_MS) {
		world_pass_ms(INTERVAL_MS, 250);
		send_heartbeat(&web, 1, passed);
		send_heartbeat(&av, 1, passed);
	}
	assert_false(was_printed("silent"));
	for (uint64_t passed = 0; passed < SILENT_MS; passed += INTERVAL_MS) {
		world_pass_ms(INTERVAL_MS, 250);
		send_heartbeat(&av, 1, passed);
	}
	assert_true(was_printed("alarm: agent web (CID 3) is silent"));
	expect_state(&av, id, 3, WIRE_AGENT_SILENT);
	assert_int_equal(peer_named("web")->state, REGISTRY_SILENT);
	send_heartbeat(&web, 1, 1);
	assert_true(was_printed("agent web (CID 3) is heard again"));
	expect_state(&av, id, 3, WIRE_AGENT_UP);
	for (uint64_t passed = 0; passed < DROPPED_MS; passed += INTERVAL_MS) {
		world_pass_ms(INTERVAL_MS, 250);
		send_heartbeat(&av, 1, passed);
	}
	expect_state(&av, id, 3, WIRE_AGENT_SILENT);
	expect_state(&av, id, 3, WIRE_AGENT_DOWN);
	wire_peer_expect_error(&web, MUX_ERR_LOST);
	wire_peer_expect_closed(&web);
	assert_int_equal(peer_named("web")->state, REGISTRY_LOST);
	assert_true(was_printed("dropped"));
	/* The service falls silent: agents are told that it is gone. */
	world_pass_ms(DROPPED_MS - INTERVAL_MS, 500);
	id = join_agent(&web, 4, "db");
	wire_peer_expect(&web, MUX_MSG_SERVICE_UP);
	world_pass_ms(INTERVAL_MS, 250);
	wire_peer_expect(&web, MUX_MSG_SERVICE_DOWN);
	wire_peer_expect_closed(&av);
	wire_peer_close(&web);
}

static void send_audit(struct wire_peer *peer, const char *path)
{
	struct wire_audit audit = {.kind = MUX_AUDIT_DEADLINE,
				   .event_kind = MUX_EVENT_EXECUTE,
				   .rule = 4,
				   .count = 3,
				   .service = 1,
				   .verdict = MUX_VERDICT_DENY,
				   .path = wire_string_of(path),
				   .text = wire_string_of("late")};
	struct wire_writer writer = wire_peer_writer(peer);

	wire_peer_send(peer, &writer, wire_encode_audit(&writer, &audit));
}

static void test_audit(void **state)
{
	struct wire_peer av, web;

	(void)state;
	join_service(&av, SERVICE_CID, "av");
	join_agent(&web, 3, "web\033[2J");
	send_audit(&web, "/srv/\033]0;x\007\ny");
	assert_true(was_printed("audit: web?[2J: deadline passed: deny execute /srv/?]0;x??y "
				"(rule 4, service av, 3) late"));
	assert_int_equal(registry_audit_count(registry, MUX_AUDIT_DEADLINE), 3);
	assert_int_equal(registry_audit_count(registry, MUX_AUDIT_LOST), 0);
	assert_int_equal(registry_audit_count(registry, (enum mux_audit)99), 0);
	/* Services have nothing to audit. */
	wire_peer_expect(&av, MUX_MSG_AGENT_STATE);
	send_audit(&av, "/x");
	wire_peer_expect_error(&av, MUX_ERR_UNEXPECTED);
	wire_peer_expect_closed(&av);
	wire_peer_close(&web);
}

static void test_counters(void **state)
{
	struct wire_counter many[TOTALS_KEYS_MAX + 10];
	const struct registry_peer *peer;
	struct wire_writer writer;
	struct wire_peer web;

	(void)state;
	for (uint32_t i = 0; i < TOTALS_KEYS_MAX + 10; i++) {
		many[i] = (struct wire_counter){.key = 1000 + i, .value = i};
	}
	join_agent(&web, 3, "web");
	send_heartbeat(&web, MUX_COUNTER_FILES_SEEN, 5);
	send_heartbeat(&web, MUX_COUNTER_FILES_SEEN, 7);
	writer = wire_peer_writer(&web);
	wire_peer_send(&web, &writer,
		       wire_encode_heartbeat(&writer, 1, many, TOTALS_KEYS_MAX + 10));
	send_bye(&web, MUX_ERR_SHUTDOWN, MUX_COUNTER_FILES_SEEN, 9);
	peer = peer_named("web");
	assert_int_equal(totals_get(&peer->totals, MUX_COUNTER_FILES_SEEN), 9);
	assert_int_equal(totals_get(&peer->totals, 1000 + TOTALS_KEYS_MAX - 2),
			 TOTALS_KEYS_MAX - 2);
	assert_int_equal(totals_get(&peer->totals, 1000 + TOTALS_KEYS_MAX - 1), 0);
	assert_int_equal(report_failed_agents(registry), 0);
	wire_peer_expect_closed(&web);
}

/* Whatever one peer sends, the others stay. */
static void test_bad_input(void **state)
{
	static const uint8_t garbage[64] = "GET / HTTP/1.1\r\nHost: muxvisor\r\n\r\n";
	struct wire_peer web, bad;
	struct wire_writer writer;
	struct wire_header header;

	(void)state;
	join_agent(&web, 3, "web");
	wire_peer_connect(&bad, 9, MUX_CID_MANAGER, MUX_PORT_MANAGER);
	wire_peer_send_raw(&bad, garbage, sizeof(garbage));
	wire_peer_expect_error(&bad, MUX_ERR_MALFORMED);
	wire_peer_expect_closed(&bad);
	assert_true(was_printed("alarm: CID 9 breaks the protocol: malformed in header"));
	/* Another version: the answer is in ours. */
	wire_peer_connect(&bad, 9, MUX_CID_MANAGER, MUX_PORT_MANAGER);
	writer = wire_peer_writer(&bad);
	assert_int_equal(wire_encode_heartbeat(&writer, 0, NULL, 0), 0);
	writer.data[4] = MUX_PROTOCOL_VERSION + 1;
	assert_int_equal(wire_decode_header(writer.data, &header), -MUX_ERR_VERSION);
	wire_peer_send(&bad, &writer, 0);
	wire_peer_expect_error(&bad, MUX_ERR_VERSION);
	wire_peer_expect_closed(&bad);
	/* Before HELLO; twice HELLO; what only the manager sends. */
	wire_peer_connect(&bad, 9, MUX_CID_MANAGER, MUX_PORT_MANAGER);
	send_heartbeat(&bad, 1, 1);
	wire_peer_expect_error(&bad, MUX_ERR_UNEXPECTED);
	wire_peer_expect_closed(&bad);
	join_agent(&bad, 9, "bad");
	wire_peer_hello_agent(&bad, "bad");
	wire_peer_expect_error(&bad, MUX_ERR_UNEXPECTED);
	wire_peer_expect_closed(&bad);
	join_agent(&bad, 9, "bad");
	writer = wire_peer_writer(&bad);
	wire_peer_send(&bad, &writer,
		       wire_encode_service_down(&writer, &(struct wire_service_down){1, 0}));
	wire_peer_expect_error(&bad, MUX_ERR_UNEXPECTED);
	wire_peer_expect_closed(&bad);
	send_heartbeat(&web, 1, 1);
	wire_peer_expect_nothing(&web);
	assert_int_equal(peer_named("web")->state, REGISTRY_UP);
	wire_peer_close(&web);
}

static void test_limits(void **state)
{
	struct wire_peer silent[REGISTRY_UNGREETED_MAX], extra;
	struct wire_peer services[REGISTRY_PEERS_OF_CID_MAX];
	char name[16];

	(void)state;
	for (size_t i = 0; i < REGISTRY_UNGREETED_MAX; i++) {
		wire_peer_connect(&silent[i], 9, MUX_CID_MANAGER, MUX_PORT_MANAGER);
		world_run();
	}
	wire_peer_connect(&extra, 9, MUX_CID_MANAGER, MUX_PORT_MANAGER);
	wire_peer_expect_closed(&extra);
	join_agent(&extra, 8, "other guest");
	world_pass_ms(5000, 500);
	for (size_t i = 0; i < REGISTRY_UNGREETED_MAX; i++) {
		wire_peer_expect_error(&silent[i], MUX_ERR_LOST);
		wire_peer_expect_closed(&silent[i]);
	}
	wire_peer_close(&extra);
	/* Names without end from one CID. */
	for (size_t i = 0; i < REGISTRY_PEERS_OF_CID_MAX; i++) {
		snprintf(name, sizeof(name), "s%zu", i);
		join_service(&services[i], 9, name);
	}
	wire_peer_connect(&extra, 9, MUX_CID_MANAGER, MUX_PORT_MANAGER);
	wire_peer_hello_service(&extra, "one more", 7005);
	wire_peer_expect_error(&extra, MUX_ERR_LIMIT);
	wire_peer_expect_closed(&extra);
	for (size_t i = 0; i < REGISTRY_PEERS_OF_CID_MAX; i++) {
		wire_peer_close(&services[i]);
	}
}

static void test_lines_are_limited(void **state)
{
	struct wire_peer good;
	size_t count = 0;

	(void)state;
	for (unsigned i = 0; i < REGISTRY_LINES_MAX + 68; i++) {
		struct wire_peer bad;

		wire_peer_connect(&bad, 9, MUX_CID_MANAGER, MUX_PORT_MANAGER);
		send_heartbeat(&bad, 1, 1);
		wire_peer_expect_closed(&bad);
	}
	for (const char *at = lines; (at = strstr(at, "breaks the protocol")) != NULL; at++) {
		count++;
	}
	assert_int_equal(count, REGISTRY_LINES_MAX);
	/* Others may still speak. */
	join_agent(&good, 3, "web");
	assert_true(was_printed("agent web"));
	wire_peer_close(&good);
	lines[0] = '\0';
	fake_clock_ms += 2000;
	{
		struct wire_peer bad;

		wire_peer_connect(&bad, 9, MUX_CID_MANAGER, MUX_PORT_MANAGER);
		send_heartbeat(&bad, 1, 1);
		wire_peer_expect_closed(&bad);
	}
	assert_true(was_printed("68 lines not shown"));
	assert_true(was_printed("breaks the protocol"));
}

/* A service that takes nothing is dropped; the others hear of it. */
static void test_peer_that_does_not_read(void **state)
{
	struct wire_peer av, web;
	uint32_t id;

	(void)state;
	id = join_service(&av, SERVICE_CID, "av");
	for (int i = 0; i < 20000 && peer_named("av")->session; i++) {
		struct wire_peer guest;

		wire_peer_connect(&guest, 3, MUX_CID_MANAGER, MUX_PORT_MANAGER);
		wire_peer_hello_agent(&guest, "a guest with a name that is long enough to fill");
		connection_free(&guest.connection);
		world_run();
	}
	assert_null(peer_named("av")->session);
	assert_int_equal(peer_named("av")->state, REGISTRY_LOST);
	join_agent(&web, 4, "web");
	wire_peer_expect_nothing(&web);
	assert_true(id > 0);
	wire_peer_close(&web);
	wire_peer_close(&av);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_introductions),
		TEST(test_service_restarts),
		TEST(test_name_is_not_taken_over),
		TEST(test_agent_restarts),
		TEST(test_silence),
		TEST(test_audit),
		TEST(test_counters),
		TEST(test_bad_input),
		TEST(test_limits),
		TEST(test_lines_are_limited),
		TEST(test_peer_that_does_not_read),
	};

	return cmocka_run_group_tests_name("manager", tests, NULL, NULL);
}
