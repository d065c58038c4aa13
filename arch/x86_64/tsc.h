/* SPDX-License-Identifier: MIT */
/* Short waits at boot, by the time-stamp counter. Any CPU. */
#ifndef ARCH_X86_64_TSC_H
#define ARCH_X86_64_TSC_H

#include "arch/x86_64/io.h"
#include "arch/x86_64/platform.h"

static inline uint64_t tsc_after_us(uint64_t us)
{
	return rdtsc() + us * platform_tsc_khz() / 1000;
}

static inline void tsc_wait_us(uint64_t us)
{
	uint64_t end = tsc_after_us(us);

	while (rdtsc() < end) {
		__builtin_ia32_pause();
	}
}

#endif
