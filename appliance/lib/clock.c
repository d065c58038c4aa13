/* SPDX-License-Identifier: MIT */
/* The monotonic clock of the library and of the manager. */
#include <time.h>

#include "appliance/lib/include/muxaccess.h"

uint64_t mux_time_ms(void)
{
	struct timespec now = {0};

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000U + (uint64_t)now.tv_nsec / 1000000U;
}
