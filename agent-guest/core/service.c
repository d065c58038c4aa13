/* SPDX-License-Identifier: MIT */
/* The agent's link to one service: see service.h. */
#include "agent-guest/core/service.h"

#include <stdio.h>
#include <string.h>

#include "agent-guest/core/agent.h"
#include "agent-guest/core/verdict.h"

static void log_service(struct agent *agent, const struct service *service, const char *what)
{
	char line[AGENT_NAME_MAX + 96];

	snprintf(line, sizeof(line), "service %s (CID %u port %u) %s", service->name,
		 (unsigned)service->peer.session.cid, (unsigned)service->peer.session.port, what);
	agent->ops->log(agent->os, line);
}

/* ---- slots ---- */

static struct service *find_by_name(struct agent *agent, struct wire_string name)
{
	for (unsigned i = 0; i < AGENT_SERVICES_MAX; i++) {
		struct service *service = &agent->service[i];

		if (service->is_used && wire_string_equals(name, service->name)) {
			return service;
		}
	}
	return NULL;
}

static struct service *find_free(struct agent *agent)
{
	for (unsigned i = 0; i < AGENT_SERVICES_MAX; i++) {
		if (!agent->service[i].is_used &&
		    agent->service[i].peer.session.state == SESSION_OFF) {
			return &agent->service[i];
		}
	}
	return NULL;
}

static void forget(struct agent *agent, struct service *service, struct agent_time now);

/* Gives up the rules of a service that is down, for one that is there. */
static struct service *evict_absent(struct agent *agent, struct agent_time now)
{
	for (unsigned i = 0; i < AGENT_SERVICES_MAX; i++) {
		struct service *service = &agent->service[i];

		if (service->is_used && service->peer.session.state == SESSION_OFF) {
			forget(agent, service, now);
			return service;
		}
	}
	return NULL;
}

static void take_slot(struct service *service, const struct wire_service_up *up,
		      struct agent_time now)
{
	peer_init(&service->peer);
	service->is_used = true;
	service->has_rules = false;
	service->is_ready = false;
	service->sequence = 0;
	service->away_us = now.us;
	service->access.used = 0;
	service->access.turn = 0;
	memset(service->access.request, 0, sizeof(service->access.request));
	wire_string_copy(service->name, sizeof(service->name), up->name);
	wire_writer_init(&service->backlog, service->backlog_buffer,
			 sizeof(service->backlog_buffer));
}

bool service_up(struct agent *agent, const struct wire_service_up *up, struct agent_time now)
{
	struct service *service = find_by_name(agent, up->name);
	struct session *session;

	if (up->name.size >= AGENT_NAME_MAX) {
		return false;
	}
	if (service == NULL) {
		service = find_free(agent);
		if (service == NULL) {
			service = evict_absent(agent, now);
		}
		if (service == NULL) {
			return false;
		}
		take_slot(service, up, now);
	}
	service->id = up->service;
	session = &service->peer.session;
	if (session->is_wanted && session->cid == up->cid && session->port == up->port &&
	    session->state != SESSION_WAITING) {
		return true;
	}
	session_start(session, up->cid, up->port, now.us);
	log_service(agent, service, "announced");
	return true;
}

static void lose_backlog(struct agent *agent, struct service *service, struct agent_time now);

/* Ends all that the agent does for the service; the connection is the caller's business. */
static void forget(struct agent *agent, struct service *service, struct agent_time now)
{
	verdict_abandon(agent, service, now);
	lose_backlog(agent, service, now);
	service->has_rules = false;
	service->is_used = false;
}

/* It leaves in order and takes its rules with it. */
static void leave(struct agent *agent, struct service *service, struct agent_time now)
{
	forget(agent, service, now);
	session_stop(&service->peer.session, false, now.us);
	log_service(agent, service, "left");
}

void service_bye(struct agent *agent, struct service *service, struct agent_time now)
{
	forget(agent, service, now);
	peer_bye(agent, &service->peer, now);
}

void service_down(struct agent *agent, const struct wire_service_down *down, struct agent_time now)
{
	for (unsigned i = 0; i < AGENT_SERVICES_MAX; i++) {
		struct service *service = &agent->service[i];

		if (!service->is_used || service->id != down->service) {
			continue;
		}
		if (down->reason == MUX_ERR_SHUTDOWN) {
			leave(agent, service, now);
		} else {
			/* Its rules stay: it may come back. Nobody takes what is still queued. */
			session_stop(&service->peer.session, false, now.us);
			session_cut(&service->peer.session, now.us);
			log_service(agent, service, "is down");
		}
	}
}

bool service_is_gone(const struct service *service, struct agent_time now)
{
	return !service->is_ready && now.us - service->away_us >= AGENT_AWAY_HOLD_US;
}

