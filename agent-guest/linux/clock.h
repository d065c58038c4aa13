/* SPDX-License-Identifier: MIT */
/* The clocks of muxagentd. Any thread. */
#ifndef AGENT_LINUX_CLOCK_H
#define AGENT_LINUX_CLOCK_H

#include <time.h>

#include "agent-guest/core/event.h"

/* CLOCK_MONOTONIC; ticks are nanoseconds. */
static inline struct agent_time clock_now(void)
{
	struct timespec now;
	uint64_t ns;

	clock_gettime(CLOCK_MONOTONIC, &now);
	ns = (uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec;
	return (struct agent_time){.us = ns / 1000, .ticks = ns};
}

/* The clock of processes' start times: CLOCK_BOOTTIME, microseconds. */
static inline uint64_t clock_boot_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000000U + (uint64_t)now.tv_nsec / 1000;
}

#endif
