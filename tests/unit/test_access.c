/* SPDX-License-Identifier: MIT */
/* Unit tests of the access library against a fake manager and fake agents, on a fake clock. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "appliance/lib/include/muxaccess.h"
#include "appliance/lib/service.h"
#include "tests/unit/wire_peer.h"

#define SERVICE_CID 16
#define GUEST_CID   3
#define KEPT_MAX    2048

/* What the callbacks saw. */
static struct {
	int ups, downs, changes, registered, unregistered, configured;
	struct mux_agent *agent; /* that came last */
	enum mux_error reason;
	uint32_t generation;
	enum mux_error configure_result;
	char text[64];
	int events;
	struct mux_event *kept[KEPT_MAX];
	size_t kept_count;
	bool keep_verdicts; /* answered later, by the test */
	int done;
	struct mux_result result;
	char quarantine_id[32];
	struct mux_stat_info stat;
	uint8_t data[4 << 20];
	size_t data_size;
	size_t stop_at;	   /* the data callback says stop from there on */
	int64_t cancel_id; /* the data callback cancels this request */
	int entries;
	char names[256];
	int timers;
	int watches;
} seen;

static struct transport_unix service_transport;
static struct transport_unix manager_transport;
static struct mux_service *service;

static void step(void *context)
{
	(void)context;
	if (service) {
		mux_service_step(service, 0);
	}
}

static void on_agent_up(struct mux_agent *agent, void *context)
{
	assert_ptr_equal(context, &seen);
	seen.ups++;
	seen.agent = agent;
}

static void on_agent_down(struct mux_agent *agent, enum mux_error reason, void *context)
{
	assert_ptr_equal(context, &seen);
	assert_false(mux_agent_info(agent)->is_connected);
	seen.downs++;
	seen.reason = reason;
}

static void on_configured(struct mux_agent *agent, uint32_t generation, enum mux_error result,
			  const char *text, void *context)
{
	(void)agent;
	(void)context;
	seen.configured++;
	seen.generation = generation;
	seen.configure_result = result;
	snprintf(seen.text, sizeof(seen.text), "%s", text);
}

static void on_agents_changed(struct mux_service *changed, void *context)
{
	(void)context;
	assert_ptr_equal(changed, service);
	seen.changes++;
}

static void on_manager(struct mux_service *of, bool registered, void *context)
{
	(void)context;
	assert_int_equal(mux_service_is_registered(of), registered);
	*(registered ? &seen.registered : &seen.unregistered) += 1;
}

static void on_event(struct mux_event *event, void *context)
{
	assert_ptr_equal(context, &seen);
	seen.events++;
	if (mux_event_info(event)->wants_verdict && !seen.keep_verdicts) {
		assert_int_equal(mux_verdict(event, MUX_VERDICT_DENY, 7, "bad", 0), 0);
	} else {
		if (!mux_event_info(event)->wants_verdict) {
			mux_event_keep(event);
		}
		if (seen.kept_count < KEPT_MAX) {
			seen.kept[seen.kept_count++] = event;
		}
	}
}

static void make_service(void)
{
	struct mux_service_options options = {.size = sizeof(options),
					      .name = "av",
					      .version = "1.2",
					      .context = &seen,
					      .on_agent_up = on_agent_up,
					      .on_agent_down = on_agent_down,
					      .on_configured = on_configured,
					      .on_agents_changed = on_agents_changed,
					      .on_manager = on_manager};

	assert_int_equal(service_create(&options, &service_transport.transport, &service), 0);
}

static int setup(void **state)
{
	(void)state;
	memset(&seen, 0, sizeof(seen));
	seen.stop_at = SIZE_MAX;
	world_open();
	world.step = step;
	transport_unix_init(&service_transport, world.folder, SERVICE_CID);
	transport_unix_init(&manager_transport, world.folder, MUX_CID_MANAGER);
	make_service();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	mux_service_destroy(service);
	service = NULL;
	world_close();
	return 0;
}

static void connect_agent(struct wire_peer *agent, uint32_t cid, const char *name)
{
	struct wire_welcome welcome;
	int ups = seen.ups;

	wire_peer_connect(agent, cid, SERVICE_CID, MUX_PORT_SERVICE);
	wire_peer_hello_agent(agent, name);
	wire_peer_expect(agent, MUX_MSG_WELCOME);
	assert_int_equal(wire_decode_welcome(&agent->message, &welcome), 0);
	assert_true(wire_string_equals(welcome.name, "av"));
	assert_true(welcome.heartbeat_ms > 0);
	assert_int_equal(agent->message.header.request, 1);
	assert_int_equal(seen.ups, ups + 1);
}

static void send_event(struct wire_peer *agent, uint64_t sequence, uint64_t request,
		       const char *path)
{
	struct wire_event event = {.sequence = sequence,
				   .rule = 5,
				   .kind = MUX_EVENT_OPEN,
				   .flags = request ? MUX_EVENT_VERDICT : 0,
				   .time_us = 123,
				   .deadline_ms = request ? 500 : 0,
				   .pid = 42,
				   .start_us = sequence == 1 ? 77 : 0,
				   .handle = request,
				   .size = 99,
				   .path = wire_string_of(path),
				   .process = wire_string_of("/bin/cat")};
	struct wire_writer writer = wire_peer_writer(agent);

	wire_peer_send(agent, &writer, wire_encode_event(&writer, request, &event));
}

static void respond(struct wire_peer *agent, uint64_t request, bool more,
		    const struct wire_response *response)
{
	struct wire_writer writer = wire_peer_writer(agent);

	wire_peer_send(agent, &writer, wire_encode_response(&writer, request, more, response));
}

/* ---- the manager ---- */

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

/* ---- sessions ---- */

static void test_agent_comes_and_goes(void **state)
{
	struct wire_peer agent;
	struct wire_writer writer;
	const struct mux_agent_info *info;

	(void)state;
	connect_agent(&agent, GUEST_CID, "web");
	info = mux_agent_info(seen.agent);
	assert_int_equal(info->cid, GUEST_CID);
	assert_string_equal(info->name, "web");
	assert_string_equal(info->version, "test");
	assert_true(info->is_connected);
	assert_ptr_equal(mux_agent_service(seen.agent), service);
	assert_null(mux_agent_context(seen.agent));
	mux_agent_set_context(seen.agent, &agent);
	assert_ptr_equal(mux_agent_context(seen.agent), &agent);
	assert_ptr_equal(mux_agent_next(service, NULL), seen.agent);
	assert_null(mux_agent_next(service, seen.agent));
	writer = wire_peer_writer(&agent);
	wire_peer_send(&agent, &writer, wire_encode_bye(&writer, MUX_ERR_SHUTDOWN, 0, NULL, 0));
	assert_int_equal(seen.downs, 1);
	assert_int_equal(seen.reason, MUX_ERR_SHUTDOWN);
	assert_null(mux_agent_next(service, NULL));
	wire_peer_expect_closed(&agent);

	connect_agent(&agent, GUEST_CID, "web");
	wire_peer_close(&agent);
	assert_int_equal(seen.downs, 2);
	assert_int_equal(seen.reason, MUX_ERR_LOST);
}

