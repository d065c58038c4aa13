// SPDX-License-Identifier: MIT
/*
 * Time from the TSC: the hypervisor gives its frequency, the count at start is zero of all clocks.
 */
#include "appliance/runtime/runtime.h"
#include "appliance/runtime/vsock_port.h"

#include <errno.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static uint64_t tsc_khz, tsc_start;

void clock_init(void)
{
	uint32_t khz = 0, b, c, d;

	__asm__ volatile("cpuid"
			 : "=a"(khz), "=b"(b), "=c"(c), "=d"(d)
			 : "0"(MUX_CPUID_TIMING), "2"(0));
	if (khz == 0) {
		runtime_fatal("the hypervisor gives no TSC frequency");
	}
	tsc_khz = khz;
	tsc_start = mux_tsc();
}

uint64_t mux_tsc_khz(void)
{
	return tsc_khz;
}

uint64_t clock_now_us(void)
{
	uint64_t ticks = mux_tsc() - tsc_start;

	/* In two steps, so that no product overflows. */
	return ticks / tsc_khz * 1000 + ticks % tsc_khz * 1000 / tsc_khz;
}

uint64_t mux_time_us(void)
{
	return clock_now_us();
}

uint64_t clock_us_to_tsc(uint64_t time_us)
{
	return tsc_start + time_us / 1000 * tsc_khz + time_us % 1000 * tsc_khz / 1000;
}

void clock_sleep_until(uint64_t time_us)
{
	while (clock_now_us() < time_us) {
		vsock_port_wait(time_us);
	}
}

int clock_gettime(clockid_t clock, struct timespec *out)
{
	uint64_t now = clock_now_us();

	if (clock != CLOCK_MONOTONIC && clock != CLOCK_REALTIME) {
		errno = EINVAL;
		return -1;
	}
	out->tv_sec = (time_t)(now / 1000000);
	out->tv_nsec = (long)(now % 1000000 * 1000);
	return 0;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
	uint64_t now = clock_now_us();

	(void)zone;
	out->tv_sec = (time_t)(now / 1000000);
	out->tv_usec = (suseconds_t)(now % 1000000);
	return 0;
}

int nanosleep(const struct timespec *duration, struct timespec *rest)
{
	if (duration->tv_sec < 0 || duration->tv_nsec < 0 || duration->tv_nsec >= 1000000000) {
		errno = EINVAL;
		return -1;
	}
	clock_sleep_until(clock_now_us() + (uint64_t)duration->tv_sec * 1000000 +
			  ((uint64_t)duration->tv_nsec + 999) / 1000);
	if (rest != NULL) {
		*rest = (struct timespec){0};
	}
	return 0;
}

int usleep(useconds_t duration_us)
{
	clock_sleep_until(clock_now_us() + duration_us);
	return 0;
}

unsigned int sleep(unsigned int seconds)
{
	clock_sleep_until(clock_now_us() + (uint64_t)seconds * 1000000);
	return 0;
}
