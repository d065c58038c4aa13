/* SPDX-License-Identifier: MIT */
/* Ring 0 panics on one CPU while the others are busy: they stop, and its lines come out whole. */
#include "arch/x86_64/platform.h"
#include "tests/system/platform/report.h"

void hv_main(void)
{
	report_print();
	report_end_in_panic();
}
