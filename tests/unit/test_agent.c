/* SPDX-License-Identifier: MIT */
/* Unit tests of the agent's core against a manager and two services in the same process. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/agent_net.h"
#include "tests/unit/agent_os.h"

#define OPENS	 (1ULL << MUX_EVENT_OPEN)
#define CLOSES	 (1ULL << MUX_EVENT_CLOSE)
#define DEADLINE 100U /* ms, of verdict rules */

/* What a peer got. */
struct log {
	unsigned events;
	uint64_t sequence;
	uint64_t request[256]; /* of the questions, by order */
	unsigned questions;
	uint64_t handle;
	unsigned configured;
	unsigned errors;
	uint32_t error;
	unsigned heartbeats;
	unsigned byes;
	uint64_t audits[AUDIT_KINDS]; /* events that records stand for, by kind */
	unsigned responses;
	int32_t status;
	uint64_t data_bytes;
	uint64_t total;
	unsigned entries;
	uint64_t ended[64]; /* requests, by their end */
	unsigned ends;
	char last_path[64];
	char id[64];
	uint64_t verbs; /* of the agent's HELLO */
	uint64_t granted;
	char audit_path[64]; /* of the last record */
	char audit_text[64];
};

struct world {
	struct net net;
	struct fake_os os;
	struct agent agent;
	struct net_peer *manager;
	struct net_peer *service[2];
	struct log log[3]; /* manager's, then the services' */
};

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

static void take_message(struct net_peer *peer, const struct wire_message *message)
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

static struct world *world;

static int set_up(void **state)
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

static int tear_down(void **state)
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

/* Service `index` comes up with this one rule. */
static void join(unsigned index, enum mux_action action, uint64_t events, enum mux_verdict fallback)
{
	struct wire_rule rule = net_rule(index + 1, action, events, "/**",
					 action == MUX_ACTION_VERDICT ? DEADLINE : 0, fallback);

	net_service_up(world->manager, index + 1, world->service[index], index == 0 ? "av" : "dlp");
	net_pump(&world->net);
	net_configure(world->service[index], &rule, 1);
	net_pump(&world->net);
	assert_int_equal(world->log[index + 1].configured, 1);
}

static enum agent_answer notify(enum mux_event_kind kind, uint64_t cookie, const char *path)
{
	struct agent_event event = fake_event(kind, cookie, path);
	struct agent_decision decision;

	return agent_notify(&world->agent, &event, world->net.now, &decision);
}

static void assert_decision(unsigned index, uint64_t cookie, enum mux_verdict verdict,
			    enum agent_cause cause)
{
	assert_true(world->os.decisions > index);
	assert_int_equal(world->os.decision[index].cookie, cookie);
	assert_int_equal(world->os.decision[index].verdict, verdict);
	assert_int_equal(world->os.decision[index].cause, cause);
}

/* ---- links ---- */

static void test_joins_and_finds_services(void **state)
{
	(void)state;
	assert_int_equal(world->manager->connections, 1);
	assert_int_equal(agent_ready_services(&world->agent), 0);
	join(0, MUX_ACTION_REPORT, OPENS, MUX_VERDICT_ALLOW);
	join(1, MUX_ACTION_REPORT, OPENS, MUX_VERDICT_ALLOW);
	assert_int_equal(agent_ready_services(&world->agent), 2);
}

static void test_manager_comes_later(void **state)
{
	(void)state;
	net_break(&world->net, world->manager);
	world->manager->is_listening = false;
	net_sleep(&world->net, 3000000);
	assert_int_equal(world->manager->connections, 1);
	world->manager->is_listening = true;
	net_sleep(&world->net, AGENT_BACKOFF_MAX_US);
	assert_int_equal(world->manager->connections, 2);
	assert_int_equal(world->agent.manager.session.state, SESSION_OPEN);
}

static void test_heartbeats(void **state)
{
	struct wire_welcome welcome = {.heartbeat_ms = 100, .name = wire_string_of("manager")};

	(void)state;
	/* A connection whose WELCOME asks for heartbeats. */
	net_break(&world->net, world->manager);
	world->manager->on_message = NULL;
	world->manager->is_reading = false;
	net_sleep(&world->net, 100000);
	assert_int_equal(wire_encode_welcome(&world->manager->output, 2, &welcome), 0);
	net_pump(&world->net);
	world->manager->on_message = take_message;
	world->agent.manager.session.output.size = 0; /* HELLO, which would be answered again */
	world->agent.manager.session.output_start = 0;
	world->manager->is_reading = true;
	net_sleep(&world->net, 1000000);
	assert_in_range(world->log[0].heartbeats, 15, 25);
}

static void test_silent_service_is_given_up(void **state)
{
	(void)state;
	world->service[0]->is_reading = false;
	net_service_up(world->manager, 1, world->service[0], "av");
	net_sleep(&world->net, AGENT_WELCOME_US + AGENT_CLOSE_US + AGENT_BACKOFF_MAX_US);
	assert_true(world->service[0]->connections >= 2);
}

