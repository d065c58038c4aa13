/* SPDX-License-Identifier: MIT */
/* Unit tests of the access library: what a service asks of a guest. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/access_service.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
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
	};

	return cmocka_run_group_tests_name("access library requests", tests, NULL, NULL);
}
