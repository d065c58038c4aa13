/* SPDX-License-Identifier: MIT */
/* The registry's life, its sessions and its event loop. */
#include "appliance/manager/registry.h"

#include "appliance/manager/registry_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "appliance/lib/include/muxaccess.h"

#define OUTPUT_SIZE  49152U /* all announcements at once, with room to spare */
#define GREETING_MS  5000U
#define STUCK_MS     10000U
#define ACCEPTS_MAX  8 /* a turn */
#define RECEIVES_MAX 4 /* a turn and session */

static void receive(struct registry *registry, struct registry_session *session, uint64_t now_ms)
{
	for (int i = 0; i < RECEIVES_MAX && session->state != SESSION_ENDING; i++) {
		int received = connection_receive(&session->connection);

		if (received == 0) {
			return;
		}
		if (received < 0) {
			registry_end_session(registry, session, MUX_ERR_LOST);
			connection_close(&session->connection);
			return;
		}
		session->heard_ms = now_ms;
		registry_take_messages(registry, session);
	}
}

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
		registry_print(registry, session->cid,
			       "alarm: %s %s (CID %u) dropped, silent for %llu ms",
			       registry_role_name(peer), peer->name, (unsigned)peer->cid,
			       (unsigned long long)silence);
		registry_send_error(session, MUX_ERR_LOST, NULL, "no heartbeat");
		registry_end_session(registry, session, MUX_ERR_LOST);
	} else if (silence >= interval * REGISTRY_SILENT_HEARTBEATS && peer->state == REGISTRY_UP) {
		registry_set_state(peer, REGISTRY_SILENT);
		registry_print(registry, session->cid, "alarm: %s %s (CID %u) is silent",
			       registry_role_name(peer), peer->name, (unsigned)peer->cid);
		if (peer->role == MUX_ROLE_AGENT) {
			registry_announce_agent(registry, peer);
		}
	}
}

static void tick_session(struct registry *registry, struct registry_session *session,
			 uint64_t now_ms)
{
	struct connection *connection = &session->connection;

	if (connection->fd >= 0 && (connection_flush(connection, now_ms) ||
				    connection_is_stuck(connection, now_ms, STUCK_MS))) {
		registry_cut(session);
	}
	if (session->state == SESSION_GREETING && now_ms >= session->deadline_ms) {
		registry_send_error(session, MUX_ERR_LOST, NULL, "no HELLO");
		registry_end_session(registry, session, MUX_ERR_LOST);
	}
	if (session->state == SESSION_ENDING && session->peer) {
		registry_detach(registry, session, MUX_ERR_LOST); /* it was cut off */
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
	return (unsigned)kind < REGISTRY_AUDIT_KINDS ? registry->audits[kind] : 0;
}
