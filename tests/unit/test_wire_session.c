/* SPDX-License-Identifier: MIT */
/*
 * Unit tests of lib/wire: messages about sessions, rules, counters, services and agents. Round
 * trips, every truncation, every check.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/wire_sample.h"

static void test_hello(void **state)
{
	struct wire_writer writer = writer_start();
	struct wire_hello hello = hello_sample();
	struct wire_hello out;
	struct wire_message message;

	(void)state;
	assert_int_equal(wire_encode_hello(&writer, 7, &hello), 0);
	message = message_of(buffer);
	assert_int_equal(message.header.type, MUX_MSG_HELLO);
	assert_int_equal(message.header.request, 7);
	assert_int_equal(wire_decode_hello(&message, &out), 0);
	assert_int_equal(out.role, MUX_ROLE_SERVICE);
	assert_int_equal(out.port, 7001);
	assert_true(out.verbs == 0x0123456789abcdef);
	assert_true(out.granted == 0x0100000000000005);
	assert_int_equal(out.events, 0x1fff);
	assert_string(out.name, "av");
	assert_string(out.version, "1.0");
	assert_exact(&writer);
}

/* The bytes themselves, so that both sides cannot be wrong in the same way. */
static void test_hello_bytes(void **state)
{
	static const uint8_t expected[] = {
		'M',  'U',  'X', '1', 2,    0,	  1,	0,    0,    0,	  0,	0,    45, 0,
		0,    0,    7,	 0,   0,    0,	  0,	0,    0,    0,	  2,	0,    0,  0,
		0,    0,    0,	 0,   0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01, 5,  0,
		0,    0,    0,	 0,   0,    1,	  0xff, 0x1f, 0,    0,	  0,	0,    0,  0,
		0x59, 0x1b, 0,	 0,   2,    0,	  'a',	'v',  3,    0,	  '1',	'.',  '0'};
	struct wire_writer writer = writer_start();
	struct wire_hello hello = hello_sample();

	(void)state;
	assert_int_equal(wire_encode_hello(&writer, 7, &hello), 0);
	assert_int_equal(writer.size, sizeof(expected));
	assert_memory_equal(buffer, expected, sizeof(expected));
}

static void test_welcome(void **state)
{
	struct wire_welcome welcome = {
		.heartbeat_ms = 1000, .id = 42, .name = wire_string_of("manager")};
	struct wire_writer writer = writer_start();
	struct wire_welcome out;
	struct wire_message message;

	(void)state;
	assert_int_equal(wire_encode_welcome(&writer, UINT64_MAX, &welcome), 0);
	message = message_of(buffer);
	assert_true(message.header.request == UINT64_MAX);
	assert_int_equal(wire_decode_welcome(&message, &out), 0);
	assert_int_equal(out.heartbeat_ms, 1000);
	assert_int_equal(out.id, 42);
	assert_string(out.name, "manager");
	assert_exact(&writer);
}

static struct wire_rule rule_sample(void)
{
	return (struct wire_rule){.rule = 3,
				  .action = MUX_ACTION_VERDICT,
				  .fallback = MUX_VERDICT_DENY,
				  .deadline_ms = 5000,
				  .events = 1U << MUX_EVENT_EXECUTE,
				  .size_min = 1,
				  .size_max = UINT64_MAX,
				  .include = wire_string_of("/srv/**"),
				  .exclude = wire_string_of("*.log")};
}

static void test_configure(void **state)
{
	struct wire_rule rules[2] = {rule_sample(), rule_sample()};
	struct wire_writer writer = writer_start();
	struct wire_configure out;
	struct wire_message message;
	struct wire_rule rule;

	(void)state;
	rules[1].action = MUX_ACTION_REPORT;
	rules[1].deadline_ms = 0;
	rules[1].exclude = wire_string_of(NULL);
	assert_int_equal(wire_encode_configure(&writer, 9, 77, rules, 2), 0);
	message = message_of(buffer);
	assert_int_equal(wire_decode_configure(&message, &out), 0);
	assert_int_equal(out.generation, 77);
	assert_int_equal(out.count, 2);
	assert_int_equal(wire_next_rule(&out.rules, &rule), 1);
	assert_int_equal(rule.rule, 3);
	assert_int_equal(rule.action, MUX_ACTION_VERDICT);
	assert_int_equal(rule.fallback, MUX_VERDICT_DENY);
	assert_int_equal(rule.deadline_ms, 5000);
	assert_int_equal(rule.events, 1U << MUX_EVENT_EXECUTE);
	assert_int_equal(rule.size_min, 1);
	assert_true(rule.size_max == UINT64_MAX);
	assert_string(rule.include, "/srv/**");
	assert_string(rule.exclude, "*.log");
	assert_int_equal(wire_next_rule(&out.rules, &rule), 1);
	assert_string(rule.exclude, "");
	assert_int_equal(wire_next_rule(&out.rules, &rule), 0);
	assert_exact(&writer);
}

