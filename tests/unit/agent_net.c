/* SPDX-License-Identifier: MIT */
/* A manager and services for tests of the agent: see agent_net.h. */
#include "tests/unit/agent_net.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define TURNS_MAX 100000U

static void reset_streams(struct net_peer *peer)
{
	wire_stream_init(&peer->input, peer->input_buffer, sizeof(peer->input_buffer));
	wire_writer_init(&peer->output, peer->output_buffer, sizeof(peer->output_buffer));
}

void net_init(struct net *net, struct agent *agent)
{
	memset(net, 0, sizeof(*net));
	net->agent = agent;
	net->now = (struct agent_time){.us = 1000000, .ticks = 5000000};
}

struct net_peer *net_add(struct net *net, uint32_t cid, uint32_t port,
			 net_message_function on_message, void *context)
{
	struct net_peer *peer = calloc(1, sizeof(*peer));

	assert_non_null(peer);
	peer->cid = cid;
	peer->port = port;
	peer->is_listening = true;
	peer->is_reading = true;
	peer->link = -1;
	peer->on_message = on_message;
	peer->context = context;
	reset_streams(peer);
	net->peer[net->count++] = peer;
	return peer;
}

void net_destroy(struct net *net)
{
	for (unsigned i = 0; i < net->count; i++) {
		free(net->peer[i]);
	}
}

static struct net_peer *peer_of(struct net *net, unsigned link)
{
	for (unsigned i = 0; i < net->count; i++) {
		if (net->peer[i]->link == (int)link) {
			return net->peer[i];
		}
	}
	return NULL;
}

static struct net_peer *listener(struct net *net, uint32_t cid, uint32_t port)
{
	for (unsigned i = 0; i < net->count; i++) {
		struct net_peer *peer = net->peer[i];

		if (peer->cid == cid && peer->port == port && peer->is_listening &&
		    peer->link < 0) {
			return peer;
		}
	}
	return NULL;
}

static bool connect_link(struct net *net, unsigned link)
{
	struct net_peer *peer;
	uint32_t cid;
	uint32_t port;

	if (!agent_link_connect(net->agent, link, &cid, &port, net->now)) {
		return false;
	}
	peer = listener(net, cid, port);
	if (peer == NULL) {
		agent_link_closed(net->agent, link, net->now);
		return true;
	}
	peer->link = (int)link;
	peer->connections++;
	peer->has_bye = false;
	reset_streams(peer);
	agent_link_connected(net->agent, link, net->now);
	return true;
}

void net_break(struct net *net, struct net_peer *peer)
{
	unsigned link = (unsigned)peer->link;

	if (peer->link < 0) {
		return;
	}
	peer->link = -1;
	reset_streams(peer);
	agent_link_closed(net->agent, link, net->now);
}

static void take_messages(struct net_peer *peer)
{
	struct wire_message message;
	struct wire_hello hello;
	struct wire_welcome welcome = {.heartbeat_ms = 0, .name = wire_string_of("peer")};
	int result;

	while ((result = wire_stream_next(&peer->input, &message)) == 1) {
		if (message.header.type == MUX_MSG_HELLO) {
			assert_int_equal(wire_decode_hello(&message, &hello), 0);
			assert_int_equal(hello.role, MUX_ROLE_AGENT);
			assert_int_equal(wire_encode_welcome(&peer->output, message.header.request,
							     &welcome),
					 0);
		}
		if (message.header.type == MUX_MSG_BYE) {
			peer->has_bye = true;
		}
		if (peer->on_message != NULL) {
			peer->on_message(peer, &message);
		}
	}
	assert_int_equal(result, 0); /* the agent never sends anything malformed */
}

/* The agent's output goes to the peer. */
static bool deliver(struct net *net, unsigned link, struct net_peer *peer)
{
	const uint8_t *data;
	size_t size = agent_link_output(net->agent, link, &data);
	size_t taken = 0;

	if (size == 0 || !peer->is_reading) {
		return false;
	}
	if (peer->read_max != 0 && size > peer->read_max) {
		size = peer->read_max;
	}
	while (taken < size) {
		taken += wire_stream_feed(&peer->input, data + taken, size - taken);
		take_messages(peer);
	}
	agent_link_sent(net->agent, link, size);
	return true;
}

