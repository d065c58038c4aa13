/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: whatever a manager and a service send, the bare-metal guest's agent stays in bounds,
 * ends at most that session, decides every operation, and gives back every file object.
 *
 * Input: steps of one byte and their data. The low two bits say what: bytes to the manager's link,
 * bytes to a service's link, a notification, or time; the rest is a length. A service is announced
 * first, so that both links stand.
 */
#include <stdlib.h>
#include <string.h>

#include "agent-guest/bare/guest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SERVICE_LINK 1U

static struct guest guest;
static struct agent_time now;
static struct vfs_call call;
static struct vfs_file file;

static struct agent_time machine_now(void *context)
{
	(void)context;
	return now;
}

static void machine_print(void *context, const char *line)
{
	(void)context;
	if (strlen(line) > 4096) {
		abort();
	}
}

static void connect_links(void)
{
	uint32_t cid;
	uint32_t port;

	for (unsigned link = 0; link <= SERVICE_LINK; link++) {
		if (agent_link_connect(&guest.agent, link, &cid, &port, now)) {
			agent_link_connected(&guest.agent, link, now);
		}
	}
}

static void welcome(unsigned link)
{
	uint8_t bytes[256];
	struct wire_writer writer;
	struct wire_welcome message = {.name = wire_string_of("x")};

	wire_writer_init(&writer, bytes, sizeof(bytes));
	if (wire_encode_welcome(&writer, 1, &message) != 0) {
		abort();
	}
	agent_link_input(&guest.agent, link, bytes, writer.size, now);
}

static void announce(void)
{
	uint8_t bytes[256];
	struct wire_writer writer;
	struct wire_service_up up = {.service = 1,
				     .cid = 16,
				     .port = 7001,
				     .name = wire_string_of("av"),
				     .version = wire_string_of("")};

	wire_writer_init(&writer, bytes, sizeof(bytes));
	if (wire_encode_service_up(&writer, &up) != 0) {
		abort();
	}
	agent_link_input(&guest.agent, 0, bytes, writer.size, now);
}

/* A rule set that asks about everything, so that questions and handles exist. */
static void configure(void)
{
	uint8_t bytes[256];
	struct wire_writer writer;
	struct wire_rule rule = {.rule = 1,
				 .action = MUX_ACTION_VERDICT,
				 .deadline_ms = 100,
				 .events = 1ULL << MUX_EVENT_OPEN,
				 .size_max = UINT64_MAX,
				 .include = wire_string_of("/**"),
				 .exclude = wire_string_of("")};

	wire_writer_init(&writer, bytes, sizeof(bytes));
	if (wire_encode_configure(&writer, 1, 1, &rule, 1) != 0) {
		abort();
	}
	agent_link_input(&guest.agent, SERVICE_LINK, bytes, writer.size, now);
}

static void drain(void)
{
	const uint8_t *data;
	size_t size;

	for (unsigned link = 0; link < AGENT_LINKS; link++) {
		for (unsigned i = 0; i < 64; i++) {
			size = agent_link_output(&guest.agent, link, &data);
			if (size == 0) {
				break;
			}
			agent_link_sent(&guest.agent, link, size < 1000 ? size : size / 2);
		}
		if (agent_link_is_finished(&guest.agent, link, now)) {
			agent_link_closed(&guest.agent, link, now);
		}
	}
}

/* One open() of the guest's at a time. */
static void notify(bool *is_open)
{
	if (*is_open) {
		if (!vfs_advance(&guest.vfs, &call)) {
			return;
		}
		if (file.node != NULL) {
			ramfs_release(file.node);
			file.node = NULL;
		}
		vfs_end(&call);
	}
	call = (struct vfs_call){.action = VFS_OPEN, .path = "/f", .process = "p", .file = &file};
	vfs_start(&guest.vfs, &call);
	*is_open = true;
	vfs_advance(&guest.vfs, &call);
}

static void start(void)
{
	static const struct guest_machine machine = {.now = machine_now, .print = machine_print};
	struct agent_config config = {
		.name = "g", .version = "", .manager_cid = 2, .verbs = GRANTS_ALL};
	struct ramfs_node *node;

	/* All verbs but one, so that refusals are seen too. */
	config.grants.others = GRANTS_ALL & ~(1ULL << MUX_VERB_RENAME);
	now = (struct agent_time){.us = 1};
	memset(&file, 0, sizeof(file));
	if (guest_init(&guest, &machine, &config) != 0 ||
	    ramfs_create(&guest.fs, "/f", false, 0, &node) != 0 ||
	    ramfs_write(node, 0, "some text", 9, 0) != 0) {
		abort();
	}
	connect_links();
	welcome(0);
	announce();
	connect_links();
	welcome(SERVICE_LINK);
	configure();
}

static void finish(bool is_open)
{
	agent_bye(&guest.agent, now);
	for (unsigned i = 0; i < 8; i++) {
		drain();
		now.us += AGENT_CLOSE_US;
		agent_tick(&guest.agent, now);
	}
	if (!agent_is_off(&guest.agent) || guest.agent.pending.used != 0) {
		abort();
	}
	if (is_open) {
		if (!vfs_advance(&guest.vfs, &call)) {
			abort(); /* an operation that nobody decided */
		}
		if (file.node != NULL) {
			ramfs_release(file.node);
		}
		vfs_end(&call);
	}
	guest_destroy(&guest); /* what is still held is a leak */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool is_open = false;

	start();
	while (size > 0) {
		size_t length = data[0] >> 2;
		unsigned what = data[0] & 3;

		data++;
		size--;
		length = length == 63 ? size : length < size ? length : size;
		if (what < 2) {
			agent_link_input(&guest.agent, what, data, length, now);
			data += length;
			size -= length;
		} else if (what == 2) {
			notify(&is_open);
		} else {
			now.us += length * 10000;
			agent_tick(&guest.agent, now);
			connect_links();
		}
		drain();
	}
	finish(is_open);
	return 0;
}