static void test_malformed_closes_that_session_alone(void **state)
{
	(void)state;
	join(0, MUX_ACTION_REPORT, OPENS, MUX_VERDICT_ALLOW);
	join(1, MUX_ACTION_REPORT, OPENS, MUX_VERDICT_ALLOW);
	memset(world->service[0]->output_buffer, 0x5a, MUX_HEADER_SIZE);
	world->service[0]->output.size = MUX_HEADER_SIZE;
	net_pump(&world->net);
	assert_int_equal(world->log[1].error, MUX_ERR_MALFORMED);
	assert_int_equal(agent_ready_services(&world->agent), 1);
	assert_int_equal(world->manager->connections, 1);
	notify(MUX_EVENT_OPEN, 1, "/a");
	net_pump(&world->net);
	assert_int_equal(world->log[2].events, 1);
	net_sleep(&world->net, AGENT_BACKOFF_MAX_US + 1000);
	assert_int_equal(world->service[0]->connections, 2);
}

static void test_unexpected_message(void **state)
{
	struct wire_configured configured = {.generation = 1};

	(void)state;
	join(0, MUX_ACTION_REPORT, OPENS, MUX_VERDICT_ALLOW);
	assert_int_equal(wire_encode_configured(&world->service[0]->output, 1, &configured), 0);
	net_pump(&world->net);
	assert_int_equal(world->log[1].error, MUX_ERR_UNEXPECTED);
}

static void test_bad_rules_keep_the_old_ones(void **state)
{
	struct wire_rule rule = net_rule(9, MUX_ACTION_REPORT, OPENS, "/[", 0, MUX_VERDICT_ALLOW);

	(void)state;
	join(0, MUX_ACTION_REPORT, OPENS, MUX_VERDICT_ALLOW);
	net_configure(world->service[0], &rule, 1);
	net_pump(&world->net);
	assert_int_equal(world->log[1].error, MUX_ERR_RULE);
	notify(MUX_EVENT_OPEN, 1, "/a");
	net_pump(&world->net);
	assert_int_equal(world->log[1].events, 1);
}

static void test_too_many_services(void **state)
{
	struct net_peer *manager = world->manager;

	(void)state;
	world->service[0]->is_listening = false;
	for (uint32_t i = 0; i < AGENT_SERVICES_MAX + 2; i++) {
		char name[8] = {'s', (char)('0' + i / 10), (char)('0' + i % 10), '\0'};

		net_service_up(manager, i + 1, world->service[0], name);
	}
	net_pump(&world->net);
	assert_int_equal(world->log[0].error, MUX_ERR_LIMIT);
	assert_int_equal(world->log[0].errors, 2);
}

/* ---- verdicts ---- */

static void test_reports_only_what_matches(void **state)
{
	(void)state;
	join(0, MUX_ACTION_REPORT, OPENS, MUX_VERDICT_ALLOW);
	join(1, MUX_ACTION_REPORT, CLOSES, MUX_VERDICT_ALLOW);
	assert_int_equal(notify(MUX_EVENT_OPEN, 1, "/a"), AGENT_ALLOW);
	assert_int_equal(notify(MUX_EVENT_CLOSE, 2, "/b"), AGENT_ALLOW);
	assert_int_equal(notify(MUX_EVENT_DELETE, 3, "/c"), AGENT_ALLOW);
	net_pump(&world->net);
	assert_int_equal(world->log[1].events, 1);
	assert_string_equal(world->log[1].last_path, "/a");
	assert_int_equal(world->log[2].events, 1);
	assert_string_equal(world->log[2].last_path, "/b");
}

static void test_verdicts(void **state)
{
	(void)state;
	join(0, MUX_ACTION_VERDICT, OPENS, MUX_VERDICT_ALLOW);
	assert_int_equal(notify(MUX_EVENT_OPEN, 10, "/a"), AGENT_WAIT);
	assert_int_equal(notify(MUX_EVENT_OPEN, 11, "/b"), AGENT_WAIT);
	net_pump(&world->net);
	net_verdict(world->service[0], world->log[1].request[1], MUX_VERDICT_DENY, 0, "Virus");
	net_verdict(world->service[0], world->log[1].request[0], MUX_VERDICT_ALLOW, 0, "");
	net_verdict(world->service[0], world->log[1].request[0], MUX_VERDICT_DENY, 0, "late");
	net_pump(&world->net);
	assert_int_equal(world->os.decisions, 2);
	assert_decision(0, 11, MUX_VERDICT_DENY, AGENT_CAUSE_VERDICT);
	assert_string_equal(world->os.decision[0].text, "Virus");
	assert_string_equal(world->os.decision[0].service, "av");
	assert_decision(1, 10, MUX_VERDICT_ALLOW, AGENT_CAUSE_VERDICT);
	assert_int_equal(world->log[0].audits[MUX_AUDIT_DENIED], 1);
	assert_int_equal(world->log[1].audits[MUX_AUDIT_DENIED], 1);
}

