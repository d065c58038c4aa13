/* SPDX-License-Identifier: MIT */
/* Unit tests of the access library: agents that come, go, misbehave or are silent; rules. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/access_service.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
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
		TEST(test_agent_that_does_not_read),
	};

	return cmocka_run_group_tests_name("access library sessions", tests, NULL, NULL);
}
