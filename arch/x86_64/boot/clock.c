/* SPDX-License-Identifier: MIT */
#include "arch/x86_64/boot/clock.h"

#define TSC_STABLE	 1U /* all vCPUs read the same */
#define EVEN_VERSION	 2U /* odd: being changed; these never change */
#define NANOS_PER_SECOND 1000000000ULL
#define SECONDS_PER_DAY	 86400U
#define DAYS_TO_1970	 719468U /* from 0000-03-01 */

struct wall_clock { /* the time of day when the system clock was 0 */
	uint32_t version;
	uint32_t seconds;
	uint32_t nanoseconds;
};

struct system_clock { /* nanoseconds = ((TSC - tsc) << shift) * multiplier >> 32 + base */
	uint32_t version;
	uint32_t reserved0;
	uint64_t tsc;
	uint64_t base;
	uint32_t multiplier;
	int8_t shift;
	uint8_t flags;
	uint8_t reserved1[2];
};

_Static_assert(sizeof(struct wall_clock) == sizeof(((struct handoff *)0)->clock_wall), "ABI");
_Static_assert(sizeof(struct system_clock) == sizeof(((struct handoff *)0)->clock_system), "ABI");

/* Years begin in March here, so that a leap day ends one. */
uint64_t clock_unix_time(uint64_t year, uint64_t month, uint64_t day, uint64_t second_of_day)
{
	uint64_t shifted = year - (month <= 2 ? 1 : 0);
	uint64_t day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
	uint64_t days = shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + day_of_year;

	return (days - DAYS_TO_1970) * SECONDS_PER_DAY + second_of_day;
}

/* The system clock is 0 where the TSC is, so it is the same for all vCPUs. */
static struct system_clock make_system(uint64_t tsc_khz)
{
	struct system_clock clock = {.version = EVEN_VERSION, .shift = -11, .flags = TSC_STABLE};
	uint64_t scaled = (1000000ULL << 43) / tsc_khz; /* 2^43 nanoseconds a tick */

	for (; scaled >> 32 != 0; scaled >>= 1) {
		clock.shift++;
	}
	clock.multiplier = (uint32_t)scaled;
	return clock;
}

static struct wall_clock make_wall(uint64_t tsc_khz, uint64_t seconds, uint64_t tsc)
{
	uint64_t hertz = tsc_khz * 1000;
	uint64_t since = tsc / hertz + 1; /* at TSC 0 it was so much earlier, but for the rest */
	struct wall_clock clock = {.version = EVEN_VERSION};

	if (seconds >= since) {
		clock.seconds = (uint32_t)(seconds - since);
		clock.nanoseconds =
			(uint32_t)(NANOS_PER_SECOND - 1 - tsc % hertz * NANOS_PER_SECOND / hertz);
	}
	return clock;
}

void clock_fill(struct handoff *handoff, uint64_t seconds, uint64_t tsc)
{
	struct system_clock system = make_system(handoff->tsc_khz);
	struct wall_clock wall = make_wall(handoff->tsc_khz, seconds, tsc);

	__builtin_memcpy(handoff->clock_system, &system, sizeof(system));
	__builtin_memcpy(handoff->clock_wall, &wall, sizeof(wall));
}