static void test_deny_wins(void **state)
{
	(void)state;
	join(0, MUX_ACTION_VERDICT, OPENS, MUX_VERDICT_ALLOW);
	join(1, MUX_ACTION_VERDICT, OPENS, MUX_VERDICT_ALLOW);
	notify(MUX_EVENT_OPEN, 1, "/a");
	notify(MUX_EVENT_OPEN, 2, "/b");
	net_pump(&world->net);
	assert_int_equal(world->log[1].questions, 2);
	assert_int_equal(world->log[2].questions, 2);
	net_verdict(world->service[0], world->log[1].request[0], MUX_VERDICT_ALLOW, 0, "");
	net_pump(&world->net);
	assert_int_equal(world->os.decisions, 0); /* the other one has not said anything */
	net_verdict(world->service[1], world->log[2].request[0], MUX_VERDICT_DENY, 0, "");
	net_verdict(world->service[1], world->log[2].request[1], MUX_VERDICT_DENY, 0, "");
	net_pump(&world->net);
	assert_int_equal(world->os.decisions, 2);
	assert_decision(0, 1, MUX_VERDICT_DENY, AGENT_CAUSE_VERDICT);
	assert_decision(1, 2, MUX_VERDICT_DENY, AGENT_CAUSE_VERDICT);
	/* The one that still looks at the file keeps its handle until it has answered. */
	assert_int_equal(world->agent.pending.used, 1);
	net_verdict(world->service[0], world->log[1].request[1], MUX_VERDICT_ALLOW, 0, "");
	net_pump(&world->net);
	assert_int_equal(world->agent.pending.used, 0);
	assert_int_equal(world->os.decisions, 2);
}

static void test_deadlines(void **state)
{
	(void)state;
	join(0, MUX_ACTION_VERDICT, OPENS, MUX_VERDICT_ALLOW);
	join(1, MUX_ACTION_VERDICT, CLOSES, MUX_VERDICT_DENY);
	notify(MUX_EVENT_OPEN, 1, "/a");
	notify(MUX_EVENT_CLOSE, 2, "/b");
	assert_true(agent_next_deadline(&world->agent) <= world->net.now.us + DEADLINE * 1000);
	net_sleep(&world->net, DEADLINE * 1000 - 1000);
	assert_int_equal(world->os.decisions, 0);
	net_sleep(&world->net, 1000);
	assert_int_equal(world->os.decisions, 2);
	assert_decision(0, 1, MUX_VERDICT_ALLOW, AGENT_CAUSE_DEADLINE);
	assert_decision(1, 2, MUX_VERDICT_DENY, AGENT_CAUSE_DEADLINE);
	assert_int_equal(world->log[0].audits[MUX_AUDIT_DEADLINE], 2);
	assert_int_equal(world->log[1].audits[MUX_AUDIT_DEADLINE], 1);
}

static void test_restarted_service_is_asked_again(void **state)
{
	struct wire_rule rule =
		net_rule(5, MUX_ACTION_VERDICT, OPENS, "/**", DEADLINE, MUX_VERDICT_DENY);

	(void)state;
	join(0, MUX_ACTION_VERDICT, OPENS, MUX_VERDICT_ALLOW);
	notify(MUX_EVENT_OPEN, 1, "/a");
	net_pump(&world->net);
	net_break(&world->net, world->service[0]);
	notify(MUX_EVENT_OPEN, 2, "/b");
	net_sleep(&world->net, 50000);
	assert_int_equal(world->service[0]->connections, 2);
	assert_int_equal(world->os.decisions, 0);
	net_configure(world->service[0], &rule, 1);
	net_pump(&world->net);
	assert_int_equal(world->log[1].questions, 3); /* /a, then /a and /b again */
	net_verdict(world->service[0], world->log[1].request[1], MUX_VERDICT_DENY, 0, "found");
	net_verdict(world->service[0], world->log[1].request[2], MUX_VERDICT_ALLOW, 0, "");
	net_pump(&world->net);
	assert_decision(0, 1, MUX_VERDICT_DENY, AGENT_CAUSE_VERDICT);
	assert_decision(1, 2, MUX_VERDICT_ALLOW, AGENT_CAUSE_VERDICT);
}

static void test_service_that_stays_away(void **state)
{
	(void)state;
	join(0, MUX_ACTION_VERDICT, OPENS, MUX_VERDICT_DENY);
	notify(MUX_EVENT_OPEN, 1, "/a");
	net_pump(&world->net);
	world->service[0]->is_listening = false;
	net_break(&world->net, world->service[0]);
	net_sleep(&world->net, DEADLINE * 1000);
	assert_decision(0, 1, MUX_VERDICT_DENY, AGENT_CAUSE_DISCONNECT);
	assert_int_equal(world->log[0].audits[MUX_AUDIT_DISCONNECT], 1);
	/* Away for long: nothing is held back for it any more. */
	net_sleep(&world->net, AGENT_AWAY_HOLD_US);
	assert_int_equal(notify(MUX_EVENT_OPEN, 2, "/b"), AGENT_DENY);
	net_pump(&world->net);
	assert_int_equal(world->log[0].audits[MUX_AUDIT_DISCONNECT], 2);
}

static void test_service_that_leaves_takes_its_rules(void **state)
{
	(void)state;
	join(0, MUX_ACTION_VERDICT, OPENS, MUX_VERDICT_DENY);
	notify(MUX_EVENT_OPEN, 1, "/a");
	net_service_down(world->manager, 1, MUX_ERR_SHUTDOWN);
	net_pump(&world->net);
	assert_decision(0, 1, MUX_VERDICT_DENY, AGENT_CAUSE_DISCONNECT);
	assert_int_equal(notify(MUX_EVENT_OPEN, 2, "/b"), AGENT_ALLOW);
	assert_int_equal(world->service[0]->link, -1);
}

