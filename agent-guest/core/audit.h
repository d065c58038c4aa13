/* SPDX-License-Identifier: MIT */
/*
 * Audit records on their way to one peer. They are kept while the peer is away. When the queue is
 * full, records about the same thing are merged: details go, counts never do (invariant I8: no
 * matched event is lost without a record that says so). Fixed memory, one thread at a time.
 */
#ifndef AGENT_CORE_AUDIT_H
#define AGENT_CORE_AUDIT_H

#include "agent-guest/core/limits.h"
#include "lib/wire/wire.h"

#define AUDIT_PATH_MAX 192U /* longer paths are cut at their start, behind "..." */
#define AUDIT_TEXT_MAX 64U
#define AUDIT_KINDS    MUX_AUDIT_KINDS

struct audit_record {
	uint16_t kind;	/* enum mux_audit */
	uint16_t event; /* enum mux_event_kind */
	uint32_t rule;
	uint32_t service; /* id that the manager gave */
	uint8_t verdict;  /* enum mux_verdict, applied */
	uint64_t sequence;
	uint64_t time_us; /* of the last event that it stands for */
	uint64_t count;	  /* events that it stands for */
	char path[AUDIT_PATH_MAX];
	char text[AUDIT_TEXT_MAX];
};

struct audit_queue {
	uint32_t head;
	uint32_t used;
	struct audit_record record[AGENT_AUDIT_MAX];
	struct audit_record merged[AUDIT_KINDS]; /* the last resort: one per kind; count 0: none */
};

/* Fills path and text, cutting what is too long. */
void audit_describe(struct audit_record *record, const char *path, const char *text);

/* Takes the record; never fails. LOST records about the same thing are always merged. */
void audit_push(struct audit_queue *queue, const struct audit_record *record);

/* The oldest record, or NULL; audit_pop takes it away. */
const struct audit_record *audit_peek(const struct audit_queue *queue);
void audit_pop(struct audit_queue *queue);

/* Appends the record as a message. Errors of wire_encode_audit. */
int audit_encode(struct wire_writer *writer, const struct audit_record *record);

#endif