static void test_configure_limits(void **state)
{
	struct wire_rule rules[MUX_RULES_PER_SESSION + 1];
	struct wire_writer writer = writer_start();
	struct wire_message message;
	struct wire_configure out;

	(void)state;
	for (size_t i = 0; i < MUX_RULES_PER_SESSION + 1; i++) {
		rules[i] = rule_sample();
	}
	assert_int_equal(wire_encode_configure(&writer, 1, 1, rules, MUX_RULES_PER_SESSION + 1),
			 -MUX_ERR_LIMIT);
	assert_int_equal(writer.size, 0);
	assert_int_equal(wire_encode_configure(&writer, 1, 1, rules, MUX_RULES_PER_SESSION), 0);
	message = message_of(buffer);
	assert_int_equal(wire_decode_configure(&message, &out), 0);
	buffer[MUX_HEADER_SIZE + 4] = MUX_RULES_PER_SESSION + 1;
	assert_int_equal(wire_decode_configure(&message, &out), -MUX_ERR_LIMIT);
	buffer[MUX_HEADER_SIZE + 4] = MUX_RULES_PER_SESSION - 1;
	assert_int_equal(wire_decode_configure(&message, &out), -MUX_ERR_MALFORMED);
}

static void assert_rule_refused(const struct wire_rule *rule)
{
	struct wire_writer writer = writer_start();

	assert_int_equal(wire_encode_configure(&writer, 1, 1, rule, 1), -MUX_ERR_RULE);
	assert_int_equal(writer.size, 0);
}

static void test_rule_ranges(void **state)
{
	struct wire_rule rule = rule_sample();

	(void)state;
	rule.action = 3;
	assert_rule_refused(&rule);
	rule = rule_sample();
	rule.fallback = 2;
	assert_rule_refused(&rule);
	rule = rule_sample();
	rule.deadline_ms = 0;
	assert_rule_refused(&rule);
	rule.deadline_ms = 600001;
	assert_rule_refused(&rule);
	rule.deadline_ms = 1;
	rule.action = MUX_ACTION_REPORT;
	assert_rule_refused(&rule);
	rule = rule_sample();
	rule.events = UINT64_C(1) << MUX_EVENT_KINDS;
	assert_rule_refused(&rule);
	rule = rule_sample();
	rule.size_min = 2;
	rule.size_max = 1;
	assert_rule_refused(&rule);
}

/* The decoder applies the same ranges: break one byte of a good message at a time. */
static void test_rule_ranges_decoded(void **state)
{
	static const struct {
		size_t offset;
		uint8_t value;
		int error;
	} cases[] = {
		{8 + 4, 3, -MUX_ERR_RULE},	   /* action */
		{8 + 5, 2, -MUX_ERR_RULE},	   /* fallback */
		{8 + 6, 1, -MUX_ERR_MALFORMED},	   /* reserved */
		{8 + 11, 1, -MUX_ERR_RULE},	   /* deadline */
		{8 + 12 + 7, 1, -MUX_ERR_RULE},	   /* events */
		{8 + 20 + 7, 255, 0},		   /* size_min below size_max */
		{8 + 36, 255, -MUX_ERR_MALFORMED}, /* length of include */
		{8 + 38, 0, -MUX_ERR_MALFORMED},   /* NUL in include */
		{6, 1, -MUX_ERR_MALFORMED},	   /* reserved of the body */
	};
	struct wire_rule rule = rule_sample();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct wire_writer writer = writer_start();
		struct wire_message message;
		struct wire_configure out;

		assert_int_equal(wire_encode_configure(&writer, 1, 1, &rule, 1), 0);
		message = message_of(buffer);
		buffer[MUX_HEADER_SIZE + cases[i].offset] = cases[i].value;
		assert_int_equal(wire_decode_configure(&message, &out), cases[i].error);
	}
}

static void test_configured(void **state)
{
	struct wire_configured configured = {.generation = 5};
	struct wire_writer writer = writer_start();
	struct wire_configured out;
	struct wire_message message;

	(void)state;
	assert_int_equal(wire_encode_configured(&writer, 4, &configured), 0);
	message = message_of(buffer);
	assert_int_equal(wire_decode_configured(&message, &out), 0);
	assert_int_equal(out.generation, 5);
	assert_exact(&writer);
	buffer[MUX_HEADER_SIZE + 4] = 1;
	assert_int_equal(wire_decode_configured(&message, &out), -MUX_ERR_MALFORMED);
}

