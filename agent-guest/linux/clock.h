/* SPDX-License-Identifier: MIT */
/* The clock of muxagentd: CLOCK_MONOTONIC, ticks are nanoseconds. Any thread. */
#ifndef AGENT_LINUX_CLOCK_H
#define AGENT_LINUX_CLOCK_H

#include <time.h>

#include "agent-guest/core/event.h"

static inline struct agent_time clock_now(void)
{
	struct timespec now;
	uint64_t ns;

	clock_gettime(CLOCK_MONOTONIC, &now);
	ns = (uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec;
	return (struct agent_time){.us = ns / 1000, .ticks = ns};
}

#endif
