/* SPDX-License-Identifier: MIT */
/* Unit tests of lib/wire: round trips, every truncation, every check, the stream assembler. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/wire/wire.h"

#define HEADER_VERSION 4
#define HEADER_FLAGS   8
#define HEADER_LENGTH  12
#define HEADER_REQUEST 16

static uint8_t buffer[2 * WIRE_MESSAGE_MAX];

static struct wire_writer writer_start(void)
{
	struct wire_writer writer;

	memset(buffer, 0xee, sizeof(buffer));
	wire_writer_init(&writer, buffer, sizeof(buffer));
	return writer;
}

static struct wire_message message_of(const uint8_t *bytes)
{
	struct wire_message message;

	assert_int_equal(wire_decode_header(bytes, &message.header), 0);
	message.body = bytes + MUX_HEADER_SIZE;
	return message;
}

static void assert_string(struct wire_string string, const char *text)
{
	assert_true(wire_string_equals(string, text));
}

/* Decodes any message; what it is does not matter, only the result. */
static int decode_any(const struct wire_message *message)
{
	union {
		struct wire_hello hello;
		struct wire_welcome welcome;
		struct wire_configure configure;
		struct wire_configured configured;
		struct wire_event event;
		struct wire_verdict verdict;
		struct wire_access access;
		struct wire_response response;
		struct wire_heartbeat heartbeat;
		struct wire_service_up up;
		struct wire_service_down down;
		struct wire_bye bye;
		struct wire_error error;
		struct wire_audit audit;
		struct wire_agent_state_message state;
	} out;

	switch (message->header.type) {
	case MUX_MSG_HELLO: return wire_decode_hello(message, &out.hello);
	case MUX_MSG_WELCOME: return wire_decode_welcome(message, &out.welcome);
	case MUX_MSG_CONFIGURE: return wire_decode_configure(message, &out.configure);
	case MUX_MSG_CONFIGURED: return wire_decode_configured(message, &out.configured);
	case MUX_MSG_EVENT: return wire_decode_event(message, &out.event);
	case MUX_MSG_VERDICT: return wire_decode_verdict(message, &out.verdict);
	case MUX_MSG_ACCESS: return wire_decode_access(message, &out.access);
	case MUX_MSG_RESPONSE: return wire_decode_response(message, &out.response);
	case MUX_MSG_HEARTBEAT: return wire_decode_heartbeat(message, &out.heartbeat);
	case MUX_MSG_SERVICE_UP: return wire_decode_service_up(message, &out.up);
	case MUX_MSG_SERVICE_DOWN: return wire_decode_service_down(message, &out.down);
	case MUX_MSG_BYE: return wire_decode_bye(message, &out.bye);
	case MUX_MSG_ERROR: return wire_decode_error(message, &out.error);
	case MUX_MSG_AUDIT: return wire_decode_audit(message, &out.audit);
	default: return wire_decode_agent_state(message, &out.state);
	}
}

/*
 * The message at the start of `buffer` decodes; cut at any byte (in a buffer of exactly that size,
 * so that ASan sees a read past it) or one byte longer it is refused.
 */
static void assert_exact(const struct wire_writer *writer)
{
	struct wire_message message = message_of(buffer);
	uint32_t length = message.header.length;

	assert_int_equal(writer->size, MUX_HEADER_SIZE + length);
	assert_int_equal(decode_any(&message), 0);
	for (uint32_t cut = 0; cut < length; cut++) {
		uint8_t *body = malloc(cut ? cut : 1);

		memcpy(body, message.body, cut);
		message.header.length = cut;
		message.body = body;
		assert_int_equal(decode_any(&message), -MUX_ERR_MALFORMED);
		free(body);
		message.body = buffer + MUX_HEADER_SIZE;
	}
	message.header.length = length + 1;
	buffer[MUX_HEADER_SIZE + length] = 0;
	assert_int_not_equal(decode_any(&message), 0);
}

static struct wire_hello hello_sample(void)
{
	return (struct wire_hello){.role = MUX_ROLE_SERVICE,
				   .port = 7001,
				   .verbs = 0x0123456789abcdef,
				   .granted = 0x0100000000000005,
				   .events = 0x1fff,
				   .name = wire_string_of("av"),
				   .version = wire_string_of("1.0")};
}

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

