/* SPDX-License-Identifier: MIT */
#include "appliance/lib/timers.h"

#include <errno.h>
#include <stdlib.h>

#include "appliance/lib/service.h"

uint64_t timers_next_due(const struct timers *timers)
{
	return timers->first ? timers->first->due_ms : UINT64_MAX;
}

int64_t mux_timer_start(struct mux_service *service, uint32_t delay_ms, mux_timer_callback callback,
			void *context)
{
	struct timers *timers = &service->timers;
	struct timer **place = &timers->first;
	struct timer *timer = malloc(sizeof(*timer));

	if (!timer) {
		return -ENOMEM;
	}
	*timer = (struct timer){.id = ++timers->last_id,
				.due_ms = mux_time_ms() + delay_ms,
				.callback = callback,
				.context = context};
	while (*place && (*place)->due_ms <= timer->due_ms) {
		place = &(*place)->next;
	}
	timer->next = *place;
	*place = timer;
	return timer->id;
}

int mux_timer_cancel(struct mux_service *service, int64_t id)
{
	struct timer **place = &service->timers.first;

	while (*place && (*place)->id != id) {
		place = &(*place)->next;
	}
	if (!*place) {
		return -ENOENT;
	}

	struct timer *timer = *place;

	*place = timer->next;
	free(timer);
	return 0;
}

void timers_run(struct mux_service *service, struct timers *timers, uint64_t now_ms)
{
	int64_t last_id = timers->last_id;

	/* Younger timers may stand in front (delay 0): they wait for the next turn, so that a timer
	 * that starts itself again does not keep the loop here. */
	for (;;) {
		struct timer **place = &timers->first;

		while (*place && (*place)->id > last_id) {
			place = &(*place)->next;
		}

		struct timer *timer = *place;

		if (!timer || timer->due_ms > now_ms) {
			return;
		}
		*place = timer->next;
		timer->callback(service, timer->context);
		free(timer);
	}
}

void timers_free(struct timers *timers)
{
	while (timers->first) {
		struct timer *timer = timers->first;

		timers->first = timer->next;
		free(timer);
	}
}
