/* SPDX-License-Identifier: MIT */
/*
 * What has to be watched, computed from the union of all services' rules: an event source that no
 * rule asks for costs nothing. Pure computation, no system calls. No locking.
 */
#ifndef AGENT_LINUX_PLAN_H
#define AGENT_LINUX_PLAN_H

#include <sys/fanotify.h>

#include "agent-guest/core/agent.h"
#include "agent-guest/linux/config.h"

/* The last resort for operations that the main thread has not looked at yet. */
struct plan_fallback {
	uint32_t deadline_ms;	  /* the longest of the rules; 0: nobody asks */
	enum mux_verdict verdict; /* DENY if any rule says so */
};

struct plan_watch {
	uint64_t permission; /* of PLAN_PERMISSIONS */
	uint64_t names;	     /* notifications */
};

struct plan {
	struct plan_watch watch[CONFIG_WATCHES_MAX]; /* as in struct config */
	struct plan_fallback open;
	struct plan_fallback execute;
	struct plan_fallback read;
	bool processes;
	bool memory;
	bool configuration;
	bool logons;
};

/* Events that this binding can tell of. */
#define PLAN_EVENTS                                                                             \
	(1ULL << MUX_EVENT_OPEN | 1ULL << MUX_EVENT_CLOSE | 1ULL << MUX_EVENT_WRITE |           \
	 1ULL << MUX_EVENT_CREATE | 1ULL << MUX_EVENT_DELETE | 1ULL << MUX_EVENT_RENAME |       \
	 1ULL << MUX_EVENT_EXECUTE | 1ULL << MUX_EVENT_PROCESS_START |                          \
	 1ULL << MUX_EVENT_PROCESS_STOP | 1ULL << MUX_EVENT_MEMORY | 1ULL << MUX_EVENT_CONFIG | \
	 1ULL << MUX_EVENT_LOGON | 1ULL << MUX_EVENT_READ)

/* What can be held back, as fanotify names it. */
#define PLAN_PERMISSIONS (FAN_OPEN_PERM | FAN_OPEN_EXEC_PERM | FAN_ACCESS_PERM)

/* All rules in force, those of services that are away included. */
void plan_make(struct plan *plan, const struct config *config, const struct agent *agent);

/* Adds one service's rules to a plan that was zero at first. */
void plan_add_rules(struct plan *plan, const struct config *config, const struct rule_set *rules);

/* Can the glob match a path below the directory? Never false where it can. */
bool plan_glob_reaches(const char *glob, const char *directory);

/* Changes whenever rules come, go or change, or a service comes or goes. */
uint64_t plan_fingerprint(const struct agent *agent);

#endif