static struct wire_event event_sample(void)
{
	return (struct wire_event){.sequence = 11,
				   .rule = 2,
				   .kind = MUX_EVENT_RENAME,
				   .flags = MUX_EVENT_VERDICT,
				   .time_us = 123456789,
				   .deadline_ms = 500,
				   .pid = 6,
				   .start_us = 1ULL << 50,
				   .handle = 0xabcdef,
				   .size = 1ULL << 40,
				   .path = wire_string_of("/a"),
				   .path2 = wire_string_of("/b"),
				   .process = wire_string_of("/bin/sh")};
}

static void test_event(void **state)
{
	struct wire_event event = event_sample();
	struct wire_writer writer = writer_start();
	struct wire_message message;
	struct wire_event out;

	(void)state;
	assert_int_equal(wire_encode_event(&writer, 8, &event), 0);
	message = message_of(buffer);
	assert_int_equal(wire_decode_event(&message, &out), 0);
	assert_int_equal(out.sequence, 11);
	assert_int_equal(out.rule, 2);
	assert_int_equal(out.kind, MUX_EVENT_RENAME);
	assert_int_equal(out.flags, MUX_EVENT_VERDICT);
	assert_int_equal(out.time_us, 123456789);
	assert_int_equal(out.deadline_ms, 500);
	assert_int_equal(out.pid, 6);
	assert_true(out.start_us == 1ULL << 50);
	assert_int_equal(out.handle, 0xabcdef);
	assert_true(out.size == 1ULL << 40);
	assert_string(out.path, "/a");
	assert_string(out.path2, "/b");
	assert_string(out.process, "/bin/sh");
	assert_exact(&writer);
}

static void test_event_checks(void **state)
{
	struct wire_event event = event_sample();
	struct wire_writer writer = writer_start();
	struct wire_message message;
	struct wire_event out;

	(void)state;
	assert_int_equal(wire_encode_event(&writer, 0, &event), -MUX_ERR_MALFORMED);
	event.flags = 0;
	assert_int_equal(wire_encode_event(&writer, 1, &event), -MUX_ERR_MALFORMED);
	event.kind = MUX_EVENT_KINDS;
	assert_int_equal(wire_encode_event(&writer, 0, &event), -MUX_ERR_MALFORMED);
	event = event_sample();
	event.sequence = 0;
	assert_int_equal(wire_encode_event(&writer, 1, &event), -MUX_ERR_MALFORMED);
	event = event_sample();
	assert_int_equal(wire_encode_event(&writer, 1, &event), 0);
	message = message_of(buffer);
	message.header.request = 0;
	assert_int_equal(wire_decode_event(&message, &out), -MUX_ERR_MALFORMED);
	message.header.request = 1;
	buffer[MUX_HEADER_SIZE + 12] = MUX_EVENT_KINDS;
	assert_int_equal(wire_decode_event(&message, &out), -MUX_ERR_MALFORMED);
	buffer[MUX_HEADER_SIZE + 12] = MUX_EVENT_OPEN;
	assert_int_equal(wire_decode_event(&message, &out), 0);
	buffer[MUX_HEADER_SIZE + 14] = 3;
	assert_int_equal(wire_decode_event(&message, &out), -MUX_ERR_MALFORMED);
}

static void test_verdict(void **state)
{
	struct wire_verdict verdict = {.verdict = MUX_VERDICT_DENY,
				       .flags = MUX_VERDICT_REMEMBER,
				       .reason = 99,
				       .text = wire_string_of("Eicar-Test-Signature")};
	struct wire_writer writer = writer_start();
	struct wire_message message;
	struct wire_verdict out;

	(void)state;
	assert_int_equal(wire_encode_verdict(&writer, 8, &verdict), 0);
	message = message_of(buffer);
	assert_int_equal(wire_decode_verdict(&message, &out), 0);
	assert_int_equal(out.verdict, MUX_VERDICT_DENY);
	assert_int_equal(out.flags, MUX_VERDICT_REMEMBER);
	assert_int_equal(out.reason, 99);
	assert_string(out.text, "Eicar-Test-Signature");
	assert_exact(&writer);
	buffer[MUX_HEADER_SIZE] = 2;
	assert_int_equal(wire_decode_verdict(&message, &out), -MUX_ERR_MALFORMED);
	buffer[MUX_HEADER_SIZE] = 0;
	buffer[MUX_HEADER_SIZE + 1] = 2;
	assert_int_equal(wire_decode_verdict(&message, &out), -MUX_ERR_MALFORMED);
	assert_int_equal(wire_encode_verdict(&writer, 0, &verdict), -MUX_ERR_MALFORMED);
}

