/* SPDX-License-Identifier: MIT */
/* What the echo programs of tests/guests use of appliance/runtime/mux.h, for Linux. */
#ifndef TESTS_GUESTS_LINUX_MUX_H
#define TESTS_GUESTS_LINUX_MUX_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

static inline uint64_t mux_time_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000U + (uint64_t)now.tv_nsec / 1000U;
}

#endif