/* ---- events and audit ---- */

void service_audit(struct agent *agent, struct service *service, enum mux_audit kind,
		   const struct agent_event *event, uint32_t rule, uint64_t sequence,
		   enum mux_verdict verdict, const char *text, struct agent_time now)
{
	struct audit_record record = {.kind = (uint16_t)kind,
				      .event = (uint16_t)event->kind,
				      .rule = rule,
				      .service = service->id,
				      .verdict = (uint8_t)verdict,
				      .sequence = sequence,
				      .time_us = now.us,
				      .count = 1};

	audit_describe(&record, event->path, text);
	audit_push(&agent->manager.audit, &record);
	audit_push(&service->peer.audit, &record);
	if (kind == MUX_AUDIT_LOST) {
		agent->counters.lost++;
	}
}

static void count_event(struct agent *agent, const struct wire_event *event)
{
	agent->counters.events++;
	agent->counters.by_kind[event->kind]++;
	agent->counters.by_rule[event->rule & 255]++;
}

/* Gives the event the next sequence number of this connection. */
static int send_event(struct agent *agent, struct service *service, struct wire_event *event,
		      uint64_t request)
{
	int error;

	event->sequence = service->sequence + 1;
	error = wire_encode_event(session_writer(&service->peer.session), request, event);
	if (error == 0) {
		service->sequence++;
		count_event(agent, event);
	}
	return error;
}

int service_send_event(struct agent *agent, struct service *service,
		       const struct agent_event *event, const struct rule *rule, uint64_t request,
		       uint64_t handle, struct agent_time now)
{
	struct wire_event out = {.sequence = 1,
				 .rule = rule->id,
				 .kind = (uint16_t)event->kind,
				 .flags = request != 0 ? MUX_EVENT_VERDICT : 0,
				 .time_us = now.us,
				 .deadline_ms = request != 0 ? rule->deadline_ms : 0,
				 .pid = event->pid,
				 .start_us = event->start_us,
				 .handle = handle,
				 .size = event->size,
				 .path = wire_string_of(event->path),
				 .path2 = wire_string_of(event->path2),
				 .process = wire_string_of(event->process)};

	if (service->is_ready) {
		return send_event(agent, service, &out, request);
	}
	if (request != 0 || service_is_gone(service, now)) {
		return -MUX_ERR_LIMIT;
	}
	return wire_encode_event(&service->backlog, 0, &out);
}

static void lose_event(struct agent *agent, struct service *service, const struct wire_event *event,
		       struct agent_time now)
{
	char path[AUDIT_PATH_MAX];
	struct agent_event lost = {.kind = (enum mux_event_kind)event->kind, .path = path};

	wire_string_copy(path, sizeof(path), event->path);
	service_audit(agent, service, MUX_AUDIT_LOST, &lost, event->rule, 0, MUX_VERDICT_ALLOW,
		      "could not be sent", now);
}

static bool has_rule(const struct rule_set *rules, const struct wire_event *event)
{
	for (unsigned i = 0; i < rules->count; i++) {
		if (rules->rule[i].id == event->rule &&
		    (rules->rule[i].events >> event->kind & 1) != 0) {
			return true;
		}
	}
	return false;
}

/* Every event of the backlog is sent (is_ready) or becomes an audit record. */
static void empty_backlog(struct agent *agent, struct service *service, struct agent_time now)
{
	struct wire_message message;
	struct wire_event event;
	size_t at = 0;

	while (at < service->backlog.size) {
		if (wire_decode_header(service->backlog.data + at, &message.header) != 0) {
			break;
		}
		message.body = service->backlog.data + at + MUX_HEADER_SIZE;
		at += MUX_HEADER_SIZE + message.header.length;
		if (wire_decode_event(&message, &event) == 0 &&
		    (!service->is_ready || !has_rule(&service->filter.rules, &event) ||
		     send_event(agent, service, &event, 0) != 0)) {
			lose_event(agent, service, &event, now);
		}
	}
	service->backlog.size = 0;
}

static void lose_backlog(struct agent *agent, struct service *service, struct agent_time now)
{
	service->is_ready = false;
	empty_backlog(agent, service, now);
}

/* ---- the connection ---- */

void service_connected(struct agent *agent, struct service *service, struct agent_time now)
{
	service->sequence = 0;
	peer_greet(agent, &service->peer, now);
}