static void test_access(void **state)
{
	static const uint8_t data[3] = {0, 1, 2};
	struct wire_access access = {.verb = MUX_VERB_WRITE,
				     .flags = MUX_ACCESS_TRUNCATE,
				     .handle = 5,
				     .offset = 6,
				     .length = 3,
				     .path = wire_string_of("/x"),
				     .path2 = wire_string_of("/y"),
				     .data = {data, 3}};
	struct wire_writer writer = writer_start();
	struct wire_message message;
	struct wire_access out;

	(void)state;
	assert_int_equal(wire_encode_access(&writer, 8, &access), 0);
	message = message_of(buffer);
	assert_int_equal(wire_decode_access(&message, &out), 0);
	assert_int_equal(out.verb, MUX_VERB_WRITE);
	assert_int_equal(out.flags, MUX_ACCESS_TRUNCATE);
	assert_int_equal(out.handle, 5);
	assert_int_equal(out.offset, 6);
	assert_int_equal(out.length, 3);
	assert_string(out.path, "/x");
	assert_string(out.path2, "/y");
	assert_int_equal(out.data.size, 3);
	assert_memory_equal(out.data.data, data, 3);
	assert_exact(&writer);
	access.verb = MUX_VERBS;
	assert_int_equal(wire_encode_access(&writer, 8, &access), -MUX_ERR_MALFORMED);
	access.verb = MUX_VERB_READ;
	access.flags = 4;
	assert_int_equal(wire_encode_access(&writer, 8, &access), -MUX_ERR_MALFORMED);
}

/* PROCESS_STOP, RESUME and KILL name one process in one way; all else is refused on both sides. */
static void test_access_process(void **state)
{
	static const uint8_t data[1] = {0};
	const struct wire_access by_start = {
		.verb = MUX_VERB_PROCESS_KILL, .offset = UINT32_MAX, .length = UINT64_MAX};
	const struct wire_access wrong[] = {
		{0},
		{.offset = 7},
		{.length = 7},
		{.offset = 1ULL << 32, .length = 7},
		{.offset = UINT64_MAX, .length = 7},
		{.handle = 1, .offset = 7, .length = 7},
		{.handle = 1, .offset = 7},
		{.handle = 1, .length = 7},
		{.handle = 1, .flags = MUX_ACCESS_TRUNCATE},
		{.handle = 1, .path = {"/x", 2}},
		{.handle = 1, .path2 = {"/x", 2}},
		{.handle = 1, .data = {data, 1}},
	};
	struct wire_access access = by_start;
	struct wire_writer writer = writer_start();
	struct wire_message message;
	struct wire_access out;

	(void)state;
	assert_int_equal(wire_encode_access(&writer, 8, &access), 0);
	message = message_of(buffer);
	assert_int_equal(wire_decode_access(&message, &out), 0);
	assert_int_equal(out.verb, MUX_VERB_PROCESS_KILL);
	assert_int_equal(out.offset, UINT32_MAX);
	assert_true(out.length == UINT64_MAX);
	assert_exact(&writer);
	for (uint16_t verb = MUX_VERB_PROCESS_STOP; verb <= MUX_VERB_PROCESS_KILL; verb++) {
		writer = writer_start();
		access = (struct wire_access){.verb = verb, .handle = 1};
		assert_int_equal(wire_encode_access(&writer, 8, &access), 0);
		for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
			access = wrong[i];
			access.verb = verb;
			writer = writer_start();
			assert_int_equal(wire_encode_access(&writer, 8, &access),
					 -MUX_ERR_MALFORMED);
			/* As another verb it encodes; the verb is changed on the way. */
			access.verb = MUX_VERB_WRITE;
			assert_int_equal(wire_encode_access(&writer, 8, &access), 0);
			message = message_of(buffer);
			buffer[MUX_HEADER_SIZE] = (uint8_t)verb;
			assert_int_equal(wire_decode_access(&message, &out), -MUX_ERR_MALFORMED);
		}
	}
}

