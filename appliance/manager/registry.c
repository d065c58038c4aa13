/* SPDX-License-Identifier: MIT */
#include "appliance/manager/registry.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "appliance/lib/connection.h"
#include "appliance/lib/include/muxaccess.h"

#define OUTPUT_SIZE	(2U * WIRE_MESSAGE_MAX)
#define GREETING_MS	5000U
#define STUCK_MS	10000U
#define LINGER_MS	1000U
#define ACCEPTS_MAX	8   /* a turn */
#define RECEIVES_MAX	4   /* a turn and session */
#define ALARMS_MAX	32U /* shown per period */
#define ALARM_PERIOD_MS 1000U
#define AUDIT_KINDS	(MUX_AUDIT_ACCESS + 1)

enum session_state { SESSION_GREETING, SESSION_OPEN, SESSION_ENDING };

struct registry_session {
	struct registry_session *next;
	enum session_state state;
	uint32_t cid;
	uint64_t deadline_ms; /* of GREETING and ENDING */
	uint64_t heard_ms;
	struct registry_peer *peer; /* NULL before HELLO and after the end */
	struct connection connection;
};

struct registry {
	const struct transport *transport;
	struct registry_options options;
	int listener;
	uint32_t last_id;
	struct registry_session *sessions;
	size_t session_count;
	size_t peer_count;
	struct registry_peer peer[REGISTRY_PEERS_MAX];
	uint64_t audits[AUDIT_KINDS];
	uint64_t alarm_ms; /* start of the period in which alarm_count counts */
	uint64_t alarm_count;
	struct pollfd polled[REGISTRY_SESSIONS_MAX + 1];
	struct registry_session *polled_session[REGISTRY_SESSIONS_MAX + 1];
};

/* ---- lines for the console ---- */