static void test_lost_service_keeps_its_rules(void **state)
{
	(void)state;
	join(0, MUX_ACTION_VERDICT, OPENS, MUX_VERDICT_DENY);
	net_service_down(world->manager, 1, MUX_ERR_LOST);
	net_pump(&world->net);
	assert_int_equal(world->service[0]->link, -1);
	assert_int_equal(notify(MUX_EVENT_OPEN, 2, "/b"), AGENT_WAIT);
	net_sleep(&world->net, DEADLINE * 1000);
	assert_decision(0, 2, MUX_VERDICT_DENY, AGENT_CAUSE_DISCONNECT);
}

/* Regression: it went on waiting for a dead service to take what was queued for it. */
static void test_lost_service_that_reads_nothing_is_dropped_at_once(void **state)
{
	(void)state;
	join(0, MUX_ACTION_REPORT, OPENS, MUX_VERDICT_ALLOW);
	world->service[0]->is_reading = false;
	for (uint64_t i = 1; i <= 40; i++) {
		notify(MUX_EVENT_OPEN, i, "/queued");
	}
	net_pump(&world->net);
	assert_int_not_equal(world->service[0]->link, -1);
	net_service_down(world->manager, 1, MUX_ERR_LOST);
	net_pump(&world->net);
	assert_int_equal(world->service[0]->link, -1);
}

static void test_reports_wait_for_a_service_that_is_away(void **state)
{
	struct wire_rule rule = net_rule(1, MUX_ACTION_REPORT, OPENS, "/**", 0, MUX_VERDICT_ALLOW);

	(void)state;
	join(0, MUX_ACTION_REPORT, OPENS, MUX_VERDICT_ALLOW);
	world->service[0]->is_reading = false;
	notify(MUX_EVENT_OPEN, 1, "/queued");
	net_pump(&world->net);
	world->service[0]->is_listening = false;
	net_break(&world->net, world->service[0]);
	notify(MUX_EVENT_OPEN, 2, "/away");
	world->service[0]->is_listening = true;
	world->service[0]->is_reading = true;
	net_sleep(&world->net, 100000);
	net_configure(world->service[0], &rule, 1);
	net_pump(&world->net);
	assert_int_equal(world->log[1].events, 2);
	assert_int_equal(world->log[1].sequence, 2);
	assert_string_equal(world->log[1].last_path, "/away");
	assert_int_equal(world->log[0].audits[MUX_AUDIT_LOST], 0);
}

static void test_remembered_verdict(void **state)
{
	struct agent_event event = fake_event(MUX_EVENT_OPEN, 2, "/a");
	struct agent_decision decision;

	(void)state;
	join(0, MUX_ACTION_VERDICT, OPENS, MUX_VERDICT_ALLOW);
	notify(MUX_EVENT_OPEN, 1, "/a");
	net_pump(&world->net);
	net_verdict(world->service[0], world->log[1].request[0], MUX_VERDICT_DENY,
		    MUX_VERDICT_REMEMBER, "Virus");
	net_pump(&world->net);
	assert_int_equal(agent_notify(&world->agent, &event, world->net.now, &decision),
			 AGENT_DENY);
	assert_int_equal(decision.cause, AGENT_CAUSE_REMEMBERED);
	event.file_version++;
	assert_int_equal(agent_notify(&world->agent, &event, world->net.now, &decision),
			 AGENT_WAIT);
	/* The next instance of the service may judge otherwise. */
	net_break(&world->net, world->service[0]);
	event.file_version--;
	event.cookie++;
	assert_int_equal(agent_notify(&world->agent, &event, world->net.now, &decision),
			 AGENT_WAIT);
}

static void test_full_table_falls_back(void **state)
{
	(void)state;
	join(0, MUX_ACTION_VERDICT, OPENS, MUX_VERDICT_DENY);
	for (unsigned i = 0; i < AGENT_PENDING_MAX; i++) {
		assert_int_equal(notify(MUX_EVENT_OPEN, i + 1, "/a"), AGENT_WAIT);
	}
	assert_int_equal(notify(MUX_EVENT_OPEN, 1000, "/a"), AGENT_DENY);
	net_pump(&world->net);
	assert_int_equal(world->log[0].audits[MUX_AUDIT_LOST], 1);
	net_sleep(&world->net, DEADLINE * 1000);
	assert_int_equal(world->os.decisions, AGENT_PENDING_MAX);
	assert_int_equal(notify(MUX_EVENT_OPEN, 1001, "/a"), AGENT_WAIT);
}

static void test_slow_reader_costs_only_itself(void **state)
{
	unsigned sent = 0;

	(void)state;
	join(0, MUX_ACTION_REPORT, OPENS, MUX_VERDICT_ALLOW);
	join(1, MUX_ACTION_REPORT, OPENS, MUX_VERDICT_ALLOW);
	world->service[0]->is_reading = false;
	for (; sent < 10000; sent++) {
		notify(MUX_EVENT_OPEN, sent + 1, "/some/path/that/takes/room");
		net_pump(&world->net);
	}
	assert_int_equal(world->log[2].events, sent);
	assert_true(world->log[0].audits[MUX_AUDIT_LOST] > 0);
	world->service[0]->is_reading = true;
	net_pump(&world->net);
	assert_int_equal(world->log[1].events + world->log[0].audits[MUX_AUDIT_LOST], sent);
}

