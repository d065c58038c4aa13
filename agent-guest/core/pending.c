/* SPDX-License-Identifier: MIT */
/* Operations that wait for verdicts: see pending.h. */
#include "agent-guest/core/pending.h"

#include <stddef.h>
#include <string.h>

static bool copy_string(char to[AGENT_PATH_MAX], const char *from)
{
	size_t length = strlen(from);

	if (length >= AGENT_PATH_MAX) {
		return false;
	}
	memcpy(to, from, length + 1);
	return true;
}

static struct pending_op *free_slot(struct pending *pending)
{
	for (unsigned i = 0; i < AGENT_PENDING_MAX; i++) {
		if (pending->op[i].id == 0) {
			return &pending->op[i];
		}
	}
	return NULL;
}

struct pending_op *pending_add(struct pending *pending, const struct agent_event *event,
			       struct agent_time now)
{
	struct pending_op *op = free_slot(pending);

	if (op == NULL || !copy_string(op->path, event->path) ||
	    !copy_string(op->path2, event->path2) || !copy_string(op->process, event->process)) {
		return NULL;
	}
	/* The slot's index is in the id, so that it is found without a search. */
	op->id = ++pending->serial * AGENT_PENDING_MAX + (uint64_t)(op - pending->op);
	op->is_decided = false;
	op->asks = 0;
	op->file = NULL;
	op->asked = now;
	op->event = *event;
	op->event.path = op->path;
	op->event.path2 = op->path2;
	op->event.process = op->process;
	memset(op->ask, 0, sizeof(op->ask));
	pending->used++;
	return op;
}

void pending_remove(struct pending *pending, struct pending_op *op)
{
	op->id = 0;
	pending->used--;
}

struct pending_op *pending_find(struct pending *pending, uint64_t id)
{
	struct pending_op *op = &pending->op[id % AGENT_PENDING_MAX];

	return id != 0 && op->id == id ? op : NULL;
}

static uint64_t op_deadline(const struct pending_op *op)
{
	uint64_t next = UINT64_MAX;

	for (unsigned i = 0; i < AGENT_SERVICES_MAX; i++) {
		const struct pending_ask *ask = &op->ask[i];

		if (ask->state != PENDING_NONE && ask->deadline_us < next) {
			next = ask->deadline_us;
		}
	}
	return next;
}

uint64_t pending_next_deadline(const struct pending *pending)
{
	uint64_t next = UINT64_MAX;
	uint32_t left = pending->used;

	for (unsigned i = 0; i < AGENT_PENDING_MAX && left > 0; i++) {
		if (pending->op[i].id != 0) {
			uint64_t deadline = op_deadline(&pending->op[i]);

			next = deadline < next ? deadline : next;
			left--;
		}
	}
	return next;
}
