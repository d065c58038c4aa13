/* SPDX-License-Identifier: MIT */
#include "tests/unit/access_service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

struct seen seen;

struct transport_unix service_transport;
struct transport_unix manager_transport;
struct mux_service *service;

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

void on_event(struct mux_event *event, void *context)
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

void on_done(const struct mux_result *result, void *context)
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

const struct mux_call call = {.done = on_done, .context = &seen, .timeout_ms = 1000};

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

int setup(void **state)
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

int teardown(void **state)
{
	(void)state;
	mux_service_destroy(service);
	service = NULL;
	world_close();
	return 0;
}

void connect_agent(struct wire_peer *agent, uint32_t cid, const char *name)
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

void send_event(struct wire_peer *agent, uint64_t sequence, uint64_t request, const char *path)
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

void respond(struct wire_peer *agent, uint64_t request, bool more,
	     const struct wire_response *response)
{
	struct wire_writer writer = wire_peer_writer(agent);

	wire_peer_send(agent, &writer, wire_encode_response(&writer, request, more, response));
}
