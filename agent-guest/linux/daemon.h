/* SPDX-License-Identifier: MIT */
/*
 * muxagentd as a whole: the agent's core, its links, and the event sources of Linux that are bound
 * to it. All of it belongs to the main thread; the gate has a thread of its own (gate.h).
 */
#ifndef AGENT_LINUX_DAEMON_H
#define AGENT_LINUX_DAEMON_H

#include "agent-guest/core/agent.h"
#include "agent-guest/driver/links.h"
#include "agent-guest/linux/config.h"
#include "agent-guest/linux/gate.h"
#include "agent-guest/linux/logons.h"
#include "agent-guest/linux/plan.h"
#include "agent-guest/linux/processes.h"
#include "agent-guest/linux/quarantine.h"
#include "agent-guest/linux/watch.h"

struct daemon {
	struct config config;
	struct agent agent;
	struct links links;
	struct gate gate;
	struct watch watch;
	struct quarantine quarantine;
	struct processes processes;
	struct logons logons;
	uint64_t fingerprint;	   /* of the rules that the marks are for */
	int asked_fd;		   /* of the event that the agent is being told of, or -1 */
	struct gate_counters told; /* what audit records tell of already */
	int status_fd;
};

extern const struct agent_os_ops daemon_agent_ops;

/* ---- notify.c: telling the core ---- */

/* Something that has happened; strings as in struct agent_event. */
void notify_report(struct daemon *daemon, const struct agent_event *event);

/* Events of these kinds (bits) were lost before anybody could look at them: an audit record for
 * each service that has a rule about one of them. */
void notify_lost(struct daemon *daemon, uint64_t kinds, const char *text);

/* An operation was answered without asking (`verdict`): an audit record for each service that
 * wanted to be asked. */
void notify_late(struct daemon *daemon, const struct agent_event *event, enum mux_verdict verdict);

/* May the kernel stop telling of this file and kind until it changes? */
bool notify_is_settled(const struct daemon *daemon, const struct agent_event *event);

/* Should notifications wait in the kernel's queue, as a service is behind with reading? */
bool notify_is_congested(const struct daemon *daemon, uint64_t now_us);

/* ---- files.c: permission events ---- */

void files_take(struct daemon *daemon);
void files_decide(struct daemon *daemon, uint64_t cookie, const struct agent_decision *decision);

/* ---- names.c: notifications ---- */

void names_take(struct daemon *daemon);

/* ---- status.c: `muxagentd status` ---- */

/* A listening socket, or negative errno. */
int status_listen(const char *path);
void status_answer(struct daemon *daemon);
/* The client: prints what the running agent says. The program's exit status. */
int status_print(const char *path);

#endif
