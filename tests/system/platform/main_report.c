/* SPDX-License-Identifier: MIT */
#include "arch/x86_64/platform.h"
#include "tests/system/platform/report.h"

void hv_main(void)
{
	report_print();
}
