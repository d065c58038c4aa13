/* SPDX-License-Identifier: MIT */
/*
 * `muxagentd status`: the running agent writes its state, as lines for people, to whoever connects
 * to a local socket that root alone can reach, and closes. Bounded: what does not fit in the
 * socket's buffer is left out.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent-guest/linux/clock.h"
#include "agent-guest/linux/daemon.h"

#define TEXT_MAX 8192U
#define WAIT_MS	 5000

struct text {
	size_t used;
	char data[TEXT_MAX];
};

static void add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct text *text, const char *format, ...)
{
	size_t room = sizeof(text->data) - text->used;
	va_list arguments;
	int size;

	va_start(arguments, format);
	size = vsnprintf(text->data + text->used, room, format, arguments);
	va_end(arguments);
	text->used += size < 0 ? 0 : (size_t)size < room ? (size_t)size : room - 1;
}

static const char *state_of(const struct session *session)
{
	switch (session->state) {
	case SESSION_OPEN: return "connected";
	case SESSION_CONNECTING:
	case SESSION_GREETING: return "connecting";
	case SESSION_CLOSING: return "closing";
	default: return "not connected";
	}
}

static void add_verbs(struct text *text, const char *title, uint64_t verbs)
{
	add(text, "%s:", title);
	for (uint16_t verb = 0; verb < MUX_VERBS; verb++) {
		if ((verbs >> verb & 1) != 0) {
			add(text, " %s", wire_verb_name(verb));
		}
	}
	add(text, "%s\n", verbs == 0 ? " none" : "");
}

static void add_links(struct text *text, const struct agent *agent)
{
	add(text, "manager: CID %u port %u, %s\n", agent->config.manager_cid,
	    agent->config.manager_port, state_of(&agent->manager.session));
	for (unsigned i = 0; i < AGENT_SERVICES_MAX; i++) {
		const struct service *service = &agent->service[i];

		if (!service->is_used) {
			continue;
		}
		add(text, "service: %s, CID %u port %u, %s, ", service->name,
		    service->peer.session.cid, service->peer.session.port,
		    state_of(&service->peer.session));
		if (service->has_rules) {
			add(text, "%u rules%s\n", service->filter.rules.count,
			    service->is_ready ? "" : ", kept while it is away");
		} else {
			add(text, "no rules yet\n");
		}
		add_verbs(text, "  granted", agent_granted(agent, &service->peer));
	}
}

static void add_watches(struct text *text, const struct watch *watch)
{
	for (unsigned i = 0; i < watch->config->watch_count; i++) {
		const struct config_watch *path = &watch->config->watch[i];

		add(text,
		    "watch: %s (%s), permission events 0x%" PRIx64 ", notifications 0x%" PRIx64
		    "\n",
		    path->path, path->is_filesystem ? "file system" : "mount",
		    watch->plan.watch[i].permission, watch->plan.watch[i].names);
	}
	add(text, "other sources:%s%s%s%s\n", watch->plan.processes ? " processes" : "",
	    watch->plan.memory ? " mappings" : "",
	    watch->plan.configuration ? " configuration" : "",
	    watch->plan.logons ? " log-ons" : "");
	add(text, "ignore marks set: %" PRIu64 "\n", watch->ignored);
}

static void add_counters(struct text *text, struct daemon *daemon)
{
	const struct agent *agent = &daemon->agent;
	const struct agent_counters *from = &agent->counters;
	struct gate_counters gate = {0};
	unsigned waiting = 0;

	if (daemon->gate.fanotify >= 0) {
		gate = gate_counters(&daemon->gate);
		waiting = gate_waiting(&daemon->gate);
	}
	add(text, "operations waiting: %u (verdicts asked: %u)\n", waiting, agent->pending.used);
	add(text,
	    "seen: %" PRIu64 ", reported: %" PRIu64 ", verdicts: %" PRIu64 ", denied: %" PRIu64
	    ", fallbacks: %" PRIu64 ", lost: %" PRIu64 "\n",
	    from->files_seen, from->events, from->verdicts, from->denied, from->fallbacks,
	    from->lost);
	add(text,
	    "remembered: %" PRIu64 ", accesses: %" PRIu64 ", refused: %" PRIu64
	    ", quarantined: %" PRIu64 "\n",
	    from->remembered, from->accesses, from->refused, from->quarantined);
	add(text, "verdict time: p50 %" PRIu64 " us, p99 %" PRIu64 " us\n",
	    latency_percentile(&agent->latency, 50) / 1000,
	    latency_percentile(&agent->latency, 99) / 1000);
	add(text,
	    "gate: %" PRIu64 " events, %" PRIu64 " own, %" PRIu64 " answered at the deadline, "
	    "%" PRIu64 " beyond the limit, %" PRIu64 " unopened\n",
	    gate.events, gate.own, gate.late, gate.full, gate.unopened);
}

static void compose(struct text *text, struct daemon *daemon)
{
	uint64_t up_us = clock_now().us - daemon->agent.start_us;

	add(text, "guest: %s, muxagentd pid %d, up %" PRIu64 " s\n", daemon->config.name,
	    (int)getpid(), up_us / 1000000);
	add_links(text, &daemon->agent);
	add_watches(text, &daemon->watch);
	add_verbs(text, "forbidden verbs", daemon->config.grants.forbidden);
	add_counters(text, daemon);
}

/* ---- the socket ---- */

static struct sockaddr_un address_of(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	return address;
}

static void make_parents(const char *path)
{
	char copy[CONFIG_SOCKET_MAX];

	snprintf(copy, sizeof(copy), "%s", path);
	for (char *at = strchr(copy + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
		*at = '\0';
		mkdir(copy, 0755);
		*at = '/';
	}
}

int status_listen(const char *path)
{
	struct sockaddr_un address = address_of(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t mask;
	int error;

	if (fd < 0) {
		return -errno;
	}
	make_parents(path);
	unlink(path);
	mask = umask(0177);
	error = bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
				listen(fd, 8) < 0
			? -errno
			: 0;
	umask(mask);
	if (error != 0) {
		close(fd);
		return error;
	}
	return fd;
}

void status_answer(struct daemon *daemon)
{
	static struct text text;
	int fd = accept4(daemon->status_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0) {
		return;
	}
	text.used = 0;
	compose(&text, daemon);
	(void)send(fd, text.data, text.used, MSG_DONTWAIT | MSG_NOSIGNAL);
	close(fd);
}

int status_print(const char *path)
{
	struct sockaddr_un address = address_of(path);
	struct timeval limit = {.tv_sec = WAIT_MS / 1000};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char buffer[1024];
	ssize_t size;
	bool is_told = false;

	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		fprintf(stderr, "muxagentd is not running, or not reachable at %s: %s\n", path,
			strerror(errno));
		return 1;
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	while ((size = recv(fd, buffer, sizeof(buffer), 0)) > 0) {
		fwrite(buffer, 1, (size_t)size, stdout);
		is_told = true;
	}
	close(fd);
	if (!is_told) {
		fprintf(stderr, "muxagentd does not answer at %s\n", path);
	}
	return is_told ? 0 : 1;
}
