/* SPDX-License-Identifier: MIT */
/* What the guest's OS tells the agent, and what the agent answers. Types only. */
#ifndef AGENT_CORE_EVENT_H
#define AGENT_CORE_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "muxvisor/protocol.h"

/* The present, given into every call: the core reads no clock. */
struct agent_time {
	uint64_t us;	/* monotonic clock, microseconds */
	uint64_t ticks; /* finer clock for latencies: TSC, or nanoseconds */
};

/* One notification of the OS. Strings are NUL-terminated and never NULL; they need to live only as
 * long as the call. */
struct agent_event {
	enum mux_event_kind kind;
	bool can_wait;	       /* the OS holds the operation back until the decision */
	uint64_t cookie;       /* the OS's name of the operation (can_wait), unique among waiting */
	uint64_t file_id;      /* the file object; 0: none, so verdicts are not remembered */
	uint64_t file_version; /* another one whenever its content changed */
	uint64_t size;
	uint32_t pid;
	uint64_t start_us; /* when pid started, as agent_process tells it; 0: not known */
	uint64_t alive_us; /* can_wait: pid was alive at this time of start_us's clock; 0: not known
			    */
	const char *path;
	const char *path2;   /* new name of a rename, else "" */
	const char *process; /* image of pid, or "" */
};

enum agent_cause {
	AGENT_CAUSE_NONE = 0, /* nobody wanted a verdict */
	AGENT_CAUSE_VERDICT,
	AGENT_CAUSE_REMEMBERED,
	AGENT_CAUSE_DEADLINE,	/* the rule's fallback */
	AGENT_CAUSE_DISCONNECT, /* the rule's fallback */
	AGENT_CAUSE_LIMIT,	/* the rule's fallback: no room to ask */
};

/* How an operation was decided, by the service that decided it. Strings as in agent_event. */
struct agent_decision {
	enum mux_verdict verdict;
	enum agent_cause cause;
	uint32_t reason;     /* the service's own code */
	uint64_t ticks;	     /* from notification to decision */
	const char *service; /* "" where cause is NONE */
	const char *text;
};

enum agent_answer {
	AGENT_ALLOW, /* go on */
	AGENT_DENY,  /* refuse the operation */
	AGENT_WAIT,  /* hold it back: agent_os_ops.decide will tell */
};

#endif
