/* SPDX-License-Identifier: MIT */
/*
 * The table of operations that wait for verdicts: each with a copy of its event, the file object
 * that it is about, and one question per service that was asked. Fixed size, no allocation; who
 * decides, and when, is the business of verdict.c. One thread at a time.
 */
#ifndef AGENT_CORE_PENDING_H
#define AGENT_CORE_PENDING_H

#include "agent-guest/core/event.h"
#include "agent-guest/core/limits.h"

enum pending_state {
	PENDING_NONE = 0, /* not asked, or settled */
	PENDING_HELD,	  /* to be sent when the service is back */
	PENDING_SENT,
};

struct pending_ask {
	uint8_t state;	  /* enum pending_state */
	uint8_t fallback; /* enum mux_verdict */
	uint32_t rule;
	uint32_t deadline_ms;
	uint64_t deadline_us;
	uint64_t sequence;
};

struct pending_op {
	uint64_t id;	 /* EVENT's request id and handle; 0: free slot */
	bool is_decided; /* the OS was told; the rest only keeps the handle alive */
	uint32_t asks;	 /* that are not settled */
	void *file;	 /* of agent_os_ops.open_event, or NULL */
	struct agent_time asked;
	struct agent_event event; /* its strings point to those below */
	struct pending_ask ask[AGENT_SERVICES_MAX];
	char path[AGENT_PATH_MAX];
	char path2[AGENT_PATH_MAX];
	char process[AGENT_PATH_MAX];
};

struct pending {
	uint64_t serial;
	uint32_t used;
	struct pending_op op[AGENT_PENDING_MAX];
};

/* A slot with a copy of the event, or NULL: the table is full, or a string is too long. */
struct pending_op *pending_add(struct pending *pending, const struct agent_event *event,
			       struct agent_time now);

void pending_remove(struct pending *pending, struct pending_op *op);

/* By id; NULL: no such operation (any more). */
struct pending_op *pending_find(struct pending *pending, uint64_t id);

/* The nearest deadline of all unsettled asks, UINT64_MAX where there is none. */
uint64_t pending_next_deadline(const struct pending *pending);

#endif