static void test_slow_reader_that_breaks(void **state)
{
	struct wire_rule rule = net_rule(1, MUX_ACTION_REPORT, OPENS, "/**", 0, MUX_VERDICT_ALLOW);

	(void)state;
	join(0, MUX_ACTION_REPORT, OPENS, MUX_VERDICT_ALLOW);
	world->service[0]->is_reading = false;
	for (unsigned i = 0; i < 1000; i++) {
		notify(MUX_EVENT_OPEN, i + 1, "/some/path/that/takes/room");
	}
	/* More than the backlog takes. */
	net_break(&world->net, world->service[0]);
	world->service[0]->is_reading = true;
	net_sleep(&world->net, 100000);
	net_configure(world->service[0], &rule, 1);
	net_pump(&world->net);
	assert_true(world->log[1].events > 100);
	assert_int_equal(world->log[1].events + world->log[0].audits[MUX_AUDIT_LOST], 1000);
	assert_int_equal(world->agent.counters.events, world->log[1].events);
}

static void test_audits_wait_for_the_manager(void **state)
{
	(void)state;
	join(0, MUX_ACTION_VERDICT, OPENS, MUX_VERDICT_DENY);
	world->manager->is_listening = false;
	net_break(&world->net, world->manager);
	for (unsigned i = 0; i < 500; i++) {
		notify(MUX_EVENT_OPEN, i + 1, "/a");
		net_sleep(&world->net, 10000);
	}
	net_sleep(&world->net, DEADLINE * 1000);
	assert_int_equal(world->log[0].audits[MUX_AUDIT_DEADLINE], 0);
	world->manager->is_listening = true;
	net_sleep(&world->net, AGENT_BACKOFF_MAX_US);
	assert_int_equal(world->log[0].audits[MUX_AUDIT_DEADLINE], 500);
}

/* ---- access requests ---- */

static struct wire_access access_of(enum mux_verb verb, const char *path)
{
	return (struct wire_access){.verb = (uint16_t)verb,
				    .length = verb == MUX_VERB_READ ? UINT64_MAX : 0,
				    .path = wire_string_of(path),
				    .path2 = wire_string_of("")};
}

static int32_t ask(struct wire_access access)
{
	net_access(world->service[0], &access);
	net_pump(&world->net);
	return world->log[1].status;
}

static void test_read_of_any_size(void **state)
{
	(void)state;
	join(0, MUX_ACTION_REPORT, OPENS, MUX_VERDICT_ALLOW);
	world->os.file_size = 3000001;
	assert_int_equal(ask(access_of(MUX_VERB_READ, "/big")), 0);
	assert_int_equal(world->log[1].data_bytes, 3000001);
	assert_int_equal(world->log[1].total, 3000001);
	assert_int_equal(world->log[1].ends, 1);
	assert_int_equal(world->log[1].responses, 3000001 / MUX_DATA_MAX + 1);
	struct wire_access range = access_of(MUX_VERB_READ, "/big");
	range.offset = 2999999;
	assert_int_equal(ask(range), 0);
	assert_int_equal(world->log[1].data_bytes, 3000003);
	range.offset = 5000000;
	assert_int_equal(ask(range), 0);
	assert_int_equal(world->log[1].ends, 3);
}

static void test_reads_take_turns(void **state)
{
	struct wire_access big = access_of(MUX_VERB_READ, "/big");
	struct wire_access small = access_of(MUX_VERB_READ, "/small");
	uint64_t request;

	(void)state;
	join(0, MUX_ACTION_REPORT, OPENS, MUX_VERDICT_ALLOW);
	world->os.file_size = 8000000;
	small.length = 10;
	net_access(world->service[0], &big);
	request = net_access(world->service[0], &small);
	net_pump(&world->net);
	assert_int_equal(world->log[1].ends, 2);
	assert_int_equal(world->log[1].ended[0], request);
	assert_int_equal(world->log[1].data_bytes, 8000010);
}

static void test_events_pass_a_long_read(void **state)
{
	struct wire_access big = access_of(MUX_VERB_READ, "/big");

	(void)state;
	join(0, MUX_ACTION_REPORT, OPENS, MUX_VERDICT_ALLOW);
	world->os.file_size = 8000000;
	world->service[0]->is_reading = false;
	net_access(world->service[0], &big);
	net_pump(&world->net);
	for (unsigned i = 0; i < 600; i++) {
		notify(MUX_EVENT_OPEN, i + 1, "/a");
	}
	world->service[0]->is_reading = true;
	world->service[0]->read_max = 1000;
	net_pump(&world->net);
	assert_int_equal(world->log[1].events, 600);
	assert_int_equal(world->log[0].audits[MUX_AUDIT_LOST], 0);
	assert_int_equal(world->log[1].data_bytes, 8000000);
}

static void test_too_many_requests(void **state)
{
	struct wire_access big = access_of(MUX_VERB_READ, "/big");

	(void)state;
	join(0, MUX_ACTION_REPORT, OPENS, MUX_VERDICT_ALLOW);
	world->os.file_size = 800000;
	world->service[0]->is_reading = false;
	for (unsigned i = 0; i < AGENT_ACCESS_MAX + 1; i++) {
		net_access(world->service[0], &big);
	}
	net_pump(&world->net);
	world->service[0]->is_reading = true;
	net_pump(&world->net);
	assert_int_equal(world->log[1].ends, AGENT_ACCESS_MAX + 1);
	assert_int_equal(world->log[1].data_bytes, AGENT_ACCESS_MAX * 800000);
}