static void test_rules(void **state)
{
	struct mux_rules *rules = mux_rules_create();
	struct wire_configure configure;
	struct wire_writer writer;
	struct wire_peer agent;
	struct wire_rule rule;

	(void)state;
	connect_agent(&agent, GUEST_CID, "web");
	mux_rules_verdict(rules, 1, MUX_EVENTS(MUX_EVENT_OPEN), "/srv/**", 2000, MUX_VERDICT_DENY);
	mux_rules_size(rules, 1, 1000);
	mux_rules_exclude(rules, "*.log");
	mux_rules_report(rules, 2, MUX_EVENTS_ALL, "**");
	mux_rules_ignore(rules, 3, MUX_EVENTS(MUX_EVENT_CLOSE), "/tmp/*");
	assert_int_equal(mux_agent_set_rules(seen.agent, rules), 1);
	mux_rules_free(rules);
	wire_peer_expect(&agent, MUX_MSG_CONFIGURE);
	assert_int_equal(wire_decode_configure(&agent.message, &configure), 0);
	assert_int_equal(configure.generation, 1);
	assert_int_equal(configure.count, 3);
	wire_next_rule(&configure.rules, &rule);
	assert_int_equal(rule.rule, 1);
	assert_int_equal(rule.action, MUX_ACTION_VERDICT);
	assert_int_equal(rule.fallback, MUX_VERDICT_DENY);
	assert_int_equal(rule.deadline_ms, 2000);
	assert_int_equal(rule.size_min, 1);
	assert_int_equal(rule.size_max, 1000);
	assert_true(wire_string_equals(rule.include, "/srv/**"));
	assert_true(wire_string_equals(rule.exclude, "*.log"));
	wire_next_rule(&configure.rules, &rule);
	assert_int_equal(rule.action, MUX_ACTION_REPORT);
	assert_true(rule.size_max == UINT64_MAX);
	wire_next_rule(&configure.rules, &rule);
	assert_int_equal(rule.action, MUX_ACTION_IGNORE);

	writer = wire_peer_writer(&agent);
	wire_peer_send(&agent, &writer,
		       wire_encode_configured(&writer, agent.message.header.request,
					      &(struct wire_configured){.generation = 1}));
	assert_int_equal(seen.configured, 1);
	assert_int_equal(seen.configure_result, MUX_ERR_NONE);
	assert_int_equal(seen.generation, 1);
	wire_peer_close(&agent);
}

/* An agent that is older than the library knows fewer kinds, and would refuse the set for one. */
static void test_rules_of_older_agent(void **state)
{
	struct wire_hello hello = {.role = MUX_ROLE_AGENT,
				   .events = MUX_EVENTS(MUX_EVENT_NETWORK) - 1,
				   .name = wire_string_of("web"),
				   .version = wire_string_of("older")};
	struct mux_rules *rules = mux_rules_create();
	struct wire_configure configure;
	struct wire_writer writer;
	struct wire_peer agent;
	struct wire_rule rule;

	(void)state;
	wire_peer_connect(&agent, GUEST_CID, SERVICE_CID, MUX_PORT_SERVICE);
	writer = wire_peer_writer(&agent);
	wire_peer_send(&agent, &writer, wire_encode_hello(&writer, 1, &hello));
	wire_peer_expect(&agent, MUX_MSG_WELCOME);
	mux_rules_verdict(rules, 1, MUX_EVENTS(MUX_EVENT_OPEN) | MUX_EVENTS(MUX_EVENT_READ), "**",
			  2000, MUX_VERDICT_DENY);
	mux_rules_ignore(rules, 2, MUX_EVENTS_ALL, "**");
	assert_int_equal(mux_agent_set_rules(seen.agent, rules), 1);
	mux_rules_free(rules);
	wire_peer_expect(&agent, MUX_MSG_CONFIGURE);
	assert_int_equal(wire_decode_configure(&agent.message, &configure), 0);
	assert_int_equal(configure.count, 2);
	wire_next_rule(&configure.rules, &rule);
	assert_true(rule.events == MUX_EVENTS(MUX_EVENT_OPEN));
	wire_next_rule(&configure.rules, &rule);
	assert_true(rule.events == hello.events);
	wire_peer_close(&agent);
}

static void test_rules_refused(void **state)
{
	struct wire_error refusal = {MUX_ERR_RULE, MUX_MSG_CONFIGURE, wire_string_of("rule 1")};
	struct mux_rules *rules = mux_rules_create();
	struct wire_writer writer;
	struct wire_peer agent;

	(void)state;
	connect_agent(&agent, GUEST_CID, "web");
	mux_rules_report(rules, 1, MUX_EVENTS_ALL, "[");
	assert_int_equal(mux_agent_set_rules(seen.agent, rules), 1);
	mux_rules_free(rules);
	wire_peer_expect(&agent, MUX_MSG_CONFIGURE);
	writer = wire_peer_writer(&agent);
	wire_peer_send(&agent, &writer,
		       wire_encode_error(&writer, agent.message.header.request, &refusal));
	assert_int_equal(seen.configured, 1);
	assert_int_equal(seen.configure_result, MUX_ERR_RULE);
	assert_string_equal(seen.text, "rule 1");
	assert_true(mux_agent_info(seen.agent)->is_connected);
	/* An answer to what was never asked ends the session. */
	writer = wire_peer_writer(&agent);
	wire_peer_send(
		&agent, &writer,
		wire_encode_configured(&writer, 5, &(struct wire_configured){.generation = 2}));
	wire_peer_expect_error(&agent, MUX_ERR_UNEXPECTED);
	assert_int_equal(seen.reason, MUX_ERR_UNEXPECTED);
	wire_peer_expect_closed(&agent);
}

static void check_rules(void (*build)(struct mux_rules *), int expected)
{
	struct mux_rules *rules = mux_rules_create();

	build(rules);
	assert_int_equal(mux_agent_set_rules(seen.agent, rules), expected);
	mux_rules_free(rules);
}

static void build_no_deadline(struct mux_rules *rules)
{
	mux_rules_verdict(rules, 1, 1, "**", 0, MUX_VERDICT_DENY);
}

static void build_bad_size(struct mux_rules *rules)
{
	mux_rules_report(rules, 1, 1, "**");
	mux_rules_size(rules, 2, 1);
}

static void build_bad_events(struct mux_rules *rules)
{
	mux_rules_report(rules, 1, UINT64_C(1) << 63, "**");
}

static void build_no_include(struct mux_rules *rules)
{
	mux_rules_report(rules, 1, 1, NULL);
}

static void build_size_first(struct mux_rules *rules)
{
	mux_rules_size(rules, 0, 1);
}

static void build_too_many(struct mux_rules *rules)
{
	for (uint32_t i = 0; i <= MUX_RULES_PER_SESSION; i++) {
		mux_rules_report(rules, i, 1, "**");
	}
}

static void build_too_long(struct mux_rules *rules)
{
	char glob[MUX_STRING_MAX + 1];

	memset(glob, 'x', MUX_STRING_MAX);
	glob[MUX_STRING_MAX] = '\0';
	for (uint32_t i = 0; i < MUX_RULES_PER_SESSION; i++) {
		mux_rules_report(rules, i, 1, glob);
	}
}

static void build_longer(struct mux_rules *rules)
{
	char glob[MUX_STRING_MAX + 2];

	memset(glob, 'x', MUX_STRING_MAX + 1);
	glob[MUX_STRING_MAX + 1] = '\0';
	mux_rules_report(rules, 1, 1, glob);
}

