/* SPDX-License-Identifier: MIT */
#include "hv/pvclock.h"

#include "arch/x86_64/platform.h"

#include <errno.h>
#include <string.h>

#define SYSTEM_ENABLE	 1ULL
#define TSC_STABLE	 1U
#define EVEN_VERSION	 2U /* odd: being changed; we never change it */
#define NANOS_PER_SECOND 1000000000ULL

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

_Static_assert(sizeof(struct wall_clock) == 12 && sizeof(struct system_clock) == 32, "ABI");

/* The system clock is 0 where the TSC is, so it is the same for all vCPUs and never changes. */
static struct system_clock make_system_clock(void)
{
	struct system_clock clock = {.version = EVEN_VERSION, .shift = -11, .flags = TSC_STABLE};
	uint64_t scaled = (1000000ULL << 43) / platform_tsc_khz(); /* 2^43 ns per tick */

	for (; scaled >> 32 != 0; scaled >>= 1) {
		clock.shift++;
	}
	clock.multiplier = (uint32_t)scaled;
	return clock;
}

static struct wall_clock make_wall_clock(void)
{
	const struct handoff *handoff = platform_handoff();
	uint64_t hertz = platform_tsc_khz() * 1000;
	uint64_t ticks = handoff->clock_tsc % hertz;
	uint64_t whole = handoff->clock_tsc / hertz;
	struct wall_clock clock = {.version = EVEN_VERSION};

	if (handoff->clock_seconds > whole) {
		clock.seconds = (uint32_t)(handoff->clock_seconds - whole - 1);
		clock.nanoseconds =
			(uint32_t)(NANOS_PER_SECOND - 1 - ticks * NANOS_PER_SECOND / hertz);
	}
	return clock;
}

static int write_guest(const struct guest_mem *mem, uint64_t address, const void *data, size_t size)
{
	void *to = guest_mem_ptr(mem, gpa(address), size);

	if (to == NULL) {
		return -EINVAL;
	}
	memcpy(to, data, size);
	return 0;
}

int pvclock_msr_write(const struct guest_mem *mem, uint32_t msr, uint64_t value)
{
	if (msr == PVCLOCK_MSR_WALL) {
		const struct wall_clock clock = make_wall_clock();

		return write_guest(mem, value, &clock, sizeof(clock));
	}
	if ((value & SYSTEM_ENABLE) != 0) {
		const struct system_clock clock = make_system_clock();

		return write_guest(mem, value & ~SYSTEM_ENABLE, &clock, sizeof(clock));
	}
	return 0;
}