/* The peer's output goes to the agent, in two pieces to try the assembler. */
static bool answer(struct net *net, unsigned link, struct net_peer *peer)
{
	static uint8_t copy[sizeof(peer->output_buffer)];
	size_t size = peer->output.size;
	size_t half = size / 2;

	if (size == 0) {
		return false;
	}
	memcpy(copy, peer->output.data, size);
	peer->output.size = 0;
	agent_link_input(net->agent, link, copy, half, net->now);
	agent_link_input(net->agent, link, copy + half, size - half, net->now);
	return true;
}

static bool turn(struct net *net, unsigned link)
{
	bool moved = connect_link(net, link);
	struct net_peer *peer = peer_of(net, link);

	if (peer != NULL) {
		moved = deliver(net, link, peer) || moved;
		moved = answer(net, link, peer) || moved;
		if (peer->has_bye) {
			peer->has_bye = false;
			net_break(net, peer);
			return true;
		}
	}
	if (agent_link_is_finished(net->agent, link, net->now)) {
		if (peer != NULL) {
			net_break(net, peer);
		} else {
			agent_link_closed(net->agent, link, net->now);
		}
		moved = true;
	}
	return moved;
}

void net_pump(struct net *net)
{
	bool moved = true;

	for (unsigned i = 0; moved; i++) {
		assert_true(i < TURNS_MAX);
		moved = false;
		for (unsigned link = 0; link < AGENT_LINKS; link++) {
			moved = turn(net, link) || moved;
		}
	}
}

void net_sleep(struct net *net, uint64_t us)
{
	uint64_t end = net->now.us + us;

	net_pump(net);
	while (net->now.us < end) {
		uint64_t step = end - net->now.us < 1000 ? end - net->now.us : 1000;

		net->now.us += step;
		net->now.ticks += step * 3;
		agent_tick(net->agent, net->now);
		net_pump(net);
	}
}

struct wire_rule net_rule(uint32_t id, enum mux_action action, uint64_t events, const char *include,
			  uint32_t deadline_ms, enum mux_verdict fallback)
{
	return (struct wire_rule){.rule = id,
				  .action = (uint8_t)action,
				  .fallback = (uint8_t)fallback,
				  .deadline_ms = deadline_ms,
				  .events = events,
				  .size_max = UINT64_MAX,
				  .include = wire_string_of(include),
				  .exclude = wire_string_of("")};
}

void net_configure(struct net_peer *peer, const struct wire_rule *rules, size_t count)
{
	assert_int_equal(wire_encode_configure(&peer->output, ++peer->request, 1, rules, count), 0);
}

void net_verdict(struct net_peer *peer, uint64_t request, enum mux_verdict verdict, uint8_t flags,
		 const char *text)
{
	struct wire_verdict out = {
		.verdict = (uint8_t)verdict, .flags = flags, .text = wire_string_of(text)};

	assert_int_equal(wire_encode_verdict(&peer->output, request, &out), 0);
}

uint64_t net_access(struct net_peer *peer, const struct wire_access *access)
{
	assert_int_equal(wire_encode_access(&peer->output, ++peer->request, access), 0);
	return peer->request;
}

void net_service_up(struct net_peer *manager, uint32_t id, const struct net_peer *service,
		    const char *name)
{
	struct wire_service_up up = {.service = id,
				     .cid = service->cid,
				     .port = service->port,
				     .name = wire_string_of(name),
				     .version = wire_string_of("1")};

	assert_int_equal(wire_encode_service_up(&manager->output, &up), 0);
}

void net_service_down(struct net_peer *manager, uint32_t id, enum mux_error reason)
{
	struct wire_service_down down = {.service = id, .reason = reason};

	assert_int_equal(wire_encode_service_down(&manager->output, &down), 0);
}
