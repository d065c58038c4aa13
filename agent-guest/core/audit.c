/* SPDX-License-Identifier: MIT */
/* Queue of audit records: see audit.h. */
#include "agent-guest/core/audit.h"

#include <stdio.h>
#include <string.h>

static void copy_tail(char *to, size_t size, const char *from)
{
	size_t length = strlen(from);

	if (length < size) {
		memcpy(to, from, length + 1);
		return;
	}
	/* The end of a path says more than its start. */
	memcpy(to, "...", 3);
	memcpy(to + 3, from + length - (size - 4), size - 3);
}

void audit_describe(struct audit_record *record, const char *path, const char *text)
{
	copy_tail(record->path, sizeof(record->path), path);
	snprintf(record->text, sizeof(record->text), "%s", text);
}

static bool is_same_thing(const struct audit_record *a, const struct audit_record *b)
{
	return a->kind == b->kind && a->event == b->event && a->rule == b->rule &&
	       a->service == b->service && a->verdict == b->verdict;
}

static void merge(struct audit_record *into, const struct audit_record *record)
{
	into->count += record->count;
	into->time_us = record->time_us;
	if (into->sequence != record->sequence) {
		into->sequence = 0;
	}
	if (strcmp(into->path, record->path) != 0) {
		into->path[0] = '\0';
	}
	if (strcmp(into->text, record->text) != 0) {
		into->text[0] = '\0';
	}
}

static struct audit_record *find_same_thing(struct audit_queue *queue,
					    const struct audit_record *record)
{
	for (uint32_t i = 0; i < queue->used; i++) {
		struct audit_record *at = &queue->record[(queue->head + i) % AGENT_AUDIT_MAX];

		if (is_same_thing(at, record)) {
			return at;
		}
	}
	return NULL;
}

static void merge_last_resort(struct audit_queue *queue, const struct audit_record *record)
{
	struct audit_record *into = &queue->merged[record->kind % AUDIT_KINDS];

	if (into->count == 0) {
		*into = *record;
		into->path[0] = '\0';
		into->sequence = 0;
	} else {
		merge(into, record);
	}
	/* It stands for several rules and services: it names none. */
	into->rule = 0;
	into->service = 0;
	snprintf(into->text, sizeof(into->text), "several, merged");
}

void audit_push(struct audit_queue *queue, const struct audit_record *record)
{
	bool is_full = queue->used == AGENT_AUDIT_MAX;
	struct audit_record *same = NULL;

	if (is_full || record->kind == MUX_AUDIT_LOST) {
		same = find_same_thing(queue, record);
	}
	if (same != NULL) {
		merge(same, record);
	} else if (!is_full) {
		queue->record[(queue->head + queue->used) % AGENT_AUDIT_MAX] = *record;
		queue->used++;
	} else {
		merge_last_resort(queue, record);
	}
}

const struct audit_record *audit_peek(const struct audit_queue *queue)
{
	if (queue->used > 0) {
		return &queue->record[queue->head];
	}
	for (unsigned i = 0; i < AUDIT_KINDS; i++) {
		if (queue->merged[i].count > 0) {
			return &queue->merged[i];
		}
	}
	return NULL;
}

void audit_pop(struct audit_queue *queue)
{
	if (queue->used > 0) {
		queue->head = (queue->head + 1) % AGENT_AUDIT_MAX;
		queue->used--;
		return;
	}
	for (unsigned i = 0; i < AUDIT_KINDS; i++) {
		if (queue->merged[i].count > 0) {
			queue->merged[i].count = 0;
			return;
		}
	}
}

int audit_encode(struct wire_writer *writer, const struct audit_record *record)
{
	struct wire_audit audit = {.kind = record->kind,
				   .event_kind = record->event,
				   .rule = record->rule,
				   .sequence = record->sequence,
				   .time_us = record->time_us,
				   .count = record->count,
				   .service = record->service,
				   .verdict = record->verdict,
				   .path = wire_string_of(record->path),
				   .text = wire_string_of(record->text)};

	return wire_encode_audit(writer, &audit);
}