/* Reports that were queued but not sent go to the backlog; questions are held in the table. */
static void keep_unsent(struct agent *agent, struct service *service, struct agent_time now)
{
	struct wire_message message;
	struct wire_event event;
	size_t at = 0;

	while (session_next_unsent(&service->peer.session, &at, &message) > 0) {
		if (message.header.type != MUX_MSG_EVENT || message.header.request != 0 ||
		    wire_decode_event(&message, &event) != 0) {
			continue;
		}
		/* It is counted again when it is sent again. */
		agent->counters.events--;
		agent->counters.by_kind[event.kind]--;
		agent->counters.by_rule[event.rule & 255]--;
		if (!service->has_rules || wire_encode_event(&service->backlog, 0, &event) != 0) {
			lose_event(agent, service, &event, now);
		}
	}
}

void service_closed(struct agent *agent, struct service *service, struct agent_time now)
{
	if (service->is_ready) {
		service->away_us = now.us;
		log_service(agent, service, "disconnected");
	}
	service->is_ready = false;
	access_drop(agent, service);
	keep_unsent(agent, service, now);
	verdict_hold(agent, service);
	/* Verdicts of the next instance may differ: its signatures are others. */
	filter_forget(&service->filter);
	peer_closed(&service->peer, now);
}

static void take_configure(struct agent *agent, struct service *service,
			   const struct wire_message *message, struct agent_time now)
{
	struct session *session = &service->peer.session;
	struct wire_configure configure;
	struct wire_configured answer;
	int error = wire_decode_configure(message, &configure);

	if (error == -MUX_ERR_MALFORMED) {
		session_fail(session, MUX_ERR_MALFORMED, message, "CONFIGURE", now.us);
		return;
	}
	if (error == 0) {
		error = rules_build(&agent->scratch_rules, &configure);
	}
	if (error != 0) {
		session_refuse(session, (uint32_t)-error, message, "the old rules stay");
		return;
	}
	answer.generation = configure.generation;
	if (wire_encode_configured(session_writer(session), message->header.request, &answer) !=
	    0) {
		session_fail(session, MUX_ERR_LIMIT, message, "it does not read", now.us);
		return;
	}
	filter_configure(&service->filter, &agent->scratch_rules);
	service->has_rules = true;
	if (!service->is_ready) {
		service->is_ready = true;
		log_service(agent, service, "connected and set its rules");
		empty_backlog(agent, service, now);
		verdict_resume(agent, service, now);
	}
}

static int take_verdict(struct agent *agent, struct service *service,
			const struct wire_message *message, struct agent_time now)
{
	struct wire_verdict verdict;
	int error = wire_decode_verdict(message, &verdict);

	if (error == 0) {
		verdict_answer(agent, service, message->header.request, &verdict, now);
	}
	return error;
}

static int take_access(struct agent *agent, struct service *service,
		       const struct wire_message *message, struct agent_time now)
{
	struct wire_access access;
	int error = wire_decode_access(message, &access);

	if (error == 0) {
		access_begin(agent, service, message->header.request, &access, now);
	}
	return error;
}

static int take_bye(struct agent *agent, struct service *service,
		    const struct wire_message *message, struct agent_time now)
{
	struct wire_bye bye;
	int error = wire_decode_bye(message, &bye);

	if (error != 0) {
		return error;
	}
	if (bye.reason == MUX_ERR_SHUTDOWN) {
		leave(agent, service, now);
	} else {
		session_start(&service->peer.session, service->peer.session.cid,
			      service->peer.session.port, now.us);
	}
	return 0;
}

static void take_message(struct agent *agent, struct service *service,
			 const struct wire_message *message, struct agent_time now)
{
	int result = peer_message(agent, &service->peer, message, now);

	if (result == 0) {
		switch (message->header.type) {
		case MUX_MSG_CONFIGURE: take_configure(agent, service, message, now); break;
		case MUX_MSG_VERDICT: result = take_verdict(agent, service, message, now); break;
		case MUX_MSG_ACCESS: result = take_access(agent, service, message, now); break;
		case MUX_MSG_BYE: result = take_bye(agent, service, message, now); break;
		default: result = -MUX_ERR_UNEXPECTED; break;
		}
	}
	if (result < 0) {
		log_service(agent, service, "broke the protocol");
		session_fail(&service->peer.session, (uint32_t)-result, message,
			     wire_type_name(message->header.type), now.us);
	}
}

void service_input(struct agent *agent, struct service *service, struct agent_time now)
{
	struct session *session = &service->peer.session;
	struct wire_message message;

	while (session->state == SESSION_GREETING || session->state == SESSION_OPEN) {
		int result = wire_stream_next(&session->input, &message);

		if (result == 0) {
			return;
		}
		if (result < 0) {
			log_service(agent, service, "broke the protocol");
			session_fail(session, (uint32_t)-result, NULL, "header", now.us);
			return;
		}
		take_message(agent, service, &message, now);
	}
}