static void test_data_limit(void **state)
{
	static uint8_t data[MUX_DATA_MAX + 1];
	struct wire_access access = {.verb = MUX_VERB_WRITE, .data = {data, MUX_DATA_MAX}};
	static char path[MUX_STRING_MAX + 2];
	struct wire_writer writer = writer_start();
	struct wire_message message;
	struct wire_access out;

	(void)state;
	memset(path, 'p', MUX_STRING_MAX);
	access.path = wire_string_of(path);
	access.path2 = wire_string_of(path);
	assert_int_equal(wire_encode_access(&writer, 1, &access), 0);
	message = message_of(buffer);
	assert_int_equal(wire_decode_access(&message, &out), 0);
	assert_int_equal(out.data.size, MUX_DATA_MAX);
	assert_int_equal(out.path2.size, MUX_STRING_MAX);

	writer.size = 0;
	path[MUX_STRING_MAX] = 'p';
	access.path = wire_string_of(path);
	assert_int_equal(wire_encode_access(&writer, 1, &access), -MUX_ERR_LIMIT);
	access.path = wire_string_of("");
	access.data.size = MUX_DATA_MAX + 1;
	assert_int_equal(wire_encode_access(&writer, 1, &access), -MUX_ERR_LIMIT);
	access.data.size = 0;
	access.path = (struct wire_string){"a\0b", 3};
	assert_int_equal(wire_encode_access(&writer, 1, &access), -MUX_ERR_MALFORMED);
	assert_int_equal(writer.size, 0);
}

static void test_response_read(void **state)
{
	static const uint8_t data[5] = "data";
	struct wire_response response = {
		.verb = MUX_VERB_READ, .offset = 4096, .total = 8192, .data = {data, 5}};
	struct wire_writer writer = writer_start();
	struct wire_message message;
	struct wire_response out;

	(void)state;
	assert_int_equal(wire_encode_response(&writer, 8, true, &response), 0);
	message = message_of(buffer);
	assert_int_equal(message.header.flags, MUX_FLAG_MORE);
	assert_int_equal(wire_decode_response(&message, &out), 0);
	assert_int_equal(out.verb, MUX_VERB_READ);
	assert_int_equal(out.status, 0);
	assert_int_equal(out.offset, 4096);
	assert_int_equal(out.total, 8192);
	assert_memory_equal(out.data.data, data, 5);
	assert_exact(&writer);

	response.status = -2;
	assert_int_equal(wire_encode_response(&writer, 8, false, &response), -MUX_ERR_MALFORMED);
	response.data.size = 0;
	writer.size = 0;
	assert_int_equal(wire_encode_response(&writer, 8, false, &response), 0);
	message = message_of(buffer);
	assert_int_equal(message.header.flags, 0);
	assert_int_equal(wire_decode_response(&message, &out), 0);
	assert_int_equal(out.status, -2);
	buffer[MUX_HEADER_SIZE + 7] = 0x7f;
	assert_int_equal(wire_decode_response(&message, &out), -MUX_ERR_MALFORMED);
	response.status = 1;
	assert_int_equal(wire_encode_response(&writer, 8, false, &response), -MUX_ERR_MALFORMED);
	response.status = -4096;
	assert_int_equal(wire_encode_response(&writer, 8, false, &response), -MUX_ERR_MALFORMED);
}