static void test_heartbeat_and_bye(void **state)
{
	struct wire_counter counters[2] = {{MUX_COUNTER_FILES_SEEN, 5},
					   {MUX_COUNTER_EVENT_BASE + 3, UINT64_MAX}};
	struct wire_writer writer = writer_start();
	struct wire_message message;
	struct wire_heartbeat out;
	struct wire_counter counter;
	struct wire_bye bye;

	(void)state;
	assert_int_equal(wire_encode_heartbeat(&writer, 1234, counters, 2), 0);
	message = message_of(buffer);
	assert_int_equal(wire_decode_heartbeat(&message, &out), 0);
	assert_int_equal(out.uptime_ms, 1234);
	assert_int_equal(out.count, 2);
	assert_int_equal(wire_next_counter(&out.counters, &counter), 1);
	assert_int_equal(counter.key, MUX_COUNTER_FILES_SEEN);
	assert_int_equal(counter.value, 5);
	assert_int_equal(wire_next_counter(&out.counters, &counter), 1);
	assert_true(counter.value == UINT64_MAX);
	assert_int_equal(wire_next_counter(&out.counters, &counter), 0);
	assert_exact(&writer);

	writer = writer_start();
	assert_int_equal(wire_encode_bye(&writer, MUX_ERR_SHUTDOWN, 99, counters, 1), 0);
	message = message_of(buffer);
	assert_int_equal(wire_decode_bye(&message, &bye), 0);
	assert_int_equal(bye.reason, MUX_ERR_SHUTDOWN);
	assert_int_equal(bye.heartbeat.uptime_ms, 99);
	assert_int_equal(bye.heartbeat.count, 1);
	assert_exact(&writer);
	assert_int_equal(wire_encode_bye(&writer, 1000, 0, NULL, 0), -MUX_ERR_MALFORMED);
	assert_int_equal(wire_encode_heartbeat(&writer, 0, counters, 100000), -MUX_ERR_LIMIT);
}

static void test_manager_messages(void **state)
{
	struct wire_service_up up = {1, 16, 7001, wire_string_of("av"), wire_string_of("2")};
	struct wire_service_down down = {1, MUX_ERR_LOST};
	struct wire_agent_state_message agent = {3, 4, WIRE_AGENT_SILENT, wire_string_of("web")};
	struct wire_writer writer = writer_start();
	struct wire_agent_state_message agent_out;
	struct wire_service_down down_out;
	struct wire_service_up up_out;
	struct wire_message message;

	(void)state;
	assert_int_equal(wire_encode_service_up(&writer, &up), 0);
	message = message_of(buffer);
	assert_int_equal(wire_decode_service_up(&message, &up_out), 0);
	assert_int_equal(up_out.service, 1);
	assert_int_equal(up_out.cid, 16);
	assert_int_equal(up_out.port, 7001);
	assert_string(up_out.name, "av");
	assert_string(up_out.version, "2");
	assert_exact(&writer);

	writer = writer_start();
	assert_int_equal(wire_encode_service_down(&writer, &down), 0);
	message = message_of(buffer);
	assert_int_equal(wire_decode_service_down(&message, &down_out), 0);
	assert_int_equal(down_out.service, 1);
	assert_int_equal(down_out.reason, MUX_ERR_LOST);
	assert_exact(&writer);

	writer = writer_start();
	assert_int_equal(wire_encode_agent_state(&writer, &agent), 0);
	message = message_of(buffer);
	assert_int_equal(wire_decode_agent_state(&message, &agent_out), 0);
	assert_int_equal(agent_out.agent, 3);
	assert_int_equal(agent_out.cid, 4);
	assert_int_equal(agent_out.state, WIRE_AGENT_SILENT);
	assert_string(agent_out.name, "web");
	assert_exact(&writer);
	agent.state = 3;
	assert_int_equal(wire_encode_agent_state(&writer, &agent), -MUX_ERR_MALFORMED);
}

