/* SPDX-License-Identifier: MIT */
/* Unit tests of lib/wire: headers, the writer, the stream assembler, names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/wire_sample.h"

#define HEADER_VERSION 4
#define HEADER_FLAGS   8
#define HEADER_LENGTH  12
#define HEADER_REQUEST 16

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
		cmocka_unit_test(test_header_checks),  cmocka_unit_test(test_writer_full),
		cmocka_unit_test(test_stream_pieces),  cmocka_unit_test(test_stream_bad_header),
		cmocka_unit_test(test_stream_bounded), cmocka_unit_test(test_helpers),
	};

	return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
