/* SPDX-License-Identifier: MIT */
/* The thin agent: see agent.h. */
#include "agent-guest/core/agent.h"

#include "agent-guest/core/manager.h"
#include "agent-guest/core/verdict.h"

void agent_init(struct agent *agent, const struct agent_config *config,
		const struct agent_os_ops *ops, void *os, struct agent_time now)
{
	agent->config = *config;
	agent->ops = ops;
	agent->os = os;
	agent->start_us = now.us;
	agent->is_leaving = false;
	peer_init(&agent->manager);
	for (unsigned i = 0; i < AGENT_SERVICES_MAX; i++) {
		agent->service[i].is_used = false;
		peer_init(&agent->service[i].peer);
	}
	agent->pending.used = 0;
	agent->pending.serial = 0;
	for (unsigned i = 0; i < AGENT_PENDING_MAX; i++) {
		agent->pending.op[i].id = 0;
	}
	agent->latency = (struct latency){0};
	agent->counters = (struct agent_counters){0};
	session_start(&agent->manager.session, config->manager_cid, config->manager_port, now.us);
}

/* ---- notifications ---- */

/* One notification on its way through the services. */
struct notification {
	struct agent *agent;
	const struct agent_event *event;
	struct agent_time now;
	struct pending_op *op; /* once somebody is to be asked */
	bool is_denied;
	struct agent_decision *decision;
};

static void note_verdict(struct notification *n, const struct service *service,
			 enum mux_verdict verdict, enum agent_cause cause)
{
	if (n->is_denied) {
		return;
	}
	n->is_denied = verdict == MUX_VERDICT_DENY;
	*n->decision = (struct agent_decision){
		.verdict = verdict, .cause = cause, .service = service->name, .text = ""};
}

static void fall_back(struct notification *n, struct service *service, const struct rule *rule,
		      enum agent_cause cause)
{
	enum mux_audit kind =
		cause == AGENT_CAUSE_DISCONNECT ? MUX_AUDIT_DISCONNECT : MUX_AUDIT_LOST;

	n->agent->counters.fallbacks++;
	service_audit(n->agent, service, kind, n->event, rule->id, 0,
		      (enum mux_verdict)rule->fallback, "not asked", n->now);
	note_verdict(n, service, (enum mux_verdict)rule->fallback, cause);
}

static void ask(struct notification *n, struct service *service, const struct rule *rule)
{
	struct agent *agent = n->agent;
	enum agent_cause cause = AGENT_CAUSE_LIMIT;

	if (n->op == NULL) {
		n->op = pending_add(&agent->pending, n->event, n->now);
		if (n->op != NULL &&
		    agent->ops->open_event(agent->os, n->event->cookie, &n->op->file) != 0) {
			n->op->file = NULL;
		}
	}
	if (n->op != NULL) {
		cause = verdict_ask(agent, n->op, service, rule, n->now);
	}
	if (cause != AGENT_CAUSE_NONE) {
		fall_back(n, service, rule, cause);
	}
}

static void report(struct notification *n, struct service *service, const struct rule *rule)
{
	if (service_send_event(n->agent, service, n->event, rule, 0, 0, n->now) != 0) {
		service_audit(n->agent, service, MUX_AUDIT_LOST, n->event, rule->id, 0,
			      MUX_VERDICT_ALLOW, "", n->now);
	}
}

static void remembered(struct notification *n, struct service *service,
		       const struct filter_result *result)
{
	n->agent->counters.remembered++;
	note_verdict(n, service, result->verdict, AGENT_CAUSE_REMEMBERED);
	if (result->verdict == MUX_VERDICT_DENY) {
		service_audit(n->agent, service, MUX_AUDIT_DENIED, n->event, result->rule->id, 0,
			      result->verdict, "remembered", n->now);
	}
}