static void test_error_and_audit(void **state)
{
	struct wire_error error = {MUX_ERR_RULE, MUX_MSG_CONFIGURE, wire_string_of("rule 3")};
	struct wire_audit audit = {.kind = MUX_AUDIT_LOST,
				   .event_kind = MUX_EVENT_WRITE,
				   .rule = 4,
				   .sequence = 5,
				   .time_us = 6,
				   .count = 7,
				   .service = 8,
				   .verdict = MUX_VERDICT_DENY,
				   .path = wire_string_of("/p"),
				   .text = wire_string_of("full")};
	struct wire_writer writer = writer_start();
	struct wire_audit audit_out;
	struct wire_error error_out;
	struct wire_message message;

	(void)state;
	assert_int_equal(wire_encode_error(&writer, 0, &error), 0);
	message = message_of(buffer);
	assert_int_equal(wire_decode_error(&message, &error_out), 0);
	assert_int_equal(error_out.code, MUX_ERR_RULE);
	assert_int_equal(error_out.type, MUX_MSG_CONFIGURE);
	assert_string(error_out.text, "rule 3");
	assert_exact(&writer);

	writer = writer_start();
	assert_int_equal(wire_encode_audit(&writer, &audit), 0);
	message = message_of(buffer);
	assert_int_equal(wire_decode_audit(&message, &audit_out), 0);
	assert_int_equal(audit_out.kind, MUX_AUDIT_LOST);
	assert_int_equal(audit_out.event_kind, MUX_EVENT_WRITE);
	assert_int_equal(audit_out.rule, 4);
	assert_int_equal(audit_out.sequence, 5);
	assert_int_equal(audit_out.time_us, 6);
	assert_int_equal(audit_out.count, 7);
	assert_int_equal(audit_out.service, 8);
	assert_int_equal(audit_out.verdict, MUX_VERDICT_DENY);
	assert_string(audit_out.path, "/p");
	assert_string(audit_out.text, "full");
	assert_exact(&writer);
	audit.kind = 0;
	assert_int_equal(wire_encode_audit(&writer, &audit), -MUX_ERR_MALFORMED);
	audit.kind = MUX_AUDIT_KINDS;
	assert_int_equal(wire_encode_audit(&writer, &audit), -MUX_ERR_MALFORMED);
	audit.kind = MUX_AUDIT_REFUSED;
	writer = writer_start();
	assert_int_equal(wire_encode_audit(&writer, &audit), 0);
}

static void test_hello_checks(void **state)
{
	struct wire_hello hello = hello_sample();
	struct wire_writer writer = writer_start();
	struct wire_message message;
	struct wire_welcome welcome;
	struct wire_hello out;

	(void)state;
	hello.role = 3;
	assert_int_equal(wire_encode_hello(&writer, 1, &hello), -MUX_ERR_MALFORMED);
	hello.role = MUX_ROLE_AGENT; /* with a port */
	assert_int_equal(wire_encode_hello(&writer, 1, &hello), -MUX_ERR_MALFORMED);
	hello.port = 0;
	assert_int_equal(wire_encode_hello(&writer, 1, &hello), 0);
	message = message_of(buffer);
	assert_int_equal(wire_decode_hello(&message, &out), 0);
	assert_int_equal(wire_decode_welcome(&message, &welcome), -MUX_ERR_UNEXPECTED);
	buffer[MUX_HEADER_SIZE] = MUX_ROLE_SERVICE; /* without a port */
	assert_int_equal(wire_decode_hello(&message, &out), -MUX_ERR_MALFORMED);
	buffer[MUX_HEADER_SIZE] = 0;
	assert_int_equal(wire_decode_hello(&message, &out), -MUX_ERR_MALFORMED);
	buffer[MUX_HEADER_SIZE] = MUX_ROLE_AGENT;
	assert_int_equal(wire_decode_hello(&message, &out), 0);
	buffer[MUX_HEADER_SIZE + 16] = 0x10; /* granted, but not among verbs */
	assert_int_equal(wire_decode_hello(&message, &out), -MUX_ERR_MALFORMED);
	hello.granted = 0x10;
	assert_int_equal(wire_encode_hello(&writer, 1, &hello), -MUX_ERR_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hello),
		cmocka_unit_test(test_hello_bytes),
		cmocka_unit_test(test_welcome),
		cmocka_unit_test(test_configure),
		cmocka_unit_test(test_configure_limits),
		cmocka_unit_test(test_rule_ranges),
		cmocka_unit_test(test_rule_ranges_decoded),
		cmocka_unit_test(test_configured),
		cmocka_unit_test(test_heartbeat_and_bye),
		cmocka_unit_test(test_manager_messages),
		cmocka_unit_test(test_error_and_audit),
		cmocka_unit_test(test_hello_checks),
	};

	return cmocka_run_group_tests_name("wire session", tests, NULL, NULL);
}
