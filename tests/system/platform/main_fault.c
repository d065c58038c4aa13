/* SPDX-License-Identifier: MIT */
/* Ring 0 reads an address that nothing is mapped at: a page fault with a dump, and the end. */
#include "arch/x86_64/platform.h"
#include "hv/log.h"
#include "tests/system/platform/report.h"

static __attribute__((noinline)) uint32_t read_unmapped(uint64_t address)
{
	return *(volatile uint32_t *)address;
}

void hv_main(void)
{
	report_print();
	log_error("test: read %u from nowhere", read_unmapped(0x123456789000));
}