static void notify_service(struct notification *n, struct service *service)
{
	struct filter_result result = filter_apply(&service->filter, n->event);

	switch (result.action) {
	case FILTER_IGNORE: break;
	case FILTER_REPORT: report(n, service, result.rule); break;
	case FILTER_ASK: ask(n, service, result.rule); break;
	case FILTER_REMEMBERED: remembered(n, service, &result); break;
	}
}

static void close_op(struct agent *agent, struct pending_op *op)
{
	if (op->file != NULL) {
		agent->ops->close(agent->os, op->file);
	}
	pending_remove(&agent->pending, op);
}

enum agent_answer agent_notify(struct agent *agent, const struct agent_event *event,
			       struct agent_time now, struct agent_decision *decision)
{
	struct notification n = {.agent = agent, .event = event, .now = now, .decision = decision};

	*decision = (struct agent_decision){.service = "", .text = ""};
	for (unsigned i = 0; i < AGENT_SERVICES_MAX; i++) {
		if (agent->service[i].is_used && agent->service[i].has_rules) {
			notify_service(&n, &agent->service[i]);
		}
	}
	if (n.op != NULL && n.op->asks == 0) {
		close_op(agent, n.op);
		n.op = NULL;
	}
	if (n.is_denied) {
		agent->counters.denied++;
		if (n.op != NULL) {
			n.op->is_decided = true;
		}
		return AGENT_DENY;
	}
	return n.op != NULL ? AGENT_WAIT : AGENT_ALLOW;
}

/* ---- time ---- */

static struct peer *peer_of(struct agent *agent, unsigned link)
{
	return link == 0 ? &agent->manager : &agent->service[link - 1].peer;
}

void agent_tick(struct agent *agent, struct agent_time now)
{
	verdict_expire(agent, now);
	for (unsigned i = 0; i < AGENT_LINKS; i++) {
		peer_tick(agent, peer_of(agent, i), now);
	}
}

uint64_t agent_next_deadline(const struct agent *agent)
{
	uint64_t next = pending_next_deadline(&agent->pending);

	for (unsigned i = 0; i < AGENT_LINKS; i++) {
		const struct peer *peer = i == 0 ? &agent->manager : &agent->service[i - 1].peer;
		uint64_t deadline = peer_next_deadline(peer);

		next = deadline < next ? deadline : next;
	}
	return next;
}

/* ---- state ---- */

unsigned agent_ready_services(const struct agent *agent)
{
	unsigned count = 0;

	for (unsigned i = 0; i < AGENT_SERVICES_MAX; i++) {
		count += agent->service[i].is_used && agent->service[i].is_ready ? 1 : 0;
	}
	return count;
}

static bool services_are_off(const struct agent *agent)
{
	for (unsigned i = 0; i < AGENT_SERVICES_MAX; i++) {
		if (agent->service[i].peer.session.state != SESSION_OFF) {
			return false;
		}
	}
	return true;
}

/* The manager is told last: what could not be sent to a service becomes an audit record. */
static void leave_manager(struct agent *agent, struct agent_time now)
{
	if (agent->is_leaving && agent->manager.session.is_wanted && services_are_off(agent)) {
		peer_bye(agent, &agent->manager, now);
	}
}

void agent_bye(struct agent *agent, struct agent_time now)
{
	agent->is_leaving = true;
	for (unsigned i = 0; i < AGENT_SERVICES_MAX; i++) {
		if (agent->service[i].is_used) {
			service_bye(agent, &agent->service[i], now);
		}
	}
	leave_manager(agent, now);
}

bool agent_is_off(const struct agent *agent)
{
	return services_are_off(agent) && agent->manager.session.state == SESSION_OFF;
}

uint64_t agent_granted(const struct agent *agent, const struct peer *peer)
{
	return peer == &agent->manager
		       ? 0
		       : agent->config.verbs & grants_of(&agent->config.grants, peer->session.cid);
}

struct counter_list {
	struct wire_counter *counters;
	size_t used;
	size_t max;
};

static void add_counter(struct counter_list *list, uint32_t key, uint64_t value)
{
	if (value != 0 && list->used < list->max) {
		list->counters[list->used++] = (struct wire_counter){.key = key, .value = value};
	}
}

