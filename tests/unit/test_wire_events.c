/* SPDX-License-Identifier: MIT */
/*
 * Unit tests of lib/wire: events and verdicts, access requests and their responses. Round trips,
 * every truncation, every check.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/wire_sample.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
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
	};

	return cmocka_run_group_tests_name("wire events", tests, NULL, NULL);
}