static void test_rules_wrong(void **state)
{
	struct wire_peer agent;

	(void)state;
	connect_agent(&agent, GUEST_CID, "web");
	check_rules(build_no_deadline, -EINVAL);
	check_rules(build_bad_size, -EINVAL);
	check_rules(build_bad_events, -EINVAL);
	check_rules(build_no_include, -EINVAL);
	check_rules(build_size_first, -EINVAL);
	check_rules(build_longer, -EINVAL);
	check_rules(build_too_many, -E2BIG);
	check_rules(build_too_long, -E2BIG); /* no message holds that */
	assert_int_equal(mux_agent_set_rules(seen.agent, NULL), -ENOMEM);
	mux_rules_report(NULL, 1, 1, "**");
	mux_rules_free(NULL);
	assert_int_equal(mux_agent_disconnect(seen.agent, MUX_ERR_DENIED), 0);
	check_rules(build_no_deadline, -EINVAL);
	wire_peer_close(&agent);
}

static void test_same_guest_again(void **state)
{
	struct mux_agent *first;
	struct wire_peer one, two;
	struct wire_bye bye;

	(void)state;
	connect_agent(&one, GUEST_CID, "web");
	first = seen.agent;
	connect_agent(&two, GUEST_CID, "web");
	assert_ptr_not_equal(seen.agent, first);
	assert_int_equal(seen.downs, 1);
	assert_int_equal(seen.reason, MUX_ERR_REPLACED);
	wire_peer_expect(&one, MUX_MSG_BYE);
	assert_int_equal(wire_decode_bye(&one.message, &bye), 0);
	assert_int_equal(bye.reason, MUX_ERR_REPLACED);
	wire_peer_expect_closed(&one);
	assert_ptr_equal(mux_agent_next(service, NULL), seen.agent);
	wire_peer_close(&two);
}

/* Each kind of bad input ends that session with a code, and no other. */
static void test_bad_input(void **state)
{
	static const struct {
		uint8_t offset; /* byte of a HEARTBEAT to break */
		uint8_t value;
		uint32_t code;
	} cases[] = {
		{0, 0, MUX_ERR_MALFORMED},
		{4, 9, MUX_ERR_VERSION},
		{6, 99, MUX_ERR_UNEXPECTED},
		{6, 7, MUX_ERR_MALFORMED}, /* ACCESS, without request id */
		{6, MUX_MSG_SERVICE_DOWN, MUX_ERR_UNEXPECTED},
		{12, 15, MUX_ERR_MALFORMED},
		{34, 1, MUX_ERR_MALFORMED},
	};
	struct wire_peer good, bad;

	(void)state;
	connect_agent(&good, 4, "good");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t bytes[64];
		struct wire_writer writer;

		connect_agent(&bad, GUEST_CID, "bad");
		wire_writer_init(&writer, bytes, sizeof(bytes));
		assert_int_equal(wire_encode_heartbeat(&writer, 0, NULL, 0), 0);
		bytes[cases[i].offset] = cases[i].value;
		wire_peer_send_raw(&bad, bytes, writer.size);
		wire_peer_expect_error(&bad, cases[i].code);
		assert_int_equal(seen.downs, i + 1);
		assert_int_equal(seen.reason, cases[i].code);
		wire_peer_expect_closed(&bad);
		assert_non_null(mux_agent_next(service, NULL));
	}
	wire_peer_expect_nothing(&good);
	wire_peer_close(&good);
}

static void test_greeting(void **state)
{
	struct wire_peer silent, third, wrong;

	(void)state;
	/* A message before HELLO. */
	wire_peer_connect(&wrong, 5, SERVICE_CID, MUX_PORT_SERVICE);
	send_event(&wrong, 1, 0, "/x");
	wire_peer_expect_error(&wrong, MUX_ERR_UNEXPECTED);
	wire_peer_expect_closed(&wrong);
	/* A service is no agent. */
	wire_peer_connect(&wrong, 5, SERVICE_CID, MUX_PORT_SERVICE);
	wire_peer_hello_service(&wrong, "other", 7001);
	wire_peer_expect_error(&wrong, MUX_ERR_UNEXPECTED);
	wire_peer_expect_closed(&wrong);
	/* Two of a guest may be on their way, no more. */
	wire_peer_connect(&silent, GUEST_CID, SERVICE_CID, MUX_PORT_SERVICE);
	wire_peer_connect(&wrong, GUEST_CID, SERVICE_CID, MUX_PORT_SERVICE);
	world_run();
	wire_peer_connect(&third, GUEST_CID, SERVICE_CID, MUX_PORT_SERVICE);
	wire_peer_expect_closed(&third);
	/* Who says nothing is sent away. */
	world_pass_ms(REMOTE_GREETING_MS, 500);
	wire_peer_expect_error(&silent, MUX_ERR_LOST);
	wire_peer_expect_closed(&silent);
	wire_peer_expect_closed(&wrong);
	assert_int_equal(seen.ups, 0);
	assert_int_equal(seen.downs, 0);
}

static void test_silent_agent(void **state)
{
	struct wire_writer writer;
	struct wire_peer agent;

	(void)state;
	connect_agent(&agent, GUEST_CID, "web");
	for (int i = 0; i < 3; i++) {
		world_pass_ms(REMOTE_SILENCE_MS - 500, 500);
		writer = wire_peer_writer(&agent);
		wire_peer_send(&agent, &writer, wire_encode_heartbeat(&writer, 0, NULL, 0));
	}
	assert_int_equal(seen.downs, 0);
	world_pass_ms(REMOTE_SILENCE_MS, 500);
	assert_int_equal(seen.downs, 1);
	assert_int_equal(seen.reason, MUX_ERR_LOST);
	wire_peer_expect_error(&agent, MUX_ERR_LOST);
	wire_peer_expect_closed(&agent);
}

/* The service itself was busy for long: the agent's heartbeats wait in the socket. */
static void test_busy_service(void **state)
{
	struct wire_writer writer;
	struct wire_peer agent;

	(void)state;
	connect_agent(&agent, GUEST_CID, "web");
	writer = wire_peer_writer(&agent);
	assert_int_equal(wire_encode_heartbeat(&writer, 0, NULL, 0), 0);
	connection_queue(&agent.connection, &writer, fake_clock_ms);
	assert_int_equal(connection_flush(&agent.connection, fake_clock_ms), 0);
	fake_clock_ms += 10 * REMOTE_SILENCE_MS;
	world_run();
	assert_int_equal(seen.downs, 0);
	wire_peer_close(&agent);
}

/* ---- events ---- */

static void test_event_reported(void **state)
{
	const struct mux_event_info *info;
	struct wire_peer agent;

	(void)state;
	mux_on_event(service, MUX_EVENT_OPEN, on_event, &seen);
	connect_agent(&agent, GUEST_CID, "web");
	send_event(&agent, 1, 0, "/etc/passwd");
	assert_int_equal(seen.events, 1);
	info = mux_event_info(seen.kept[0]);
	assert_ptr_equal(info->agent, seen.agent);
	assert_int_equal(info->kind, MUX_EVENT_OPEN);
	assert_int_equal(info->rule, 5);
	assert_int_equal(info->sequence, 1);
	assert_int_equal(info->time_us, 123);
	assert_int_equal(info->pid, 42);
	assert_int_equal(info->size, 99);
	assert_string_equal(info->path, "/etc/passwd");
	assert_string_equal(info->path2, "");
	assert_string_equal(info->process, "/bin/cat");
	assert_false(info->wants_verdict);
	assert_int_equal(mux_event_time_left_ms(seen.kept[0]), 0);
	assert_int_equal(mux_verdict(seen.kept[0], MUX_VERDICT_DENY, 0, NULL, 0), -EINVAL);
	assert_int_equal(mux_file_event(seen.kept[0]).handle, 0);
	/* It outlives its agent, and the service. */
	wire_peer_close(&agent);
	assert_int_equal(seen.downs, 1);
	assert_string_equal(mux_agent_info(info->agent)->name, "web");
	mux_service_destroy(service);
	service = NULL;
	assert_string_equal(info->path, "/etc/passwd");
	mux_event_release(seen.kept[0]);
}

