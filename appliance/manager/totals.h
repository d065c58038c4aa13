/* SPDX-License-Identifier: MIT */
/*
 * The counters of one peer over all its lives: a peer counts from zero when it starts again, so
 * what it had before is added to what it says now. Latencies are not added: the largest counts.
 */
#ifndef APPLIANCE_MANAGER_TOTALS_H
#define APPLIANCE_MANAGER_TOTALS_H

#include "lib/wire/wire.h"

#define TOTALS_KEYS_MAX 128U /* further keys are not kept */

struct totals_entry {
	uint32_t key;
	uint64_t earlier; /* of lives before this one */
	uint64_t now;
};

struct totals {
	size_t count;
	struct totals_entry entry[TOTALS_KEYS_MAX];
};

/* A HEARTBEAT or BYE of this life: values replace those of the one before. */
void totals_update(struct totals *totals, const struct wire_heartbeat *heartbeat);
/* The peer started again. */
void totals_fold(struct totals *totals);
/* 0 where the peer never named it. */
uint64_t totals_get(const struct totals *totals, uint32_t key);
bool totals_is_maximum(uint32_t key);

#endif
