/* SPDX-License-Identifier: MIT */
/*
 * Distribution of durations in fixed memory: buckets of one eighth of an octave, so a percentile is
 * right within 12.5 %. Units are the caller's. One thread at a time.
 */
#ifndef AGENT_CORE_LATENCY_H
#define AGENT_CORE_LATENCY_H

#include <stdint.h>

#define LATENCY_OCTAVES 61U /* all values of 64 bits; the first octave holds 0..15 exactly */
#define LATENCY_STEPS	8U

struct latency {
	uint64_t count;
	uint32_t bucket[(LATENCY_OCTAVES + 1) * LATENCY_STEPS];
};

void latency_add(struct latency *latency, uint64_t value);

/* The largest value of the bucket in which `percent` (1..100) of all values are reached; 0 where
 * there are no values. */
uint64_t latency_percentile(const struct latency *latency, unsigned percent);

#endif
