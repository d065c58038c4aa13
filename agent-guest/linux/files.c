/* SPDX-License-Identifier: MIT */
/*
 * Permission events: what the gate hands over goes to the core, and the core's decision to the
 * gate. Files that services called clean get an ignore mark where nothing can change them unseen.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <time.h>
#include <unistd.h>

#include "agent-guest/linux/clock.h"
#include "agent-guest/linux/daemon.h"
#include "agent-guest/linux/log.h"
#include "agent-guest/linux/proc_link.h"

#define OPERATIONS_PER_TURN 64U
/* A file changed so recently may change again without another ctime: its granularity is a tick. */
#define SETTLE_NS 20000000LL

/* An operation with what its descriptor tells. */
struct opened {
	uint64_t cookie;
	struct gate_operation operation;
	struct agent_event event;
	char path[OBJECT_PATH_MAX];
};

static uint64_t mix(uint64_t a, uint64_t b)
{
	uint64_t x =
		(a ^ (b + 0x9e3779b97f4a7c15ULL + (a << 6) + (a >> 2))) * 0xbf58476d1ce4e5b9ULL;

	return x ^ x >> 31;
}

static uint64_t time_ns(const struct timespec *time)
{
	return (uint64_t)time->tv_sec * 1000000000U + (uint64_t)time->tv_nsec;
}

static uint64_t version_of(const struct stat *stat)
{
	return mix(mix(time_ns(&stat->st_ctim), time_ns(&stat->st_mtim)), (uint64_t)stat->st_size);
}

/* Is nobody writing? Who has it open, or mapped, for writing may change it without an event. A read
 * lease is given only where nobody has (fcntl(2)). */
static bool has_no_writer(int fd)
{
	if (fcntl(fd, F_SETLEASE, F_RDLCK) < 0) {
		return false;
	}
	(void)fcntl(fd, F_SETLEASE, F_UNLCK);
	return true;
}

static bool is_steady(int fd, const struct stat *stat)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return S_ISREG(stat->st_mode) && stat->st_nlink == 1 &&
	       (int64_t)(time_ns(&now) - time_ns(&stat->st_ctim)) > SETTLE_NS && has_no_writer(fd);
}

/* file_id stays 0, so that verdicts are not remembered, where the content may change unseen. */
static void identify(struct agent_event *event, int fd, bool may_remember)
{
	struct stat stat;

	if (fstat(fd, &stat) < 0) {
		return;
	}
	event->size = (uint64_t)stat.st_size;
	if (may_remember && is_steady(fd, &stat)) {
		event->file_id = mix(stat.st_dev, stat.st_ino) | 1;
		event->file_version = version_of(&stat);
	}
}

/* ---- remembering ---- */

static uint64_t mask_of(enum mux_event_kind kind)
{
	return kind == MUX_EVENT_EXECUTE ? FAN_OPEN_EXEC_PERM
	       : kind == MUX_EVENT_READ	 ? FAN_ACCESS_PERM
					 : FAN_OPEN_PERM;
}

/* The mark first, then the look whether the file is still as the services saw it: a change after
 * the mark takes it away. */
static void remember(struct daemon *daemon, int fd, const struct agent_event *event)
{
	uint64_t mask = mask_of(event->kind);
	struct agent_event again = {.file_id = 0};

	if (!daemon->config.remember || event->file_id == 0 || !notify_is_settled(daemon, event) ||
	    !watch_ignore(&daemon->watch, fd, mask)) {
		return;
	}
	identify(&again, fd, true);
	if (again.file_id != event->file_id || again.file_version != event->file_version) {
		watch_notice_fd(&daemon->watch, fd, mask);
	}
}

/* ---- decisions ---- */

static void log_decision(const struct agent_event *event, const struct agent_decision *decision)
{
	const char *what = decision->verdict == MUX_VERDICT_DENY ? "denied" : "allowed";

	if (decision->cause == AGENT_CAUSE_DEADLINE) {
		log_line(LOG_LEVEL_WARNING, "%s %s: %s, as %s gave no verdict in time",
			 wire_event_name((uint16_t)event->kind), event->path, what,
			 decision->service);
	} else if (decision->cause == AGENT_CAUSE_DISCONNECT ||
		   decision->cause == AGENT_CAUSE_LIMIT) {
		log_line(LOG_LEVEL_WARNING, "%s %s: %s, as %s could not be asked",
			 wire_event_name((uint16_t)event->kind), event->path, what,
			 decision->service);
	} else if (decision->verdict == MUX_VERDICT_DENY) {
		log_line(LOG_LEVEL_INFO, "%s %s: denied by %s (%s), pid %u",
			 wire_event_name((uint16_t)event->kind), event->path, decision->service,
			 decision->text, event->pid);
	}
}

static void answer(struct daemon *daemon, uint64_t cookie, const struct agent_event *event,
		   const struct agent_decision *decision)
{
	int fd = gate_descriptor(&daemon->gate, cookie);

	if (fd >= 0 && decision->verdict == MUX_VERDICT_ALLOW) {
		remember(daemon, fd, event);
	}
	log_decision(event, decision);
	if (!gate_answer(&daemon->gate, cookie, decision->verdict) && fd >= 0) {
		log_line(LOG_LEVEL_WARNING, "%s: was answered before, at its deadline",
			 event->path);
	}
}