static void test_requests_end_with_the_session(void **state)
{
	struct wire_access big = access_of(MUX_VERB_READ, "/big");

	(void)state;
	join(0, MUX_ACTION_REPORT, OPENS, MUX_VERDICT_ALLOW);
	world->os.file_size = 800000;
	world->service[0]->is_reading = false;
	net_access(world->service[0], &big);
	net_pump(&world->net);
	assert_int_equal(world->os.open_files, 1);
	net_break(&world->net, world->service[0]);
	assert_int_equal(world->os.open_files, 0);
}

static void test_verbs(void **state)
{
	struct wire_access access;

	(void)state;
	join(0, MUX_ACTION_REPORT, OPENS, MUX_VERDICT_ALLOW);
	assert_int_equal(ask(access_of(MUX_VERB_STAT, "/a")), 0);
	assert_int_equal(world->log[1].entries, 1);
	assert_int_equal(ask(access_of(MUX_VERB_LIST, "/")), 0);
	assert_int_equal(world->log[1].entries, 1001);
	assert_int_equal(world->log[1].total, 1000);
	assert_int_equal(ask(access_of(MUX_VERB_PROCESSES, "")), 0);
	assert_int_equal(world->log[1].entries, 1003);
	access = access_of(MUX_VERB_WRITE, "/a");
	access.data = (struct wire_bytes){.data = (const uint8_t *)"text", .size = 4};
	assert_int_equal(ask(access), 0);
	assert_int_equal(world->log[1].total, 4);
	assert_int_equal(ask(access_of(MUX_VERB_DELETE, "/a")), 0);
	assert_int_equal(ask(access_of(MUX_VERB_DELETE, "/missing")), -ENOENT);
	assert_int_equal(ask(access_of(MUX_VERB_CREATE, "/new")), 0);
	access = access_of(MUX_VERB_RENAME, "/a");
	assert_int_equal(ask(access), -EINVAL);
	access.path2 = wire_string_of("/b");
	assert_int_equal(ask(access), 0);
	assert_int_equal(ask(access_of(MUX_VERB_QUARANTINE, "/a")), 0);
	assert_string_equal(world->log[1].id, "/q/1");
	assert_int_equal(ask(access_of(MUX_VERB_RESTORE, "/q/1")), 0);
	assert_int_equal(ask(access_of(MUX_VERB_READ, "relative")), -EINVAL);
	assert_int_equal(ask(access_of(MUX_VERB_READ, "")), -EINVAL);
	assert_int_equal(ask(access_of(MUX_VERB_READ, "/a/../a")), -EINVAL);
	assert_int_equal(ask(access_of(MUX_VERB_READ, "/./a")), -EINVAL);
	assert_int_equal(ask(access_of(MUX_VERB_CREATE, "/a/..")), -EINVAL);
	assert_int_equal(ask(access_of(MUX_VERB_READ, "/...")), 0);
	assert_int_equal(ask(access_of(MUX_VERB_READ, "//.a/b..")), 0);
	access = access_of(MUX_VERB_RENAME, "/a");
	access.path2 = wire_string_of("/b/../c");
	assert_int_equal(ask(access), -EINVAL);
	/* write, delete, create, rename, quarantine, restore */
	assert_int_equal(world->log[0].audits[MUX_AUDIT_ACCESS], 6);
	assert_int_equal(world->log[0].audits[MUX_AUDIT_REFUSED], 0);
}

static struct wire_access process_of(uint16_t verb, uint32_t pid, uint64_t start_us)
{
	struct wire_access access = access_of(verb, "");

	access.offset = pid;
	access.length = start_us;
	return access;
}

static void test_process_verbs(void **state)
{
	static const char *const texts[] = {"process-stop pid 7", "process-resume pid 7",
					    "process-kill pid 7"};

	(void)state;
	join(0, MUX_ACTION_REPORT, OPENS, MUX_VERDICT_ALLOW);
	for (uint16_t verb = MUX_VERB_PROCESS_STOP; verb <= MUX_VERB_PROCESS_KILL; verb++) {
		assert_int_equal(ask(process_of(verb, FAKE_PID, FAKE_START)), 0);
		assert_int_equal(world->os.control, verb);
		assert_string_equal(world->log[0].audit_path, "/bin/x");
		assert_string_equal(world->log[0].audit_text, texts[verb - MUX_VERB_PROCESS_STOP]);
		/* The same pid, but another process. */
		assert_int_equal(ask(process_of(verb, FAKE_PID, FAKE_START + 1)), -ESTALE);
		assert_int_equal(ask(process_of(verb, 1, FAKE_START)), -ESRCH);
		assert_int_equal(ask(process_of(verb, FAKE_PID_PROTECTED, FAKE_START)),
				 -EOPNOTSUPP);
		assert_string_equal(world->log[0].audit_path, "/bin/x");
	}
	assert_string_equal(world->log[0].audit_text, "process-kill pid 8: protected");
	assert_int_equal(world->log[0].audits[MUX_AUDIT_ACCESS], 3);
	assert_int_equal(world->log[0].audits[MUX_AUDIT_REFUSED], 3);
	assert_int_equal(world->agent.counters.refused, 3);
}

