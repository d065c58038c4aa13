/* SPDX-License-Identifier: MIT */
#include "appliance/manager/totals.h"

bool totals_is_maximum(uint32_t key)
{
	return key == MUX_COUNTER_LATENCY_P50 || key == MUX_COUNTER_LATENCY_P99 ||
	       key == MUX_COUNTER_SIGNATURES;
}

static struct totals_entry *find(const struct totals *totals, uint32_t key)
{
	for (size_t i = 0; i < totals->count; i++) {
		if (totals->entry[i].key == key) {
			return (struct totals_entry *)&totals->entry[i];
		}
	}
	return NULL;
}

void totals_update(struct totals *totals, const struct wire_heartbeat *heartbeat)
{
	struct wire_list counters = heartbeat->counters;
	struct wire_counter counter;

	while (wire_next_counter(&counters, &counter) == 1) {
		struct totals_entry *entry = find(totals, counter.key);

		if (!entry && totals->count < TOTALS_KEYS_MAX) {
			entry = &totals->entry[totals->count++];
			*entry = (struct totals_entry){.key = counter.key};
		}
		if (entry) {
			entry->now = counter.value;
		}
	}
}

static uint64_t combine(const struct totals_entry *entry)
{
	if (totals_is_maximum(entry->key)) {
		return entry->now > entry->earlier ? entry->now : entry->earlier;
	}
	return entry->earlier + entry->now;
}

void totals_fold(struct totals *totals)
{
	for (size_t i = 0; i < totals->count; i++) {
		totals->entry[i].earlier = combine(&totals->entry[i]);
		totals->entry[i].now = 0;
	}
}

uint64_t totals_get(const struct totals *totals, uint32_t key)
{
	const struct totals_entry *entry = find(totals, key);

	return entry ? combine(entry) : 0;
}