static void expect_verdict(struct wire_peer *agent, uint64_t request, uint8_t verdict,
			   const char *text)
{
	struct wire_verdict wire;

	wire_peer_expect(agent, MUX_MSG_VERDICT);
	assert_int_equal(agent->message.header.request, request);
	assert_int_equal(wire_decode_verdict(&agent->message, &wire), 0);
	assert_int_equal(wire.verdict, verdict);
	assert_true(wire_string_equals(wire.text, text));
}

static void test_verdict_now_and_later(void **state)
{
	char text[2000];
	struct wire_verdict wire;
	struct wire_peer agent;

	(void)state;
	connect_agent(&agent, GUEST_CID, "web");
	/* Nobody listens: allow. */
	send_event(&agent, 1, 10, "/a");
	expect_verdict(&agent, 10, MUX_VERDICT_ALLOW, "");
	mux_on_event(service, MUX_EVENT_OPEN, on_event, &seen);
	send_event(&agent, 2, 11, "/b");
	expect_verdict(&agent, 11, MUX_VERDICT_DENY, "bad");
	/* Later, in another order than they came. */
	seen.keep_verdicts = true;
	send_event(&agent, 3, 12, "/c");
	send_event(&agent, 4, 13, "/d");
	wire_peer_expect_nothing(&agent);
	assert_int_equal(mux_event_time_left_ms(seen.kept[1]), 500);
	assert_int_equal(mux_file_event(seen.kept[1]).handle, 13);
	memset(text, 't', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(
		mux_verdict(seen.kept[1], MUX_VERDICT_ALLOW, 1, text, MUX_VERDICT_REMEMBER), 0);
	assert_int_equal(mux_verdict(seen.kept[0], MUX_VERDICT_DENY, 2, "x", 0), 0);
	wire_peer_expect(&agent, MUX_MSG_VERDICT);
	assert_int_equal(agent.message.header.request, 13);
	assert_int_equal(wire_decode_verdict(&agent.message, &wire), 0);
	assert_int_equal(wire.text.size, MUX_STRING_MAX);
	assert_int_equal(wire.flags, MUX_VERDICT_REMEMBER);
	expect_verdict(&agent, 12, MUX_VERDICT_DENY, "x");
	assert_int_equal(mux_counter_get(service, MUX_COUNTER_EVENTS), 4);
	assert_int_equal(mux_counter_get(service, MUX_COUNTER_VERDICTS), 4);
	assert_int_equal(mux_counter_get(service, MUX_COUNTER_DENIED), 2);
	/* Nonsense is answered with "deny". */
	send_event(&agent, 5, 14, "/e");
	assert_int_equal(mux_verdict(seen.kept[2], MUX_VERDICT_ALLOW, 2, "y", 128), -EINVAL);
	expect_verdict(&agent, 14, MUX_VERDICT_DENY, "y");
	wire_peer_close(&agent);
}

static void test_verdict_too_late(void **state)
{
	struct wire_peer agent;

	(void)state;
	mux_on_event(service, MUX_EVENT_OPEN, on_event, &seen);
	seen.keep_verdicts = true;
	connect_agent(&agent, GUEST_CID, "web");
	send_event(&agent, 1, 10, "/a");
	send_event(&agent, 2, 11, "/b");
	fake_clock_ms += 499;
	assert_int_equal(mux_event_time_left_ms(seen.kept[0]), 1);
	assert_int_equal(mux_verdict(seen.kept[0], MUX_VERDICT_DENY, 0, NULL, 0), 0);
	expect_verdict(&agent, 10, MUX_VERDICT_DENY, "");
	fake_clock_ms += 1;
	assert_int_equal(mux_event_time_left_ms(seen.kept[1]), 0);
	assert_int_equal(mux_verdict(seen.kept[1], MUX_VERDICT_DENY, 0, NULL, 0), -ETIMEDOUT);
	wire_peer_expect_nothing(&agent);
	/* The agent went away meanwhile. */
	send_event(&agent, 3, 12, "/c");
	wire_peer_close(&agent);
	assert_int_equal(seen.downs, 1);
	assert_int_equal(mux_event_time_left_ms(seen.kept[2]), 0);
	assert_int_equal(mux_verdict(seen.kept[2], MUX_VERDICT_DENY, 0, NULL, 0), -ENOTCONN);
}

static void test_event_sequence(void **state)
{
	struct wire_peer agent;

	(void)state;
	mux_on_event(service, MUX_EVENT_OPEN, on_event, &seen);
	connect_agent(&agent, GUEST_CID, "web");
	send_event(&agent, 1, 10, "/a");
	expect_verdict(&agent, 10, MUX_VERDICT_DENY, "bad");
	send_event(&agent, 3, 0, "/c");
	wire_peer_expect_error(&agent, MUX_ERR_UNEXPECTED);
	assert_int_equal(seen.events, 1);
	assert_int_equal(seen.reason, MUX_ERR_UNEXPECTED);
	wire_peer_expect_closed(&agent);
	assert_int_equal(mux_on_event(service, MUX_EVENT_KINDS, on_event, &seen), -EINVAL);
}

/* ---- requests ---- */

static void on_done(const struct mux_result *result, void *context)
{
	assert_ptr_equal(context, &seen);
	seen.done++;
	seen.result = *result;
	if (result->quarantine_id) {
		snprintf(seen.quarantine_id, sizeof(seen.quarantine_id), "%s",
			 result->quarantine_id);
	}
	if (result->stat) {
		seen.stat = *result->stat;
		snprintf(seen.names, sizeof(seen.names), "%s", result->stat->name);
	}
}

static bool on_data(struct mux_agent *agent, uint64_t offset, const void *data, size_t size,
		    void *context)
{
	assert_ptr_equal(context, &seen);
	assert_true(seen.data_size + size <= sizeof(seen.data));
	(void)offset;
	memcpy(seen.data + seen.data_size, data, size);
	seen.data_size += size;
	if (seen.cancel_id) {
		assert_int_equal(mux_cancel(agent, seen.cancel_id), 0);
	}
	return seen.data_size < seen.stop_at;
}

static void on_stat_entry(struct mux_agent *agent, const struct mux_stat_info *entry, void *context)
{
	(void)agent;
	assert_ptr_equal(context, &seen);
	seen.entries++;
	strcat(seen.names, entry->name);
	strcat(seen.names, ";");
}

static void on_process(struct mux_agent *agent, const struct mux_process_info *process,
		       void *context)
{
	(void)agent;
	(void)context;
	seen.entries++;
	snprintf(seen.names, sizeof(seen.names), "%s %u %u", process->image, process->pid,
		 process->parent);
}

static const struct mux_call call = {.done = on_done, .context = &seen, .timeout_ms = 1000};

/* What the fake guest's file holds. */
static uint8_t file_byte(uint64_t offset)
{
	return (uint8_t)(offset * 7 + (offset >> 12));
}

static void expect_access(struct wire_peer *agent, uint16_t verb, struct wire_access *access)
{
	wire_peer_expect(agent, MUX_MSG_ACCESS);
	assert_int_equal(wire_decode_access(&agent->message, access), 0);
	assert_int_equal(access->verb, verb);
}

/* Plays the agent for one READ request of a file of `total` bytes. */
static void serve_read(struct wire_peer *agent, uint64_t total)
{
	static uint8_t data[MUX_DATA_MAX];
	struct wire_access access;
	uint64_t end, offset, request;

	expect_access(agent, MUX_VERB_READ, &access);
	request = agent->message.header.request;
	offset = access.offset;
	end = offset + access.length < total ? offset + access.length : total;
	do {
		uint64_t size = end > offset ? end - offset : 0;
		struct wire_response response = {
			.verb = MUX_VERB_READ, .offset = offset, .total = total};

		size = size < sizeof(data) ? size : sizeof(data);
		for (uint64_t i = 0; i < size; i++) {
			data[i] = file_byte(offset + i);
		}
		response.data = (struct wire_bytes){data, (uint32_t)size};
		offset += size;
		respond(agent, request, offset < end, &response);
	} while (offset < end);
}

static void assert_data(uint64_t offset, size_t size)
{
	assert_int_equal(seen.data_size, size);
	for (size_t i = 0; i < size; i++) {
		if (seen.data[i] != file_byte(offset + i)) {
			fail_msg("byte %zu differs", i);
		}
	}
}

static void test_read_all(void **state)
{
	const uint64_t size = (2U << 20) + 12345;
	struct wire_peer agent;
	int64_t id;

	(void)state;
	connect_agent(&agent, GUEST_CID, "web");
	id = mux_read(seen.agent, mux_file_path("/big"), 0, MUX_READ_ALL, on_data, &call);
	assert_true(id > 0);
	assert_int_equal(seen.done, 0);
	serve_read(&agent, size); /* windows of 1 MiB */
	serve_read(&agent, size);
	assert_int_equal(seen.done, 0);
	serve_read(&agent, size);
	assert_int_equal(seen.done, 1);
	assert_int_equal(seen.result.status, 0);
	assert_int_equal(seen.result.request, id);
	assert_int_equal(seen.result.verb, MUX_VERB_READ);
	assert_int_equal(seen.result.total, size);
	assert_int_equal(seen.result.bytes, size);
	assert_data(0, size);
	assert_int_equal(mux_counter_get(service, MUX_COUNTER_ACCESSES), 1);
	assert_int_equal(mux_cancel(seen.agent, id), -ENOENT);
	wire_peer_close(&agent);
	assert_int_equal(seen.done, 1);
}

static void test_read_ranges(void **state)
{
	struct wire_access access;
	struct wire_peer agent;

	(void)state;
	connect_agent(&agent, GUEST_CID, "web");
	mux_read(seen.agent, mux_file_path("/f"), 100, 50, on_data, &call);
	serve_read(&agent, 1000);
	assert_data(100, 50);
	assert_int_equal(seen.result.bytes, 50);
	assert_int_equal(seen.result.total, 1000);
	/* Across the end; an exact window; an empty file; past the end. */
	seen.data_size = 0;
	mux_read(seen.agent, mux_file_path("/f"), 990, 50, on_data, &call);
	serve_read(&agent, 1000);
	assert_data(990, 10);
	seen.data_size = 0;
	mux_read(seen.agent, mux_file_path("/f"), 0, MUX_READ_ALL, on_data, &call);
	serve_read(&agent, 1U << 20);
	assert_data(0, 1U << 20);
	assert_int_equal(seen.done, 3);
	seen.data_size = 0;
	mux_read(seen.agent, mux_file_path("/f"), 0, MUX_READ_ALL, on_data, &call);
	serve_read(&agent, 0);
	assert_int_equal(seen.done, 4);
	assert_int_equal(seen.result.status, 0);
	mux_read(seen.agent, mux_file_path("/f"), 2000, MUX_READ_ALL, on_data, &call);
	serve_read(&agent, 1000);
	assert_int_equal(seen.done, 5);
	assert_int_equal(seen.data_size, 0);
	/* By handle. */
	mux_read(seen.agent, (struct mux_file){"/f", 77}, 0, 10, on_data, &call);
	expect_access(&agent, MUX_VERB_READ, &access);
	assert_int_equal(access.handle, 77);
	assert_int_equal(access.length, 10);
	respond(&agent, agent.message.header.request, false,
		&(struct wire_response){.verb = MUX_VERB_READ, .status = -ENOENT});
	assert_int_equal(seen.done, 6);
	assert_int_equal(seen.result.status, -ENOENT);
	wire_peer_close(&agent);
}

static void test_read_stopped(void **state)
{
	struct wire_access access;
	struct wire_peer agent;
	uint64_t request;

	(void)state;
	connect_agent(&agent, GUEST_CID, "web");
	seen.stop_at = 5;
	mux_read(seen.agent, mux_file_path("/f"), 0, MUX_READ_ALL, on_data, &call);
	expect_access(&agent, MUX_VERB_READ, &access);
	request = agent.message.header.request;
	for (int i = 0; i < 3; i++) {
		struct wire_response response = {.verb = MUX_VERB_READ,
						 .offset = (uint64_t)i * 5,
						 .total = 15,
						 .data = {(const uint8_t *)"abcde", 5}};

		respond(&agent, request, i < 2, &response);
		assert_int_equal(seen.done, 1);
	}
	assert_int_equal(seen.result.status, -ECANCELED);
	assert_int_equal(seen.data_size, 5);
	/* That was the last one: another is no answer to anything. */
	respond(&agent, request, false, &(struct wire_response){.verb = MUX_VERB_READ});
	wire_peer_expect_error(&agent, MUX_ERR_UNEXPECTED);
	wire_peer_expect_closed(&agent);
}

/* What is asked about an event's file before its verdict reaches the agent before it. */
static void test_request_before_verdict(void **state)
{
	struct wire_access access;
	struct wire_verdict verdict;
	struct wire_peer agent;

	(void)state;
	connect_agent(&agent, GUEST_CID, "web");
	seen.keep_verdicts = true;
	mux_on_event(service, MUX_EVENT_OPEN, on_event, &seen);
	send_event(&agent, 1, 77, "/x");
	wire_peer_expect_nothing(&agent);
	assert_int_equal(seen.kept_count, 1);
	assert_true(mux_quarantine(seen.agent, mux_file_event(seen.kept[0]), &call) > 0);
	assert_int_equal(mux_verdict(seen.kept[0], MUX_VERDICT_DENY, 1, "bad", 0), 0);
	expect_access(&agent, MUX_VERB_QUARANTINE, &access);
	wire_peer_expect(&agent, MUX_MSG_VERDICT);
	assert_int_equal(wire_decode_verdict(&agent.message, &verdict), 0);
	wire_peer_close(&agent);
}

static void test_cancel(void **state)
{
	struct wire_access access;
	struct wire_peer agent;
	int64_t sent, queued;

	(void)state;
	connect_agent(&agent, GUEST_CID, "web");
	sent = mux_stat(seen.agent, mux_file_path("/f"), &call);
	expect_access(&agent, MUX_VERB_STAT, &access);
	queued = mux_delete(seen.agent, mux_file_path("/g"), &call);
	assert_int_equal(mux_cancel(seen.agent, queued), 0);
	assert_int_equal(mux_cancel(seen.agent, sent), 0);
	assert_int_equal(mux_cancel(seen.agent, sent), -ENOENT);
	assert_int_equal(mux_cancel(seen.agent, 0), -ENOENT);
	wire_peer_expect_nothing(&agent);
	respond(&agent, (uint64_t)sent, false,
		&(struct wire_response){.verb = MUX_VERB_STAT, .status = -ENOENT});
	assert_int_equal(seen.done, 0);
	assert_true(mux_agent_info(seen.agent)->is_connected);
	/* From inside the data callback, at the last piece and before. */
	for (int last = 0; last < 2; last++) {
		struct wire_response response = {
			.verb = MUX_VERB_READ, .total = 2, .data = {(const uint8_t *)"x", 1}};

		seen.cancel_id =
			mux_read(seen.agent, mux_file_path("/f"), 0, MUX_READ_ALL, on_data, &call);
		expect_access(&agent, MUX_VERB_READ, &access);
		respond(&agent, agent.message.header.request, !last, &response);
		seen.cancel_id = 0;
		assert_int_equal(seen.data_size, last + 1);
	}
	assert_int_equal(seen.done, 0);
	assert_true(mux_agent_info(seen.agent)->is_connected);
	wire_peer_close(&agent);
	assert_int_equal(seen.done, 0);
}

static void test_timeout(void **state)
{
	struct wire_access access;
	struct wire_writer writer;
	struct wire_peer agent;
	int64_t id;

	(void)state;
	connect_agent(&agent, GUEST_CID, "web");
	id = mux_stat(seen.agent, mux_file_path("/f"), &call);
	expect_access(&agent, MUX_VERB_STAT, &access);
	world_pass_ms(900, 100);
	assert_int_equal(seen.done, 0);
	world_pass_ms(200, 100);
	assert_int_equal(seen.done, 1);
	assert_int_equal(seen.result.status, -ETIMEDOUT);
	/* The late answer is dropped. */
	respond(&agent, (uint64_t)id, false,
		&(struct wire_response){.verb = MUX_VERB_STAT, .status = -ENOENT});
	assert_int_equal(seen.done, 1);
	assert_true(mux_agent_info(seen.agent)->is_connected);
	/* A refusal by ERROR. */
	mux_delete(seen.agent, mux_file_path("/f"), &call);
	expect_access(&agent, MUX_VERB_DELETE, &access);
	writer = wire_peer_writer(&agent);
	wire_peer_send(&agent, &writer,
		       wire_encode_error(&writer, agent.message.header.request,
					 &(struct wire_error){.code = MUX_ERR_DENIED,
							      .type = MUX_MSG_ACCESS}));
	assert_int_equal(seen.done, 2);
	assert_int_equal(seen.result.status, -EPERM);
	wire_peer_close(&agent);
}

static void test_agent_gone(void **state)
{
	struct wire_access access;
	struct wire_peer agent;

	(void)state;
	connect_agent(&agent, GUEST_CID, "web");
	for (int i = 0; i < 20; i++) { /* 16 sent, 4 queued */
		assert_true(mux_stat(seen.agent, mux_file_path("/f"), &call) > 0);
	}
	for (int i = 0; i < 16; i++) {
		expect_access(&agent, MUX_VERB_STAT, &access);
	}
	wire_peer_expect_nothing(&agent);
	respond(&agent, agent.message.header.request, false,
		&(struct wire_response){.verb = MUX_VERB_STAT, .status = -ENOENT});
	expect_access(&agent, MUX_VERB_STAT, &access);
	assert_int_equal(seen.done, 1);
	wire_peer_close(&agent);
	assert_int_equal(seen.done, 20);
	assert_int_equal(seen.result.status, -ENOTCONN);
	assert_int_equal(seen.downs, 1);
}

static void test_request_limits(void **state)
{
	char path[MUX_STRING_MAX + 2];
	struct wire_writer writer;
	struct wire_peer agent;

	(void)state;
	connect_agent(&agent, GUEST_CID, "web");
	for (unsigned i = 0; i < MUX_REQUESTS_MAX; i++) {
		assert_true(mux_delete(seen.agent, mux_file_path("/f"), NULL) > 0);
	}
	assert_int_equal(mux_delete(seen.agent, mux_file_path("/f"), NULL), -EAGAIN);
	wire_peer_close(&agent);

	wire_peer_connect(&agent, GUEST_CID, SERVICE_CID, MUX_PORT_SERVICE);
	writer = wire_peer_writer(&agent);
	wire_peer_send(&agent, &writer,
		       wire_encode_hello(&writer, 1,
					 &(struct wire_hello){.role = MUX_ROLE_AGENT,
							      .verbs = 1U << MUX_VERB_READ}));
	assert_int_equal(mux_delete(seen.agent, mux_file_path("/f"), &call), -ENOTSUP);
	memset(path, 'p', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(mux_read(seen.agent, mux_file_path(path), 0, 1, on_data, &call), -EINVAL);
	assert_int_equal(mux_read(seen.agent, mux_file_path(NULL), 0, 1, on_data, &call), -EINVAL);
	assert_int_equal(mux_read(seen.agent, mux_file_path("/f"), 0, 1, NULL, &call), -EINVAL);
	mux_agent_disconnect(seen.agent, MUX_ERR_SHUTDOWN);
	assert_int_equal(mux_read(seen.agent, mux_file_path("/f"), 0, 1, on_data, &call),
			 -ENOTCONN);
	assert_int_equal(mux_agent_disconnect(seen.agent, MUX_ERR_SHUTDOWN), -ENOTCONN);
	wire_peer_close(&agent);
}

static void test_write(void **state)
{
	static uint8_t data[MUX_DATA_MAX + 100];
	struct wire_access access;
	struct wire_peer agent;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++) {
		data[i] = file_byte(i);
	}
	connect_agent(&agent, GUEST_CID, "web");
	mux_write(seen.agent, mux_file_path("/f"), 1000, data, sizeof(data), MUX_ACCESS_TRUNCATE,
		  &call);
	expect_access(&agent, MUX_VERB_WRITE, &access);
	assert_int_equal(access.offset, 1000);
	assert_int_equal(access.flags, 0); /* the file does not end here yet */
	assert_int_equal(access.data.size, MUX_DATA_MAX);
	assert_memory_equal(access.data.data, data, MUX_DATA_MAX);
	respond(&agent, agent.message.header.request, false,
		&(struct wire_response){.verb = MUX_VERB_WRITE, .total = MUX_DATA_MAX});
	expect_access(&agent, MUX_VERB_WRITE, &access);
	assert_int_equal(access.offset, 1000 + MUX_DATA_MAX);
	assert_int_equal(access.flags, MUX_ACCESS_TRUNCATE);
	assert_int_equal(access.data.size, 100);
	assert_memory_equal(access.data.data, data + MUX_DATA_MAX, 100);
	assert_int_equal(seen.done, 0);
	respond(&agent, agent.message.header.request, false,
		&(struct wire_response){.verb = MUX_VERB_WRITE, .total = 100});
	assert_int_equal(seen.done, 1);
	assert_int_equal(seen.result.bytes, sizeof(data));
	/* Less was written than asked: the rest is asked for again, until nothing is taken. */
	mux_write(seen.agent, mux_file_path("/f"), 0, data, 10, 0, &call);
	expect_access(&agent, MUX_VERB_WRITE, &access);
	respond(&agent, agent.message.header.request, false,
		&(struct wire_response){.verb = MUX_VERB_WRITE, .total = 4});
	expect_access(&agent, MUX_VERB_WRITE, &access);
	assert_int_equal(access.offset, 4);
	assert_int_equal(access.data.size, 6);
	respond(&agent, agent.message.header.request, false,
		&(struct wire_response){.verb = MUX_VERB_WRITE, .total = 0});
	assert_int_equal(seen.done, 2);
	assert_int_equal(seen.result.bytes, 4);
	assert_int_equal(
		mux_write(seen.agent, mux_file_path("/f"), 0, data, 1, MUX_ACCESS_DIRECTORY, &call),
		-EINVAL);
	/* An answer that claims more than was asked. */
	mux_write(seen.agent, mux_file_path("/f"), 0, data, 10, 0, &call);
	expect_access(&agent, MUX_VERB_WRITE, &access);
	respond(&agent, agent.message.header.request, false,
		&(struct wire_response){.verb = MUX_VERB_WRITE, .total = 11});
	wire_peer_expect_error(&agent, MUX_ERR_UNEXPECTED);
	wire_peer_expect_closed(&agent);
	assert_int_equal(seen.result.status, -ENOTCONN);
}

static void test_single_results(void **state)
{
	struct wire_response response = {.verb = MUX_VERB_STAT};
	struct wire_access access;
	struct wire_writer entry;
	struct wire_peer agent;
	uint8_t data[64];

	(void)state;
	connect_agent(&agent, GUEST_CID, "web");
	mux_stat(seen.agent, mux_file_path("/f"), &call);
	expect_access(&agent, MUX_VERB_STAT, &access);
	assert_true(wire_string_equals(access.path, "/f"));
	wire_writer_init(&entry, data, sizeof(data));
	wire_encode_stat_entry(&entry, &(struct wire_stat){.size = 5,
							   .mtime_us = 6,
							   .mode = 0644,
							   .flags = MUX_STAT_QUARANTINED,
							   .name = wire_string_of("f")});
	response.data = (struct wire_bytes){data, (uint32_t)entry.size};
	respond(&agent, agent.message.header.request, false, &response);
	assert_int_equal(seen.done, 1);
	assert_int_equal(seen.stat.size, 5);
	assert_int_equal(seen.stat.flags, MUX_STAT_QUARANTINED);
	assert_string_equal(seen.names, "f");

	mux_quarantine(seen.agent, mux_file_path("/f"), &call);
	expect_access(&agent, MUX_VERB_QUARANTINE, &access);
	wire_writer_init(&entry, data, sizeof(data));
	wire_encode_string_entry(&entry, wire_string_of("q1"));
	response.verb = MUX_VERB_QUARANTINE;
	response.data = (struct wire_bytes){data, (uint32_t)entry.size};
	respond(&agent, agent.message.header.request, false, &response);
	assert_string_equal(seen.quarantine_id, "q1");

	mux_restore(seen.agent, "q1", &call);
	expect_access(&agent, MUX_VERB_RESTORE, &access);
	assert_true(wire_string_equals(access.path, "q1"));
	mux_rename(seen.agent, mux_file_path("/a"), "/b", &call);
	expect_access(&agent, MUX_VERB_RENAME, &access);
	assert_true(wire_string_equals(access.path2, "/b"));
	mux_create(seen.agent, "/d", MUX_ACCESS_DIRECTORY, &call);
	expect_access(&agent, MUX_VERB_CREATE, &access);
	assert_int_equal(access.flags, MUX_ACCESS_DIRECTORY);
	assert_int_equal(mux_create(seen.agent, "/d", 8, &call), -EINVAL);
	mux_process_kill(seen.agent, (struct mux_process){.pid = 99, .start_us = 7}, &call);
	expect_access(&agent, MUX_VERB_PROCESS_KILL, &access);
	assert_int_equal(access.offset, 99);
	assert_int_equal(access.length, 7);
	/* The wrong verb in an answer. */
	respond(&agent, agent.message.header.request, false,
		&(struct wire_response){.verb = MUX_VERB_CREATE});
	wire_peer_expect_error(&agent, MUX_ERR_UNEXPECTED);
	wire_peer_expect_closed(&agent);
}

static void expect_process(struct wire_peer *agent, uint16_t verb, uint64_t handle, uint64_t pid,
			   uint64_t start_us)
{
	struct wire_access access;

	expect_access(agent, verb, &access);
	assert_int_equal(access.handle, handle);
	assert_int_equal(access.offset, pid);
	assert_int_equal(access.length, start_us);
	respond(agent, agent->message.header.request, false,
		&(struct wire_response){.verb = verb, .status = -ESTALE});
	assert_int_equal(seen.result.status, -ESTALE);
	assert_int_equal(seen.result.verb, verb);
}

/* A process is named by pid and start, or by the handle of an event while that waits. */
static void test_processes_are_controlled(void **state)
{
	const struct mux_process_info listed = {.pid = 4, .start_us = 9};
	struct mux_event *event;
	struct wire_peer agent;

	(void)state;
	connect_agent(&agent, GUEST_CID, "web");
	assert_true(mux_agent_info(seen.agent)->granted == 1U << MUX_VERB_READ);
	mux_process_stop(seen.agent, mux_process_listed(&listed), &call);
	expect_process(&agent, MUX_VERB_PROCESS_STOP, 0, 4, 9);
	mux_process_resume(seen.agent, mux_process_listed(&listed), &call);
	expect_process(&agent, MUX_VERB_PROCESS_RESUME, 0, 4, 9);
	mux_process_kill(seen.agent, mux_process_listed(&listed), &call);
	expect_process(&agent, MUX_VERB_PROCESS_KILL, 0, 4, 9);
	assert_int_equal(mux_process_kill(seen.agent, (struct mux_process){.pid = 4}, &call),
			 -EINVAL);
	assert_int_equal(mux_process_kill(seen.agent, (struct mux_process){.start_us = 4}, &call),
			 -EINVAL);

	seen.keep_verdicts = true;
	mux_on_event(service, MUX_EVENT_OPEN, on_event, &seen);
	send_event(&agent, 1, 5, "/x");
	wire_peer_expect_nothing(&agent);
	event = seen.kept[0];
	assert_int_equal(mux_event_info(event)->start_us, 77);
	mux_process_kill(seen.agent, mux_process_event(event), &call);
	expect_process(&agent, MUX_VERB_PROCESS_KILL, 5, 0, 0);
	mux_event_keep(event);
	mux_verdict(event, MUX_VERDICT_DENY, 0, NULL, 0);
	wire_peer_expect(&agent, MUX_MSG_VERDICT);
	/* After the verdict, pid and start are what is left. */
	mux_process_kill(seen.agent, mux_process_event(event), &call);
	expect_process(&agent, MUX_VERB_PROCESS_KILL, 0, 42, 77);
	mux_event_release(event);
	wire_peer_close(&agent);
}

static void test_lists(void **state)
{
	struct wire_response response = {.verb = MUX_VERB_LIST, .total = 3};
	struct wire_access access;
	struct wire_writer entries;
	struct wire_peer agent;
	uint8_t data[256];

	(void)state;
	connect_agent(&agent, GUEST_CID, "web");
	mux_list(seen.agent, "/dir", on_stat_entry, &call);
	expect_access(&agent, MUX_VERB_LIST, &access);
	wire_writer_init(&entries, data, sizeof(data));
	wire_encode_stat_entry(&entries, &(struct wire_stat){.name = wire_string_of("a")});
	wire_encode_stat_entry(&entries, &(struct wire_stat){.name = wire_string_of("b")});
	response.data = (struct wire_bytes){data, (uint32_t)entries.size};
	respond(&agent, agent.message.header.request, true, &response);
	assert_int_equal(seen.done, 0);
	wire_writer_init(&entries, data, sizeof(data));
	wire_encode_stat_entry(&entries, &(struct wire_stat){.name = wire_string_of("c")});
	response.data = (struct wire_bytes){data, (uint32_t)entries.size};
	respond(&agent, agent.message.header.request, false, &response);
	assert_int_equal(seen.done, 1);
	assert_int_equal(seen.entries, 3);
	assert_int_equal(seen.result.total, 3);
	assert_string_equal(seen.names, "a;b;c;");

	mux_processes(seen.agent, on_process, &call);
	expect_access(&agent, MUX_VERB_PROCESSES, &access);
	wire_writer_init(&entries, data, sizeof(data));
	wire_encode_process_entry(
		&entries,
		&(struct wire_process){.pid = 4, .parent = 1, .image = wire_string_of("/init")});
	response.verb = MUX_VERB_PROCESSES;
	response.data = (struct wire_bytes){data, (uint32_t)entries.size};
	respond(&agent, agent.message.header.request, false, &response);
	assert_int_equal(seen.entries, 4);
	assert_string_equal(seen.names, "/init 4 1");
	wire_peer_close(&agent);
}

/* Data that was not asked for, or out of its place. */
static void test_read_wrong_data(void **state)
{
	static const struct wire_response wrong[] = {
		{.verb = MUX_VERB_READ, .offset = 1, .total = 9, .data = {(const uint8_t *)"x", 1}},
		{.verb = MUX_VERB_READ,
		 .offset = 0,
		 .total = 9,
		 .data = {(const uint8_t *)"xyz", 3}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct wire_access access;
		struct wire_peer agent;

		connect_agent(&agent, GUEST_CID, "web");
		mux_read(seen.agent, mux_file_path("/f"), 0, 2, on_data, &call);
		expect_access(&agent, MUX_VERB_READ, &access);
		respond(&agent, agent.message.header.request, false, &wrong[i]);
		wire_peer_expect_error(&agent, MUX_ERR_UNEXPECTED);
		wire_peer_expect_closed(&agent);
		assert_int_equal(seen.data_size, 0);
		assert_int_equal(seen.result.status, -ENOTCONN);
	}
}

/* ---- slow agents, the end ---- */

static void test_agent_that_does_not_read(void **state)
{
	static uint8_t data[8 << 20];
	struct wire_peer agent, other;

	(void)state;
	connect_agent(&other, 4, "other");
	connect_agent(&agent, GUEST_CID, "web");
	for (int i = 0; i < 16; i++) {
		mux_write(
			seen.agent, mux_file_path("/f"), 0, data, sizeof(data), 0,
			&(struct mux_call){.done = on_done, .context = &seen, .timeout_ms = 60000});
	}
	world_run();
	/* It goes on sending, but takes nothing. */
	for (uint64_t passed = 0; passed < REMOTE_STUCK_MS; passed += 1000) {
		struct wire_writer writer = wire_peer_writer(&agent);

		assert_int_equal(seen.downs, 0);
		wire_peer_send(&agent, &writer, wire_encode_heartbeat(&writer, 0, NULL, 0));
		writer = wire_peer_writer(&other);
		wire_peer_send(&other, &writer, wire_encode_heartbeat(&writer, 0, NULL, 0));
		world_pass_ms(1000, 500);
	}
	assert_int_equal(seen.downs, 1);
	assert_int_equal(seen.reason, MUX_ERR_LIMIT);
	assert_int_equal(seen.done, 16);
	assert_non_null(mux_agent_next(service, NULL));
	wire_peer_close(&agent);
	wire_peer_close(&other);
}

static void test_too_many_waiting_events(void **state)
{
	struct wire_peer agent;
	uint64_t sequence = 0;

	(void)state;
	mux_on_event(service, MUX_EVENT_OPEN, on_event, &seen);
	connect_agent(&agent, GUEST_CID, "web");
	seen.keep_verdicts = true;
	while (sequence < REMOTE_VERDICTS_MAX) {
		sequence++;
		send_event(&agent, sequence, sequence, "/x");
	}
	assert_int_equal(seen.events, REMOTE_VERDICTS_MAX);
	assert_int_equal(seen.downs, 0);
	/* One answer makes room for one. */
	assert_int_equal(mux_verdict(seen.kept[0], MUX_VERDICT_ALLOW, 0, "", 0), 0);
	expect_verdict(&agent, 1, MUX_VERDICT_ALLOW, "");
	send_event(&agent, sequence + 1, sequence + 1, "/x");
	assert_int_equal(seen.downs, 0);
	send_event(&agent, sequence + 2, sequence + 2, "/x");
	wire_peer_expect_error(&agent, MUX_ERR_LIMIT);
	assert_int_equal(seen.reason, MUX_ERR_LIMIT);
	wire_peer_expect_closed(&agent);
	for (size_t i = 1; i < seen.kept_count; i++) {
		assert_int_equal(mux_verdict(seen.kept[i], MUX_VERDICT_ALLOW, 0, "", 0), -ENOTCONN);
	}
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
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_registers),
		TEST(test_retries_with_pauses),
		TEST(test_known_agents),
		TEST(test_agent_comes_and_goes),
		TEST(test_rules),
		TEST(test_rules_of_older_agent),
		TEST(test_rules_refused),
		TEST(test_rules_wrong),
		TEST(test_same_guest_again),
		TEST(test_bad_input),
		TEST(test_greeting),
		TEST(test_silent_agent),
		TEST(test_busy_service),
		TEST(test_event_reported),
		TEST(test_verdict_now_and_later),
		TEST(test_verdict_too_late),
		TEST(test_event_sequence),
		TEST(test_read_all),
		TEST(test_read_ranges),
		TEST(test_read_stopped),
		TEST(test_request_before_verdict),
		TEST(test_cancel),
		TEST(test_timeout),
		TEST(test_agent_gone),
		TEST(test_request_limits),
		TEST(test_write),
		TEST(test_single_results),
		TEST(test_processes_are_controlled),
		TEST(test_lists),
		TEST(test_read_wrong_data),
		TEST(test_agent_that_does_not_read),
		TEST(test_too_many_waiting_events),
		TEST(test_timers),
		TEST(test_watches),
		TEST(test_stop),
		TEST(test_stop_after_verdicts),
		TEST(test_stop_before_slow_agents),
		TEST(test_options),
	};

	return cmocka_run_group_tests_name("access library", tests, NULL, NULL);
}