static void test_response_list(void **state)
{
	struct wire_stat first = {10, 20, 0100644, MUX_STAT_QUARANTINED, wire_string_of("one")};
	struct wire_stat second = {30, 40, 040755, MUX_STAT_DIRECTORY, wire_string_of("two")};
	struct wire_response response = {.verb = MUX_VERB_LIST, .total = 2};
	struct wire_writer writer = writer_start();
	struct wire_message message;
	struct wire_response out;
	struct wire_writer entries;
	struct wire_list list;
	struct wire_stat stat;
	uint8_t data[128];

	(void)state;
	wire_writer_init(&entries, data, sizeof(data));
	assert_int_equal(wire_encode_stat_entry(&entries, &first), 0);
	assert_int_equal(wire_encode_stat_entry(&entries, &second), 0);
	response.data = (struct wire_bytes){data, (uint32_t)entries.size};
	assert_int_equal(wire_encode_response(&writer, 8, false, &response), 0);
	message = message_of(buffer);
	assert_int_equal(wire_decode_response(&message, &out), 0);
	list = wire_list_of(out.data);
	assert_int_equal(wire_next_stat(&list, &stat), 1);
	assert_int_equal(stat.size, 10);
	assert_int_equal(stat.mtime_us, 20);
	assert_int_equal(stat.mode, 0100644);
	assert_int_equal(stat.flags, MUX_STAT_QUARANTINED);
	assert_string(stat.name, "one");
	assert_int_equal(wire_next_stat(&list, &stat), 1);
	assert_string(stat.name, "two");
	assert_int_equal(wire_next_stat(&list, &stat), 0);
	assert_exact(&writer);

	response.verb = MUX_VERB_STAT; /* one entry, not two */
	assert_int_equal(wire_encode_response(&writer, 8, false, &response), -MUX_ERR_MALFORMED);
	response.verb = MUX_VERB_LIST;
	response.data.size--;
	assert_int_equal(wire_encode_response(&writer, 8, false, &response), -MUX_ERR_MALFORMED);
	response.verb = MUX_VERB_DELETE; /* has no data */
	assert_int_equal(wire_encode_response(&writer, 8, false, &response), -MUX_ERR_MALFORMED);
}

static void test_response_processes(void **state)
{
	struct wire_process process = {7, 1, 99, wire_string_of("/bin/init")};
	struct wire_response response = {.verb = MUX_VERB_PROCESSES, .total = 1};
	struct wire_writer writer = writer_start();
	struct wire_message message;
	struct wire_response out;
	struct wire_process got;
	struct wire_writer entries;
	struct wire_list list;
	uint8_t data[64];

	(void)state;
	wire_writer_init(&entries, data, sizeof(data));
	assert_int_equal(wire_encode_process_entry(&entries, &process), 0);
	response.data = (struct wire_bytes){data, (uint32_t)entries.size};
	assert_int_equal(wire_encode_response(&writer, 8, false, &response), 0);
	message = message_of(buffer);
	assert_int_equal(wire_decode_response(&message, &out), 0);
	list = wire_list_of(out.data);
	assert_int_equal(wire_next_process(&list, &got), 1);
	assert_int_equal(got.pid, 7);
	assert_int_equal(got.parent, 1);
	assert_int_equal(got.start_us, 99);
	assert_string(got.image, "/bin/init");
	assert_int_equal(wire_next_process(&list, &got), 0);
	assert_exact(&writer);
}

