/* SPDX-License-Identifier: MIT */
/* Distribution of durations: see latency.h. */
#include "agent-guest/core/latency.h"

#define BUCKETS ((LATENCY_OCTAVES + 1) * LATENCY_STEPS)

static unsigned bucket_of(uint64_t value)
{
	unsigned octave;

	if (value < 2 * LATENCY_STEPS) {
		return (unsigned)value;
	}
	octave = 60U - (unsigned)__builtin_clzll(value); /* value >> octave is in 8..15 */
	return octave * LATENCY_STEPS + (unsigned)(value >> octave);
}

static uint64_t bucket_top(unsigned bucket)
{
	unsigned octave;

	if (bucket < 2 * LATENCY_STEPS) {
		return bucket;
	}
	octave = bucket / LATENCY_STEPS - 1;
	return ((uint64_t)(bucket % LATENCY_STEPS + LATENCY_STEPS) << octave) +
	       ((1ULL << octave) - 1);
}

void latency_add(struct latency *latency, uint64_t value)
{
	latency->bucket[bucket_of(value)]++;
	latency->count++;
}

uint64_t latency_percentile(const struct latency *latency, unsigned percent)
{
	/* Rounded up without overflow: the rank of the value that is looked for. */
	uint64_t rank =
		latency->count / 100 * percent + (latency->count % 100 * percent + 99) / 100;
	uint64_t seen = 0;

	if (latency->count == 0) {
		return 0;
	}
	for (unsigned i = 0; i < BUCKETS; i++) {
		seen += latency->bucket[i];
		if (seen >= rank) {
			return bucket_top(i);
		}
	}
	return UINT64_MAX;
}
