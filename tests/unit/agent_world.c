/* SPDX-License-Identifier: MIT */
#include "tests/unit/agent_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static void take_event(struct log *log, const struct wire_message *message)
{
	struct wire_event event;

	assert_int_equal(wire_decode_event(message, &event), 0);
	assert_int_equal(event.sequence, log->sequence + 1); /* without gaps */
	log->sequence = event.sequence;
	log->events++;
	wire_string_copy(log->last_path, sizeof(log->last_path), event.path);
	if (message->header.request != 0) {
		log->request[log->questions++ % 256] = message->header.request;
		log->handle = event.handle;
	}
}

static void take_read(struct log *log, const struct wire_response *response)
{
	for (uint32_t i = 0; i < response->data.size; i++) {
		assert_int_equal(response->data.data[i], fake_os_byte(response->offset + i));
	}
	log->data_bytes += response->data.size;
}

static void take_response(struct log *log, const struct wire_message *message)
{
	struct wire_response response;
	struct wire_list list;
	struct wire_stat stat;
	struct wire_process process;
	struct wire_string string;

	assert_int_equal(wire_decode_response(message, &response), 0);
	log->responses++;
	log->status = response.status;
	log->total = response.total;
	list = wire_list_of(response.data);
	if (response.verb == MUX_VERB_READ) {
		take_read(log, &response);
	} else if (response.verb == MUX_VERB_LIST || response.verb == MUX_VERB_STAT) {
		while (wire_next_stat(&list, &stat) == 1) {
			log->entries++;
		}
	} else if (response.verb == MUX_VERB_PROCESSES) {
		while (wire_next_process(&list, &process) == 1) {
			log->entries++;
		}
	} else if (response.verb == MUX_VERB_QUARANTINE && response.status == 0) {
		assert_int_equal(wire_next_string(&list, &string), 1);
		wire_string_copy(log->id, sizeof(log->id), string);
	}
	if ((message->header.flags & MUX_FLAG_MORE) == 0) {
		log->ended[log->ends++ % 64] = message->header.request;
	}
}

void take_message(struct net_peer *peer, const struct wire_message *message)
{
	struct log *log = peer->context;
	struct wire_error error;
	struct wire_audit audit;
	struct wire_hello hello;

	switch (message->header.type) {
	case MUX_MSG_HELLO:
		assert_int_equal(wire_decode_hello(message, &hello), 0);
		log->sequence = 0;
		log->verbs = hello.verbs;
		log->granted = hello.granted;
		break;
	case MUX_MSG_EVENT: take_event(log, message); break;
	case MUX_MSG_CONFIGURED: log->configured++; break;
	case MUX_MSG_RESPONSE: take_response(log, message); break;
	case MUX_MSG_HEARTBEAT: log->heartbeats++; break;
	case MUX_MSG_BYE: log->byes++; break;
	case MUX_MSG_ERROR:
		assert_int_equal(wire_decode_error(message, &error), 0);
		log->errors++;
		log->error = error.code;
		break;
	case MUX_MSG_AUDIT:
		assert_int_equal(wire_decode_audit(message, &audit), 0);
		log->audits[audit.kind] += audit.count;
		wire_string_copy(log->audit_path, sizeof(log->audit_path), audit.path);
		wire_string_copy(log->audit_text, sizeof(log->audit_text), audit.text);
		break;
	default: fail_msg("type %u", message->header.type);
	}
}

struct world *world;

int set_up(void **state)
{
	struct agent_config config = {.name = "guest",
				      .version = "1",
				      .manager_cid = 2,
				      .manager_port = MUX_PORT_MANAGER,
				      .verbs = (1ULL << MUX_VERBS) - 1,
				      .events = (1ULL << MUX_EVENT_KINDS) - 1,
				      .grants = {.others = GRANTS_ALL}};

	(void)state;
	world = calloc(1, sizeof(*world));
	assert_non_null(world);
	net_init(&world->net, &world->agent);
	world->os.file_size = 10000;
	world->manager = net_add(&world->net, 2, MUX_PORT_MANAGER, take_message, &world->log[0]);
	world->service[0] = net_add(&world->net, 16, 7001, take_message, &world->log[1]);
	world->service[1] = net_add(&world->net, 17, 7001, take_message, &world->log[2]);
	agent_init(&world->agent, &config, &fake_os_ops, &world->os, world->net.now);
	net_pump(&world->net);
	return 0;
}

int tear_down(void **state)
{
	(void)state;
	agent_bye(&world->agent, world->net.now);
	world->service[0]->is_reading = true;
	world->service[1]->is_reading = true;
	net_sleep(&world->net, 3 * AGENT_CLOSE_US);
	assert_true(agent_is_off(&world->agent));
	assert_int_equal(world->os.open_files, 0); /* every file object was given back */
	assert_int_equal(world->agent.pending.used, 0);
	net_destroy(&world->net);
	free(world);
	return 0;
}

void join(unsigned index, enum mux_action action, uint64_t events, enum mux_verdict fallback)
{
	struct wire_rule rule = net_rule(index + 1, action, events, "/**",
					 action == MUX_ACTION_VERDICT ? DEADLINE : 0, fallback);

	net_service_up(world->manager, index + 1, world->service[index], index == 0 ? "av" : "dlp");
	net_pump(&world->net);
	net_configure(world->service[index], &rule, 1);
	net_pump(&world->net);
	assert_int_equal(world->log[index + 1].configured, 1);
}

enum agent_answer notify(enum mux_event_kind kind, uint64_t cookie, const char *path)
{
	struct agent_event event = fake_event(kind, cookie, path);
	struct agent_decision decision;

	return agent_notify(&world->agent, &event, world->net.now, &decision);
}

void assert_decision(unsigned index, uint64_t cookie, enum mux_verdict verdict,
		     enum agent_cause cause)
{
	assert_true(world->os.decisions > index);
	assert_int_equal(world->os.decision[index].cookie, cookie);
	assert_int_equal(world->os.decision[index].verdict, verdict);
	assert_int_equal(world->os.decision[index].cause, cause);
}