static void print(const struct registry *registry, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void print(const struct registry *registry, const char *format, ...)
{
	char line[REGISTRY_LINE_SIZE];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	registry->options.print(registry->options.context, line);
}

/* Alarms about what peers do: a peer must not be able to flood the console. */
static bool may_alarm(struct registry *registry)
{
	uint64_t now_ms = mux_time_ms();

	if (now_ms - registry->alarm_ms >= ALARM_PERIOD_MS) {
		if (registry->alarm_count > ALARMS_MAX) {
			print(registry, "alarm: %llu more alarms not shown",
			      (unsigned long long)(registry->alarm_count - ALARMS_MAX));
		}
		registry->alarm_ms = now_ms;
		registry->alarm_count = 0;
	}
	return ++registry->alarm_count <= ALARMS_MAX;
}

/* Text from a peer, made safe for a terminal: what is not printable ASCII becomes '?'. */
static void copy_text(char *to, size_t size, struct wire_string text)
{
	wire_string_copy(to, size, text);
	for (; *to; to++) {
		if (*to < ' ' || *to > '~') {
			*to = '?';
		}
	}
}

static const char *role_name(const struct registry_peer *peer)
{
	return peer->role == MUX_ROLE_AGENT ? "agent" : "service";
}

/* ---- output ---- */

/* Ends the session without a word: the connection is broken, or its queue is full. */
static void cut(struct registry_session *session)
{
	session->state = SESSION_ENDING;
	connection_close(&session->connection);
}

/* Queues what was encoded; a peer that cannot take it is cut off, and found by the next tick. */
static void queue(struct registry_session *session, const struct wire_writer *writer, int result)
{
	if (result) {
		cut(session);
	} else {
		connection_queue(&session->connection, writer, mux_time_ms());
	}
}

static void send_service_up(struct registry_session *session, const struct registry_peer *service)
{
	struct wire_service_up up = {.service = service->id,
				     .cid = service->cid,
				     .port = service->port,
				     .name = wire_string_of(service->name),
				     .version = wire_string_of(service->version)};
	struct wire_writer writer = connection_writer(&session->connection);

	queue(session, &writer, wire_encode_service_up(&writer, &up));
}

static void send_service_down(struct registry_session *session, uint32_t id, enum mux_error reason)
{
	struct wire_service_down down = {.service = id, .reason = (uint32_t)reason};
	struct wire_writer writer = connection_writer(&session->connection);

	queue(session, &writer, wire_encode_service_down(&writer, &down));
}

static void send_agent_state(struct registry_session *session, const struct registry_peer *agent)
{
	struct wire_agent_state_message state = {.agent = agent->id,
						 .cid = agent->cid,
						 .state = WIRE_AGENT_DOWN,
						 .name = wire_string_of(agent->name)};
	struct wire_writer writer = connection_writer(&session->connection);

	if (agent->state == REGISTRY_UP) {
		state.state = WIRE_AGENT_UP;
	} else if (agent->state == REGISTRY_SILENT) {
		state.state = WIRE_AGENT_SILENT;
	}
	queue(session, &writer, wire_encode_agent_state(&writer, &state));
}

static void send_error(struct registry_session *session, enum mux_error code,
		       const struct wire_message *about, const char *text)
{
	struct wire_error error = {.code = (uint32_t)code,
				   .type = about ? about->header.type : 0,
				   .text = wire_string_of(text)};
	struct wire_writer writer = connection_writer(&session->connection);

	queue(session, &writer,
	      wire_encode_error(&writer, about ? about->header.request : 0, &error));
}

/* ---- announcements ---- */

static bool is_open(const struct registry_session *session, enum mux_role role)
{
	return session->state == SESSION_OPEN && session->peer && session->peer->role == role;
}

static void announce_service(struct registry *registry, const struct registry_peer *service)
{
	for (struct registry_session *s = registry->sessions; s; s = s->next) {
		if (is_open(s, MUX_ROLE_AGENT)) {
			send_service_up(s, service);
		}
	}
}

static void announce_service_down(struct registry *registry, uint32_t id, enum mux_error reason)
{
	for (struct registry_session *s = registry->sessions; s; s = s->next) {
		if (is_open(s, MUX_ROLE_AGENT)) {
			send_service_down(s, id, reason);
		}
	}
}

static void announce_agent(struct registry *registry, const struct registry_peer *agent)
{
	for (struct registry_session *s = registry->sessions; s; s = s->next) {
		if (is_open(s, MUX_ROLE_SERVICE)) {
			send_agent_state(s, agent);
		}
	}
}

/* All that is there, for one that has just come. */
static void introduce(struct registry *registry, struct registry_session *session)
{
	enum mux_role role = session->peer->role;

	for (size_t i = 0; i < registry->peer_count; i++) {
		const struct registry_peer *peer = &registry->peer[i];

		if (!peer->session || session->state != SESSION_OPEN) {
			continue;
		}
		if (role == MUX_ROLE_AGENT && peer->role == MUX_ROLE_SERVICE) {
			send_service_up(session, peer);
		} else if (role == MUX_ROLE_SERVICE && peer->role == MUX_ROLE_AGENT) {
			send_agent_state(session, peer);
		}
	}
}

/* ---- peers ---- */

static void set_state(struct registry_peer *peer, enum registry_state state)
{
	peer->state = state;
	peer->changed_ms = mux_time_ms();
}

/* The peer has no session any more. */
static void detach(struct registry *registry, struct registry_session *session,
		   enum mux_error reason)
{
	struct registry_peer *peer = session->peer;
	bool is_orderly = reason == MUX_ERR_SHUTDOWN || reason == MUX_ERR_NONE;

	session->peer = NULL;
	if (!peer) {
		return;
	}
	peer->session = NULL;
	set_state(peer, is_orderly ? REGISTRY_LEFT : REGISTRY_LOST);
	print(registry, "%s %s (CID %u) left: %s", role_name(peer), peer->name, (unsigned)peer->cid,
	      wire_error_name((uint32_t)reason));
	if (peer->role == MUX_ROLE_SERVICE) {
		announce_service_down(registry, peer->id, reason);
	} else {
		announce_agent(registry, peer);
	}
}

/* Ends a session: its peer is gone, what is queued still goes out. */
static void end_session(struct registry *registry, struct registry_session *session,
			enum mux_error reason)
{
	if (session->state != SESSION_ENDING) {
		session->state = SESSION_ENDING;
		session->deadline_ms = mux_time_ms() + LINGER_MS;
	}
	detach(registry, session, reason);
}

static void fail_session(struct registry *registry, struct registry_session *session, int error,
			 const struct wire_message *about)
{
	enum mux_error code = (enum mux_error) - error;

	print(registry, "alarm: CID %u breaks the protocol: %s in %s", (unsigned)session->cid,
	      wire_error_name((uint32_t)code),
	      about ? wire_type_name(about->header.type) : "header");
	send_error(session, code, about, wire_error_name((uint32_t)code));
	end_session(registry, session, code);
}

static struct registry_peer *find_peer(struct registry *registry, const struct wire_hello *hello,
				       uint32_t cid, const char *name)
{
	for (size_t i = 0; i < registry->peer_count; i++) {
		struct registry_peer *peer = &registry->peer[i];

		if ((uint32_t)peer->role == hello->role &&
		    (hello->role == MUX_ROLE_AGENT
			     ? peer->cid == cid
			     : wire_string_equals(wire_string_of(name), peer->name))) {
			return peer;
		}
	}
	return NULL;
}

/* NULL: there are too many, of this CID or at all. */
static struct registry_peer *new_peer(struct registry *registry, uint32_t cid)
{
	struct registry_peer *peer;
	size_t of_cid = 0;

	for (size_t i = 0; i < registry->peer_count; i++) {
		of_cid += registry->peer[i].cid == cid;
	}
	if (of_cid >= REGISTRY_PEERS_OF_CID_MAX || registry->peer_count == REGISTRY_PEERS_MAX) {
		return NULL;
	}
	peer = &registry->peer[registry->peer_count++];
	*peer = (struct registry_peer){.id = ++registry->last_id};
	return peer;
}

/* ---- messages ---- */

static void attach(struct registry *registry, struct registry_session *session,
		   struct registry_peer *peer, const struct wire_hello *hello, const char *name)
{
	if (peer->session) {
		struct registry_session *old = peer->session;

		send_error(old, MUX_ERR_REPLACED, NULL, "registered again");
		end_session(registry, old, MUX_ERR_REPLACED);
	}
	if (peer->joins++) {
		totals_fold(&peer->totals);
	}
	peer->role = (enum mux_role)hello->role;
	peer->cid = session->cid;
	peer->port = hello->port;
	copy_text(peer->name, sizeof(peer->name), wire_string_of(name));
	copy_text(peer->version, sizeof(peer->version), hello->version);
	peer->session = session;
	peer->heartbeat_ms = session->heard_ms;
	session->peer = peer;
	session->state = SESSION_OPEN;
	set_state(peer, REGISTRY_UP);
}

static void welcome(struct registry *registry, struct registry_session *session, uint64_t request)
{
	struct wire_welcome answer = {.heartbeat_ms = registry->options.heartbeat_ms,
				      .id = session->peer->id,
				      .name = wire_string_of("manager")};
	struct wire_writer writer = connection_writer(&session->connection);

	queue(session, &writer, wire_encode_welcome(&writer, request, &answer));
}

static void refuse(struct registry *registry, struct registry_session *session,
		   const struct wire_message *message, enum mux_error code, const char *why)
{
	if (may_alarm(registry)) {
		print(registry, "alarm: CID %u refused: %s", (unsigned)session->cid, why);
	}
	send_error(session, code, message, why);
	end_session(registry, session, code);
}

static int take_hello(struct registry *registry, struct registry_session *session,
		      const struct wire_message *message)
{
	struct registry_peer *peer;
	struct wire_hello hello;
	char name[REGISTRY_NAME_SIZE];
	int error = wire_decode_hello(message, &hello);

	if (error) {
		return error;
	}
	if (session->state != SESSION_GREETING) {
		return -MUX_ERR_UNEXPECTED;
	}
	copy_text(name, sizeof(name), hello.name);
	peer = find_peer(registry, &hello, session->cid, name);
	if (peer && peer->session && peer->cid != session->cid) {
		/* Agents move to the new address of a service's name: nobody may take it over while
		 * its owner is there. */
		refuse(registry, session, message, MUX_ERR_DENIED,
		       "the service's name is in use by another CID");
		return 0;
	}
	peer = peer ? peer : new_peer(registry, session->cid);
	if (!peer) {
		refuse(registry, session, message, MUX_ERR_LIMIT, "too many agents and services");
		return 0;
	}
	attach(registry, session, peer, &hello, name);
	welcome(registry, session, message->header.request);
	introduce(registry, session);
	if (peer->role == MUX_ROLE_SERVICE) {
		print(registry, "service %s %s (CID %u, port %u) joined, id %u", peer->name,
		      peer->version, (unsigned)peer->cid, (unsigned)peer->port, (unsigned)peer->id);
		announce_service(registry, peer);
	} else {
		print(registry, "agent %s %s (CID %u) joined, id %u", peer->name, peer->version,
		      (unsigned)peer->cid, (unsigned)peer->id);
		announce_agent(registry, peer);
	}
	return 0;
}

static void note_heartbeat(struct registry *registry, struct registry_session *session,
			   const struct wire_heartbeat *heartbeat)
{
	struct registry_peer *peer = session->peer;

	totals_update(&peer->totals, heartbeat);
	peer->heartbeat_ms = session->heard_ms;
	if (peer->state == REGISTRY_SILENT) {
		set_state(peer, REGISTRY_UP);
		print(registry, "%s %s (CID %u) is heard again", role_name(peer), peer->name,
		      (unsigned)peer->cid);
		if (peer->role == MUX_ROLE_AGENT) {
			announce_agent(registry, peer);
		}
	}
}

static int take_heartbeat(struct registry *registry, struct registry_session *session,
			  const struct wire_message *message)
{
	struct wire_heartbeat heartbeat;
	int error = wire_decode_heartbeat(message, &heartbeat);

	if (!error) {
		note_heartbeat(registry, session, &heartbeat);
	}
	return error;
}

static int take_bye(struct registry *registry, struct registry_session *session,
		    const struct wire_message *message)
{
	struct wire_bye bye;
	int error = wire_decode_bye(message, &bye);

	if (!error) {
		note_heartbeat(registry, session, &bye.heartbeat);
		end_session(registry, session, (enum mux_error)bye.reason);
		connection_close(&session->connection);
	}
	return error;
}

static const char *service_name(const struct registry *registry, uint32_t id)
{
	for (size_t i = 0; i < registry->peer_count; i++) {
		const struct registry_peer *peer = &registry->peer[i];

		if (peer->id == id && peer->role == MUX_ROLE_SERVICE) {
			return peer->name;
		}
	}
	return "?";
}

static int take_audit(struct registry *registry, struct registry_session *session,
		      const struct wire_message *message)
{
	char path[REGISTRY_LINE_SIZE / 2];
	char text[REGISTRY_LINE_SIZE / 8];
	struct wire_audit audit;
	int error = wire_decode_audit(message, &audit);

	if (error) {
		return error;
	}
	if (session->peer->role != MUX_ROLE_AGENT) {
		return -MUX_ERR_UNEXPECTED;
	}
	session->peer->audits++;
	registry->audits[audit.kind] += audit.count;
	copy_text(path, sizeof(path), audit.path);
	copy_text(text, sizeof(text), audit.text);
	print(registry, "audit: %s: %s: %s %s %s (rule %u, service %s, %llu) %s",
	      session->peer->name, wire_audit_name(audit.kind),
	      audit.verdict == MUX_VERDICT_DENY ? "deny" : "allow",
	      wire_event_name(audit.event_kind), path, (unsigned)audit.rule,
	      service_name(registry, audit.service), (unsigned long long)audit.count, text);
	return 0;
}

static int take_error(struct registry *registry, struct registry_session *session,
		      const struct wire_message *message)
{
	char text[REGISTRY_LINE_SIZE / 2];
	struct wire_error report;
	int error = wire_decode_error(message, &report);

	if (!error && may_alarm(registry)) {
		copy_text(text, sizeof(text), report.text);
		print(registry, "alarm: CID %u reports %s about %s: %s", (unsigned)session->cid,
		      wire_error_name(report.code), wire_type_name(report.type), text);
	}
	return error;
}

/* 0, or a negated enum mux_error where the session is to end. */
static int take_message(struct registry *registry, struct registry_session *session,
			const struct wire_message *message)
{
	if (session->state == SESSION_GREETING && message->header.type != MUX_MSG_HELLO) {
		return -MUX_ERR_UNEXPECTED;
	}
	switch (message->header.type) {
	case MUX_MSG_HELLO: return take_hello(registry, session, message);
	case MUX_MSG_HEARTBEAT: return take_heartbeat(registry, session, message);
	case MUX_MSG_BYE: return take_bye(registry, session, message);
	case MUX_MSG_AUDIT: return take_audit(registry, session, message);
	case MUX_MSG_ERROR: return take_error(registry, session, message);
	default: return -MUX_ERR_UNEXPECTED;
	}
}

static void take_messages(struct registry *registry, struct registry_session *session)
{
	struct wire_message message;
	int result;

	while (session->state != SESSION_ENDING &&
	       (result = connection_next(&session->connection, &message)) != 0) {
		if (result < 0) {
			fail_session(registry, session, result, NULL);
			return;
		}
		result = take_message(registry, session, &message);
		if (result) {
			fail_session(registry, session, result, &message);
		}
	}
}

static void receive(struct registry *registry, struct registry_session *session, uint64_t now_ms)
{
	for (int i = 0; i < RECEIVES_MAX && session->state != SESSION_ENDING; i++) {
		int received = connection_receive(&session->connection);

		if (received == 0) {
			return;
		}
		if (received < 0) {
			end_session(registry, session, MUX_ERR_LOST);
			connection_close(&session->connection);
			return;
		}
		session->heard_ms = now_ms;
		take_messages(registry, session);
	}
}

/* ---- sessions ---- */

static bool may_accept(const struct registry *registry, uint32_t cid)
{
	size_t ungreeted = 0;

	for (const struct registry_session *s = registry->sessions; s; s = s->next) {
		ungreeted += s->cid == cid && s->state != SESSION_OPEN;
	}
	return ungreeted < REGISTRY_UNGREETED_MAX &&
	       registry->session_count < REGISTRY_SESSIONS_MAX;
}

static void accept_session(struct registry *registry, int fd, uint32_t cid, uint64_t now_ms)
{
	struct registry_session *session =
		may_accept(registry, cid) ? calloc(1, sizeof(*session)) : NULL;

	if (!session || connection_init(&session->connection, OUTPUT_SIZE)) {
		free(session);
		close(fd);
		return;
	}
	connection_open(&session->connection, fd);
	session->state = SESSION_GREETING;
	session->cid = cid;
	session->heard_ms = now_ms;
	session->deadline_ms = now_ms + GREETING_MS;
	session->next = registry->sessions;
	registry->sessions = session;
	registry->session_count++;
}

static void accept_sessions(struct registry *registry, uint64_t now_ms)
{
	for (int i = 0; i < ACCEPTS_MAX; i++) {
		uint32_t cid = 0;
		int fd = registry->transport->accept(registry->transport, registry->listener, &cid);

		if (fd < 0) {
			return;
		}
		accept_session(registry, fd, cid, now_ms);
	}
}

/* polled_ms: when poll() last looked: time that the manager itself was busy does not count. */
static void check_heartbeat(struct registry *registry, struct registry_session *session,
			    uint64_t polled_ms)
{
	struct registry_peer *peer = session->peer;
	uint64_t interval = registry->options.heartbeat_ms;
	uint64_t silence;

	if (session->state != SESSION_OPEN || !peer || polled_ms < session->heard_ms) {
		return;
	}
	silence = polled_ms - session->heard_ms;
	if (silence >= interval * REGISTRY_DROPPED_HEARTBEATS) {
		print(registry, "alarm: %s %s (CID %u) dropped, silent for %llu ms",
		      role_name(peer), peer->name, (unsigned)peer->cid,
		      (unsigned long long)silence);
		send_error(session, MUX_ERR_LOST, NULL, "no heartbeat");
		end_session(registry, session, MUX_ERR_LOST);
	} else if (silence >= interval * REGISTRY_SILENT_HEARTBEATS && peer->state == REGISTRY_UP) {
		set_state(peer, REGISTRY_SILENT);
		print(registry, "alarm: %s %s (CID %u) is silent", role_name(peer), peer->name,
		      (unsigned)peer->cid);
		if (peer->role == MUX_ROLE_AGENT) {
			announce_agent(registry, peer);
		}
	}
}

static void tick_session(struct registry *registry, struct registry_session *session,
			 uint64_t now_ms)
{
	struct connection *connection = &session->connection;

	if (connection->fd >= 0 && (connection_flush(connection, now_ms) ||
				    connection_is_stuck(connection, now_ms, STUCK_MS))) {
		cut(session);
	}
	if (session->state == SESSION_GREETING && now_ms >= session->deadline_ms) {
		send_error(session, MUX_ERR_LOST, NULL, "no HELLO");
		end_session(registry, session, MUX_ERR_LOST);
	}
	if (session->state == SESSION_ENDING && session->peer) {
		detach(registry, session, MUX_ERR_LOST); /* it was cut off */
	}
}

static bool is_over(const struct registry_session *session, uint64_t now_ms)
{
	return session->state == SESSION_ENDING &&
	       (session->connection.fd < 0 || !connection_waiting(&session->connection) ||
		now_ms >= session->deadline_ms);
}

static void free_session(struct registry_session *session)
{
	connection_free(&session->connection);
	free(session);
}

static void tick(struct registry *registry, uint64_t now_ms)
{
	struct registry_session **place = &registry->sessions;

	for (struct registry_session *s = registry->sessions; s; s = s->next) {
		tick_session(registry, s, now_ms);
	}
	while (*place) {
		struct registry_session *session = *place;

		if (!is_over(session, now_ms) || session->peer) {
			place = &session->next;
			continue;
		}
		*place = session->next;
		registry->session_count--;
		free_session(session);
	}
}

static nfds_t fill_polled(struct registry *registry)
{
	nfds_t count = 1;

	registry->polled[0] = (struct pollfd){.fd = registry->listener, .events = POLLIN};
	for (struct registry_session *s = registry->sessions; s; s = s->next) {
		short in = s->state == SESSION_ENDING ? 0 : POLLIN;
		short out = connection_waiting(&s->connection) ? POLLOUT : 0;

		registry->polled_session[count] = s;
		registry->polled[count++] =
			(struct pollfd){.fd = s->connection.fd, .events = (short)(in | out)};
	}
	return count;
}

/* Silence and greetings are looked at twice per heartbeat interval while anybody is there. */
static int poll_timeout(const struct registry *registry, int timeout_ms)
{
	int turn = (int)(registry->options.heartbeat_ms / 2);

	if (!registry->sessions) {
		return timeout_ms;
	}
	for (const struct registry_session *s = registry->sessions; s; s = s->next) {
		if (s->state == SESSION_ENDING &&
		    (s->connection.fd < 0 || !connection_waiting(&s->connection))) {
			return 0; /* to be freed by the next tick */
		}
	}
	return timeout_ms >= 0 && timeout_ms < turn ? timeout_ms : turn;
}

int registry_step(struct registry *registry, int timeout_ms)
{
	nfds_t count;
	uint64_t now_ms;

	tick(registry, mux_time_ms());
	count = fill_polled(registry);
	if (poll(registry->polled, count, poll_timeout(registry, timeout_ms)) < 0) {
		return errno == EINTR ? 0 : -errno;
	}
	now_ms = mux_time_ms();
	for (nfds_t i = 1; i < count; i++) {
		struct registry_session *session = registry->polled_session[i];

		if (registry->polled[i].revents & (POLLERR | POLLHUP) &&
		    session->state == SESSION_ENDING) {
			connection_close(&session->connection);
		} else if (registry->polled[i].revents) {
			receive(registry, session, now_ms);
		}
		check_heartbeat(registry, session, now_ms);
	}
	if (registry->polled[0].revents) {
		accept_sessions(registry, now_ms);
	}
	tick(registry, mux_time_ms());
	return 0;
}

/* ---- life ---- */

static void print_nothing(void *context, const char *line)
{
	(void)context;
	(void)line;
}

int registry_create(const struct transport *transport, const struct registry_options *options,
		    struct registry **out)
{
	struct registry *registry = calloc(1, sizeof(*registry));
	int error;

	if (!registry) {
		return -ENOMEM;
	}
	registry->transport = transport;
	registry->options = *options;
	if (!registry->options.heartbeat_ms) {
		registry->options.heartbeat_ms = REGISTRY_HEARTBEAT_MS;
	}
	if (!registry->options.print) {
		registry->options.print = print_nothing;
	}
	registry->listener = transport->listen(transport, MUX_PORT_MANAGER);
	if (registry->listener < 0) {
		error = registry->listener;
		free(registry);
		return error;
	}
	*out = registry;
	return 0;
}

void registry_destroy(struct registry *registry)
{
	if (!registry) {
		return;
	}
	while (registry->sessions) {
		struct registry_session *session = registry->sessions;

		registry->sessions = session->next;
		free_session(session);
	}
	close(registry->listener);
	free(registry);
}

const struct registry_peer *registry_peer_at(const struct registry *registry, size_t index)
{
	return index < registry->peer_count ? &registry->peer[index] : NULL;
}

uint64_t registry_audit_count(const struct registry *registry, enum mux_audit kind)
{
	return (unsigned)kind < AUDIT_KINDS ? registry->audits[kind] : 0;
}