size_t agent_list_counters(const struct agent *agent, struct wire_counter *counters, size_t max)
{
	const struct agent_counters *from = &agent->counters;
	struct counter_list list = {.counters = counters, .max = max};

	add_counter(&list, MUX_COUNTER_FILES_SEEN, from->files_seen);
	add_counter(&list, MUX_COUNTER_EVENTS, from->events);
	add_counter(&list, MUX_COUNTER_VERDICTS, from->verdicts);
	add_counter(&list, MUX_COUNTER_DENIED, from->denied);
	add_counter(&list, MUX_COUNTER_FALLBACKS, from->fallbacks);
	add_counter(&list, MUX_COUNTER_EVENTS_LOST, from->lost);
	add_counter(&list, MUX_COUNTER_QUARANTINED, from->quarantined);
	add_counter(&list, MUX_COUNTER_ACCESSES, from->accesses);
	add_counter(&list, MUX_COUNTER_REFUSED, from->refused);
	add_counter(&list, MUX_COUNTER_LATENCY_P50, latency_percentile(&agent->latency, 50));
	add_counter(&list, MUX_COUNTER_LATENCY_P99, latency_percentile(&agent->latency, 99));
	for (unsigned i = 0; i < MUX_EVENT_KINDS; i++) {
		add_counter(&list, MUX_COUNTER_EVENT_BASE + i, from->by_kind[i]);
	}
	for (unsigned i = 0; i < 256; i++) {
		add_counter(&list, MUX_COUNTER_RULE_BASE + i, from->by_rule[i]);
	}
	return list.used;
}

/* ---- links ---- */

bool agent_link_connect(struct agent *agent, unsigned link, uint32_t *cid, uint32_t *port,
			struct agent_time now)
{
	struct session *session = &peer_of(agent, link)->session;

	if (session->state != SESSION_CONNECT) {
		return false;
	}
	*cid = session->cid;
	*port = session->port;
	session_connecting(session, now.us);
	return true;
}

void agent_link_connected(struct agent *agent, unsigned link, struct agent_time now)
{
	if (peer_of(agent, link)->session.state != SESSION_CONNECTING) {
		return; /* it is being given up; agent_link_is_finished tells */
	}
	if (link == 0) {
		peer_greet(agent, &agent->manager, now);
	} else {
		service_connected(agent, &agent->service[link - 1], now);
	}
}

void agent_link_closed(struct agent *agent, unsigned link, struct agent_time now)
{
	if (link == 0) {
		peer_closed(&agent->manager, now);
	} else {
		service_closed(agent, &agent->service[link - 1], now);
	}
	leave_manager(agent, now);
}

void agent_link_input(struct agent *agent, unsigned link, const void *data, size_t size,
		      struct agent_time now)
{
	struct session *session = &peer_of(agent, link)->session;
	const uint8_t *at = data;

	while (size > 0 && (session->state == SESSION_GREETING || session->state == SESSION_OPEN)) {
		size_t taken = wire_stream_feed(&session->input, at, size);

		at += taken;
		size -= taken;
		if (link == 0) {
			manager_input(agent, now);
		} else {
			service_input(agent, &agent->service[link - 1], now);
		}
	}
}

size_t agent_link_output(struct agent *agent, unsigned link, const uint8_t **data)
{
	struct peer *peer = peer_of(agent, link);

	peer_flush_audit(peer);
	if (link > 0) {
		access_pump(agent, &agent->service[link - 1]);
	}
	return session_output(&peer->session, data);
}

void agent_link_sent(struct agent *agent, unsigned link, size_t size)
{
	session_sent(&peer_of(agent, link)->session, size);
}

bool agent_link_is_finished(const struct agent *agent, unsigned link, struct agent_time now)
{
	const struct peer *peer = link == 0 ? &agent->manager : &agent->service[link - 1].peer;

	return session_is_finished(&peer->session, now.us);
}
