/* SPDX-License-Identifier: MIT */
/* Ring 0 runs over the end of its stack: the guard page turns that into a double fault. */
#include "arch/x86_64/platform.h"
#include "hv/log.h"
#include "tests/system/platform/report.h"

static __attribute__((noinline)) uint32_t recurse(uint32_t depth)
{
	volatile uint32_t kept = depth;

	return depth == UINT32_MAX ? 0 : recurse(depth + 1) + kept;
}

void hv_main(void)
{
	report_print();
	log_error("test: came back from %u calls", recurse(0));
}