/* The handle of a waiting event names the process that waits, for the service that was asked. */
static void test_process_by_handle(void **state)
{
	struct wire_access access = access_of(MUX_VERB_PROCESS_KILL, "");
	struct agent_event event = fake_event(MUX_EVENT_OPEN, 1, "/a");
	struct agent_decision decision;

	(void)state;
	join(0, MUX_ACTION_VERDICT, OPENS, MUX_VERDICT_ALLOW);
	join(1, MUX_ACTION_REPORT, OPENS, MUX_VERDICT_ALLOW);
	event.alive_us = FAKE_START + 5;
	agent_notify(&world->agent, &event, world->net.now, &decision);
	net_pump(&world->net);
	access.handle = world->log[1].handle;
	assert_int_equal(ask(access), 0);
	assert_int_equal(world->os.controlled.pid, FAKE_PID);
	assert_int_equal(world->os.controlled.start_us, 0);
	assert_int_equal(world->os.controlled.alive_us, FAKE_START + 5);
	net_access(world->service[1], &access);
	net_pump(&world->net);
	assert_int_equal(world->log[2].status, -ENOENT); /* it was not asked */
	net_verdict(world->service[0], world->log[1].request[0], MUX_VERDICT_ALLOW, 0, "");
	assert_int_equal(ask(access), -ENOENT);
	/* A process that is younger than the event got its pid. */
	event.alive_us = FAKE_START - 1;
	event.cookie = 2;
	agent_notify(&world->agent, &event, world->net.now, &decision);
	net_pump(&world->net);
	access.handle = world->log[1].handle;
	assert_int_equal(ask(access), -ESTALE);
	/* An OS that knows the start need not know more. */
	event.alive_us = 0;
	event.start_us = FAKE_START;
	event.cookie = 3;
	agent_notify(&world->agent, &event, world->net.now, &decision);
	net_pump(&world->net);
	access.handle = world->log[1].handle;
	assert_int_equal(ask(access), 0);
}

/* A request of that verb, with what it needs to be well-formed. */
static struct wire_access any_access(uint16_t verb)
{
	return wire_verb_is_process(verb) ? process_of(verb, FAKE_PID, FAKE_START)
					  : access_of(verb, "/a");
}

static void test_forbidden_verb(void **state)
{
	(void)state;
	world->agent.config.grants.forbidden = GRANTS_ALL & ~(1ULL << MUX_VERB_STAT);
	join(0, MUX_ACTION_REPORT, OPENS, MUX_VERDICT_ALLOW);
	assert_true(world->log[1].verbs == GRANTS_ALL);
	assert_true(world->log[1].granted == 1ULL << MUX_VERB_STAT);
	assert_true(world->log[0].granted == 0); /* the manager asks for nothing */
	for (uint16_t verb = 0; verb < MUX_VERBS; verb++) {
		world->log[0].audit_text[0] = '\0';
		assert_int_equal(ask(any_access(verb)), verb == MUX_VERB_STAT ? 0 : -EPERM);
		assert_int_equal(verb == MUX_VERB_STAT,
				 strstr(world->log[0].audit_text, ": forbidden here") == NULL);
	}
	assert_string_equal(world->log[0].audit_text, "process-kill pid 7: forbidden here");
	assert_int_equal(world->log[0].audits[MUX_AUDIT_ACCESS], 0);
	assert_int_equal(world->log[0].audits[MUX_AUDIT_REFUSED], MUX_VERBS - 1);
	assert_int_equal(world->log[1].audits[MUX_AUDIT_REFUSED], MUX_VERBS - 1);
	assert_int_equal(world->agent.counters.refused, MUX_VERBS - 1);
	assert_int_equal(world->os.controlled.pid, 0); /* nothing reached the OS */
	assert_int_equal(world->os.writes, 0);
}

/* Services are told apart by their CIDs: 16 has a grant of its own, 17 has what others have. */
static void test_grants(void **state)
{
	struct wire_access access = access_of(MUX_VERB_QUARANTINE, "/a");

	(void)state;
	grants_init(&world->agent.config.grants);
	world->agent.config.grants.count = 1;
	world->agent.config.grants.entry[0] =
		(struct grants_entry){.cid = 16, .verbs = 1ULL << MUX_VERB_PROCESS_KILL};
	join(0, MUX_ACTION_REPORT, OPENS, MUX_VERDICT_ALLOW);
	join(1, MUX_ACTION_REPORT, OPENS, MUX_VERDICT_ALLOW);
	assert_true(world->log[1].granted == 1ULL << MUX_VERB_PROCESS_KILL);
	assert_true(world->log[2].granted == GRANTS_OTHERS);
	for (uint16_t verb = 0; verb < MUX_VERBS; verb++) {
		assert_int_equal(ask(any_access(verb)),
				 verb == MUX_VERB_PROCESS_KILL ? 0 : -EACCES);
	}
	assert_int_equal(ask(access_of(MUX_VERB_RENAME, "/some/file")), -EACCES);
	assert_string_equal(world->log[0].audit_path, "/some/file");
	assert_string_equal(world->log[0].audit_text, "rename: not granted");
	assert_int_equal(world->agent.counters.refused, MUX_VERBS);
	net_access(world->service[1], &access);
	net_pump(&world->net);
	assert_int_equal(world->log[2].status, 0);
	access = process_of(MUX_VERB_PROCESS_KILL, FAKE_PID, FAKE_START);
	net_access(world->service[1], &access);
	net_pump(&world->net);
	assert_int_equal(world->log[2].status, -EACCES);
	/* What is forbidden stays forbidden. */
	world->agent.config.grants.forbidden = 1ULL << MUX_VERB_PROCESS_KILL;
	assert_int_equal(ask(access), -EPERM);
	/* What the OS can't do is neither. */
	world->agent.config.verbs = 0;
	assert_int_equal(ask(access), -ENOSYS);
}

