/* SPDX-License-Identifier: MIT */
/* How long a scan may take, so that the verdict is there before the guest stops waiting. */
#ifndef CLAMAV_TIME_H
#define CLAMAV_TIME_H

#include <stdbool.h>
#include <stdint.h>

struct clamav_time {
	uint32_t scan_ms; /* libclamav is told to end by itself */
	uint32_t kill_ms; /* it has not: its process is ended */
};

/* left_ms: until nobody waits any more, or AV_TIME_NO_END; max_ms: of any scan. false: too little
 * is left for a scan. */
bool clamav_time_split(uint32_t left_ms, uint32_t max_ms, struct clamav_time *time);

#endif
