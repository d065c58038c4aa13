/* SPDX-License-Identifier: MIT */
/* One-shot timers in a list. No locking: one thread. */
#ifndef APPLIANCE_LIB_TIMERS_H
#define APPLIANCE_LIB_TIMERS_H

#include "appliance/lib/include/muxaccess.h"

struct timer {
	struct timer *next;
	int64_t id;
	uint64_t due_ms;
	mux_timer_callback callback;
	void *context;
};

struct timers {
	struct timer *first; /* by due time */
	int64_t last_id;
};

/* When the first is due, UINT64_MAX if there is none. */
uint64_t timers_next_due(const struct timers *timers);
/* Calls back those that are due at now_ms; not those that the callbacks start. */
void timers_run(struct mux_service *service, struct timers *timers, uint64_t now_ms);
void timers_free(struct timers *timers);

#endif