static void test_response_quarantine(void **state)
{
	struct wire_response response = {.verb = MUX_VERB_QUARANTINE};
	struct wire_writer writer = writer_start();
	struct wire_message message;
	struct wire_response out;
	struct wire_writer entries;
	struct wire_string id;
	struct wire_list list;
	uint8_t data[64];

	(void)state;
	wire_writer_init(&entries, data, sizeof(data));
	assert_int_equal(wire_encode_string_entry(&entries, wire_string_of("q17")), 0);
	response.data = (struct wire_bytes){data, (uint32_t)entries.size};
	assert_int_equal(wire_encode_response(&writer, 8, false, &response), 0);
	message = message_of(buffer);
	assert_int_equal(wire_decode_response(&message, &out), 0);
	list = wire_list_of(out.data);
	assert_int_equal(wire_next_string(&list, &id), 1);
	assert_string(id, "q17");
	assert_exact(&writer);
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

static void test_header_checks(void **state)
{
	static const struct {
		size_t offset;
		uint8_t value;
		int error;
	} cases[] = {
		{0, 'N', -MUX_ERR_MALFORMED},
		{HEADER_VERSION, 1, -MUX_ERR_VERSION},
		{HEADER_VERSION, 3, -MUX_ERR_VERSION},
		{HEADER_VERSION, 0, -MUX_ERR_VERSION},
		{5, 1, -MUX_ERR_MALFORMED},
		{6, 0, -MUX_ERR_UNEXPECTED},
		{6, 16, -MUX_ERR_UNEXPECTED},
		{7, 1, -MUX_ERR_UNEXPECTED},
		{HEADER_FLAGS, MUX_FLAG_MORE, -MUX_ERR_MALFORMED}, /* only on RESPONSE */
		{HEADER_FLAGS, 2, -MUX_ERR_MALFORMED},
		{HEADER_FLAGS + 1, 1, -MUX_ERR_MALFORMED},
		{10, 1, -MUX_ERR_MALFORMED},
		{11, 1, -MUX_ERR_MALFORMED},
		{HEADER_LENGTH + 2, 2, -MUX_ERR_MALFORMED}, /* above MUX_BODY_MAX */
		{HEADER_LENGTH + 3, 1, -MUX_ERR_MALFORMED},
		{HEADER_REQUEST, 0, -MUX_ERR_MALFORMED}, /* HELLO needs a request id */
		{HEADER_REQUEST, 200, 0},
	};
	struct wire_hello hello = hello_sample();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct wire_writer writer = writer_start();
		struct wire_header header;

		assert_int_equal(wire_encode_hello(&writer, 7, &hello), 0);
		buffer[cases[i].offset] = cases[i].value;
		assert_int_equal(wire_decode_header(buffer, &header), cases[i].error);
	}
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

static void test_writer_full(void **state)
{
	struct wire_hello hello = hello_sample();
	struct wire_writer writer = writer_start();
	size_t whole;

	(void)state;
	assert_int_equal(wire_encode_hello(&writer, 1, &hello), 0);
	whole = writer.size;
	for (size_t capacity = 0; capacity < whole; capacity++) {
		uint8_t *small = malloc(capacity ? capacity : 1);

		wire_writer_init(&writer, small, capacity);
		assert_int_equal(wire_encode_hello(&writer, 1, &hello), -MUX_ERR_LIMIT);
		assert_int_equal(writer.size, 0);
		free(small);
	}
}

static void fill_stream(struct wire_writer *writer)
{
	struct wire_counter counter = {MUX_COUNTER_EVENTS, 1};
	struct wire_hello hello = hello_sample();

	assert_int_equal(wire_encode_hello(writer, 1, &hello), 0);
	for (uint64_t i = 0; i < 20; i++) {
		assert_int_equal(wire_encode_heartbeat(writer, i, &counter, i % 2), 0);
	}
}

/* The same messages come out, however the bytes are cut. */
static void test_stream_pieces(void **state)
{
	static uint8_t room[WIRE_MESSAGE_MAX];
	struct wire_writer writer = writer_start();

	(void)state;
	fill_stream(&writer);
	for (size_t piece = 1; piece <= writer.size; piece++) {
		struct wire_stream stream;
		struct wire_message message;
		size_t count = 0;

		wire_stream_init(&stream, room, sizeof(room));
		for (size_t at = 0; at < writer.size;) {
			size_t left = writer.size - at;

			at += wire_stream_feed(&stream, buffer + at, left < piece ? left : piece);
			while (wire_stream_next(&stream, &message) == 1) {
				struct wire_heartbeat heartbeat;

				assert_int_equal(decode_any(&message), 0);
				if (count > 0) {
					assert_int_equal(
						wire_decode_heartbeat(&message, &heartbeat), 0);
					assert_int_equal(heartbeat.uptime_ms, count - 1);
				}
				count++;
			}
		}
		assert_int_equal(count, 21);
		assert_int_equal(wire_stream_next(&stream, &message), 0);
	}
}

/* A bad header is refused before its body came, and the stream stays refused. */
static void test_stream_bad_header(void **state)
{
	static uint8_t room[WIRE_MESSAGE_MAX];
	struct wire_writer writer = writer_start();
	struct wire_hello hello = hello_sample();
	struct wire_message message;
	struct wire_stream stream;

	(void)state;
	assert_int_equal(wire_encode_hello(&writer, 1, &hello), 0);
	buffer[HEADER_LENGTH + 3] = 0xff;
	wire_stream_init(&stream, room, sizeof(room));
	assert_int_equal(wire_stream_feed(&stream, buffer, MUX_HEADER_SIZE - 1),
			 MUX_HEADER_SIZE - 1);
	assert_int_equal(wire_stream_next(&stream, &message), 0);
	assert_int_equal(wire_stream_feed(&stream, buffer + MUX_HEADER_SIZE - 1, 1), 1);
	assert_int_equal(wire_stream_next(&stream, &message), -MUX_ERR_MALFORMED);
	assert_int_equal(wire_stream_next(&stream, &message), -MUX_ERR_MALFORMED);
}

/* The largest message fits, and no more than the buffer is ever taken. */
static void test_stream_bounded(void **state)
{
	static uint8_t room[WIRE_MESSAGE_MAX];
	static uint8_t data[MUX_DATA_MAX];
	struct wire_access access = {.verb = MUX_VERB_WRITE, .data = {data, MUX_DATA_MAX}};
	struct wire_writer writer = writer_start();
	struct wire_message message;
	struct wire_stream stream;
	size_t taken;

	(void)state;
	assert_int_equal(wire_encode_access(&writer, 1, &access), 0);
	assert_int_equal(wire_encode_access(&writer, 2, &access), 0);
	wire_stream_init(&stream, room, sizeof(room));
	taken = wire_stream_feed(&stream, buffer, writer.size);
	assert_int_equal(taken, sizeof(room));
	assert_int_equal(wire_stream_feed(&stream, buffer + taken, writer.size - taken), 0);
	assert_int_equal(wire_stream_next(&stream, &message), 1);
	assert_int_equal(message.header.request, 1);
	assert_int_equal(wire_stream_next(&stream, &message), 0);
	assert_int_equal(wire_stream_feed(&stream, buffer + taken, writer.size - taken),
			 writer.size - taken);
	assert_int_equal(wire_stream_next(&stream, &message), 1);
	assert_int_equal(message.header.request, 2);
	assert_int_equal(decode_any(&message), 0);
}

static void test_helpers(void **state)
{
	char text[4];

	(void)state;
	assert_true(wire_string_copy(text, sizeof(text), wire_string_of("abc")));
	assert_string_equal(text, "abc");
	assert_false(wire_string_copy(text, sizeof(text), wire_string_of("abcd")));
	assert_string_equal(text, "abc");
	assert_false(wire_string_copy(text, 0, wire_string_of("")));
	assert_false(wire_string_equals(wire_string_of("ab"), "abc"));
	assert_string_equal(wire_type_name(MUX_MSG_AGENT_STATE), "AGENT_STATE");
	assert_string_equal(wire_type_name(0), "?");
	assert_string_equal(wire_type_name(UINT16_MAX), "?");
	assert_string_equal(wire_event_name(MUX_EVENT_EXECUTE), "execute");
	assert_string_equal(wire_event_name(MUX_EVENT_READ), "read");
	assert_string_equal(wire_event_name(MUX_EVENT_KINDS), "?");
	assert_string_equal(wire_verb_name(MUX_VERB_PROCESS_STOP), "process-stop");
	for (uint16_t verb = 0; verb < MUX_VERBS; verb++) {
		assert_string_not_equal(wire_verb_name(verb), "?");
		assert_int_equal(wire_verb_is_process(verb),
				 strncmp(wire_verb_name(verb), "process-", 8) == 0);
	}
	assert_string_equal(wire_verb_name(MUX_VERBS), "?");
	assert_false(wire_verb_is_process(MUX_VERBS));
	assert_string_not_equal(wire_audit_name(MUX_AUDIT_KINDS - 1), "?");
	assert_string_equal(wire_error_name(MUX_ERR_REPLACED), "replaced");
	assert_string_equal(wire_error_name(10), "?");
	assert_string_equal(wire_audit_name(MUX_AUDIT_ACCESS), "guest changed");
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
		cmocka_unit_test(test_event),
		cmocka_unit_test(test_event_checks),
		cmocka_unit_test(test_verdict),
		cmocka_unit_test(test_access),
		cmocka_unit_test(test_access_process),
		cmocka_unit_test(test_data_limit),
		cmocka_unit_test(test_response_read),
		cmocka_unit_test(test_response_list),
		cmocka_unit_test(test_response_processes),
		cmocka_unit_test(test_response_quarantine),
		cmocka_unit_test(test_heartbeat_and_bye),
		cmocka_unit_test(test_manager_messages),
		cmocka_unit_test(test_error_and_audit),
		cmocka_unit_test(test_header_checks),
		cmocka_unit_test(test_hello_checks),
		cmocka_unit_test(test_writer_full),
		cmocka_unit_test(test_stream_pieces),
		cmocka_unit_test(test_stream_bad_header),
		cmocka_unit_test(test_stream_bounded),
		cmocka_unit_test(test_helpers),
	};

	return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