static const struct pending_op *find_pending(const struct agent *agent, uint64_t cookie)
{
	uint32_t left = agent->pending.used;

	for (unsigned i = 0; i < AGENT_PENDING_MAX && left > 0; i++) {
		const struct pending_op *op = &agent->pending.op[i];

		if (op->id != 0 && op->event.cookie == cookie) {
			return op;
		}
		left -= op->id != 0 ? 1 : 0;
	}
	return NULL;
}

void files_decide(struct daemon *daemon, uint64_t cookie, const struct agent_decision *decision)
{
	const struct pending_op *op = find_pending(&daemon->agent, cookie);

	if (op != NULL) {
		answer(daemon, cookie, &op->event, decision);
	}
}

/* The gate is to answer if this thread does not: by the last deadline, with the strictest default.
 */
static void set_deadline(struct daemon *daemon, uint64_t cookie)
{
	const struct pending_op *op = find_pending(&daemon->agent, cookie);
	enum mux_verdict verdict = MUX_VERDICT_ALLOW;
	uint64_t deadline_us = 0;

	for (unsigned i = 0; op != NULL && i < AGENT_SERVICES_MAX; i++) {
		const struct pending_ask *ask = &op->ask[i];

		if (ask->state == PENDING_NONE) {
			continue;
		}
		if (ask->deadline_us > deadline_us) {
			deadline_us = ask->deadline_us;
		}
		if (ask->fallback == MUX_VERDICT_DENY) {
			verdict = MUX_VERDICT_DENY;
		}
	}
	if (op != NULL) {
		gate_set_deadline(&daemon->gate, cookie, deadline_us + GATE_GRACE_US, verdict);
	}
}

/* ---- events ---- */

static enum mux_event_kind kind_of(uint64_t mask)
{
	return (mask & FAN_OPEN_EXEC_PERM) != 0 ? MUX_EVENT_EXECUTE
	       : (mask & FAN_ACCESS_PERM) != 0	? MUX_EVENT_READ
						: MUX_EVENT_OPEN;
}

static void describe(struct daemon *daemon, struct opened *opened, char image[PROCESSES_IMAGE_MAX])
{
	const struct gate_operation *operation = &opened->operation;
	bool may_remember = daemon->config.remember && daemon->watch.can_rename;

	proc_link_path(operation->fd, opened->path, sizeof(opened->path));
	processes_image(&daemon->processes, operation->pid, image);
	opened->event = (struct agent_event){
		.kind = kind_of(operation->mask),
		.can_wait = true,
		.cookie = opened->cookie,
		.pid = operation->pid,
		.start_us = processes_start(&daemon->processes, operation->pid),
		.alive_us = operation->alive_us,
		.path = opened->path,
		.path2 = "",
		.process = image};
	identify(&opened->event, operation->fd, may_remember);
}

static void take(struct daemon *daemon, struct opened *opened)
{
	struct agent_decision decision;
	enum agent_answer result;

	daemon->asked_fd = opened->operation.fd;
	result = agent_notify(&daemon->agent, &opened->event, clock_now(), &decision);
	daemon->asked_fd = -1;
	if (result == AGENT_WAIT) {
		set_deadline(daemon, opened->cookie);
		return;
	}
	decision.verdict = result == AGENT_DENY ? MUX_VERDICT_DENY : MUX_VERDICT_ALLOW;
	answer(daemon, opened->cookie, &opened->event, &decision);
}

/* The gate has answered while this thread was held up: what is left is to tell. */
static void take_late(struct daemon *daemon, struct opened *opened)
{
	enum mux_verdict verdict = (enum mux_verdict)opened->operation.fallback;

	notify_late(daemon, &opened->event, verdict);
	opened->event.can_wait = false;
	notify_report(daemon, &opened->event);
	(void)gate_answer(&daemon->gate, opened->cookie, verdict);
}

/* What the gate could not hand over. */
static void tell_losses(struct daemon *daemon)
{
	struct gate_counters now = gate_counters(&daemon->gate);
	uint64_t kinds =
		1ULL << MUX_EVENT_OPEN | 1ULL << MUX_EVENT_EXECUTE | 1ULL << MUX_EVENT_READ;
	char text[64];

	if (now.full != daemon->told.full) {
		snprintf(text, sizeof(text), "%llu operations: too many waited, fallback",
			 (unsigned long long)(now.full - daemon->told.full));
		notify_lost(daemon, kinds, text);
	}
	if (now.unopened != daemon->told.unopened) {
		snprintf(text, sizeof(text), "%llu operations: no descriptor, denied",
			 (unsigned long long)(now.unopened - daemon->told.unopened));
		notify_lost(daemon, kinds, text);
	}
	daemon->told = now;
}

void files_take(struct daemon *daemon)
{
	static struct opened opened;
	static char image[PROCESSES_IMAGE_MAX];

	for (unsigned i = 0; i < OPERATIONS_PER_TURN; i++) {
		if (!gate_take(&daemon->gate, &opened.operation, &opened.cookie)) {
			break;
		}
		daemon->agent.counters.files_seen++;
		describe(daemon, &opened, image);
		if (opened.operation.is_late) {
			take_late(daemon, &opened);
		} else if (quarantine_has(&daemon->quarantine, opened.path)) {
			(void)gate_answer(&daemon->gate, opened.cookie, MUX_VERDICT_DENY);
		} else {
			take(daemon, &opened);
		}
	}
	tell_losses(daemon);
}