/* Refusals are merged where they are many, and all are counted. */
static void test_flood_of_refusals(void **state)
{
	(void)state;
	grants_init(&world->agent.config.grants);
	join(0, MUX_ACTION_REPORT, OPENS, MUX_VERDICT_ALLOW);
	world->manager->is_reading = false;
	for (unsigned i = 0; i < 1000; i++) {
		assert_int_equal(ask(access_of(MUX_VERB_DELETE, "/a")), -EACCES);
	}
	world->manager->is_reading = true;
	net_pump(&world->net);
	assert_int_equal(world->log[0].audits[MUX_AUDIT_REFUSED], 1000);
	assert_int_equal(world->agent.counters.refused, 1000);
}

static void test_handle_lives_until_the_verdict(void **state)
{
	struct wire_access access = access_of(MUX_VERB_READ, "");

	(void)state;
	join(0, MUX_ACTION_VERDICT, OPENS, MUX_VERDICT_ALLOW);
	join(1, MUX_ACTION_REPORT, OPENS, MUX_VERDICT_ALLOW);
	notify(MUX_EVENT_OPEN, 1, "/a");
	net_pump(&world->net);
	access.handle = world->log[1].handle;
	assert_true(access.handle != 0);
	assert_int_equal(ask(access), 0);
	assert_int_equal(world->log[1].data_bytes, 10000);
	/* It is no other service's handle. */
	net_access(world->service[1], &access);
	net_pump(&world->net);
	assert_int_equal(world->log[2].status, -ENOENT);
	net_verdict(world->service[0], world->log[1].request[0], MUX_VERDICT_ALLOW, 0, "");
	assert_int_equal(ask(access), -ENOENT);
}

static void test_bye_brings_counters(void **state)
{
	(void)state;
	join(0, MUX_ACTION_VERDICT, OPENS, MUX_VERDICT_DENY);
	notify(MUX_EVENT_OPEN, 1, "/a");
	agent_bye(&world->agent, world->net.now);
	net_pump(&world->net);
	assert_int_equal(world->log[0].byes, 1);
	assert_int_equal(world->log[1].byes, 1);
	assert_decision(0, 1, MUX_VERDICT_DENY, AGENT_CAUSE_DISCONNECT);
	assert_true(agent_is_off(&world->agent));
	assert_int_equal(notify(MUX_EVENT_OPEN, 2, "/b"), AGENT_ALLOW);
}

static void test_bye_to_a_peer_that_hangs(void **state)
{
	(void)state;
	join(0, MUX_ACTION_REPORT, OPENS, MUX_VERDICT_DENY);
	world->service[0]->is_reading = false;
	agent_bye(&world->agent, world->net.now);
	net_pump(&world->net);
	assert_false(agent_is_off(&world->agent));
	net_sleep(&world->net, AGENT_CLOSE_US);
	assert_true(agent_is_off(&world->agent));
	assert_int_equal(world->log[0].byes, 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_joins_and_finds_services),
		TEST(test_manager_comes_later),
		TEST(test_heartbeats),
		TEST(test_silent_service_is_given_up),
		TEST(test_malformed_closes_that_session_alone),
		TEST(test_unexpected_message),
		TEST(test_bad_rules_keep_the_old_ones),
		TEST(test_too_many_services),
		TEST(test_reports_only_what_matches),
		TEST(test_verdicts),
		TEST(test_deny_wins),
		TEST(test_deadlines),
		TEST(test_restarted_service_is_asked_again),
		TEST(test_service_that_stays_away),
		TEST(test_service_that_leaves_takes_its_rules),
		TEST(test_lost_service_keeps_its_rules),
		TEST(test_lost_service_that_reads_nothing_is_dropped_at_once),
		TEST(test_reports_wait_for_a_service_that_is_away),
		TEST(test_remembered_verdict),
		TEST(test_full_table_falls_back),
		TEST(test_slow_reader_costs_only_itself),
		TEST(test_slow_reader_that_breaks),
		TEST(test_audits_wait_for_the_manager),
		TEST(test_read_of_any_size),
		TEST(test_reads_take_turns),
		TEST(test_events_pass_a_long_read),
		TEST(test_too_many_requests),
		TEST(test_requests_end_with_the_session),
		TEST(test_verbs),
		TEST(test_process_verbs),
		TEST(test_process_by_handle),
		TEST(test_grants),
		TEST(test_flood_of_refusals),
		TEST(test_forbidden_verb),
		TEST(test_handle_lives_until_the_verdict),
		TEST(test_bye_brings_counters),
		TEST(test_bye_to_a_peer_that_hangs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
