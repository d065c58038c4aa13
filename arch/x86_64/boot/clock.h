/* SPDX-License-Identifier: MIT */
/*
 * The time of day and the TSC's frequency in the form in which Linux guests read them, kvm-clock
 * (Linux, Documentation/virt/kvm/x86/msr.rst). The loader works them out, ring 0 copies them.
 */
#ifndef ARCH_X86_64_BOOT_CLOCK_H
#define ARCH_X86_64_BOOT_CLOCK_H

#include "arch/x86_64/boot/handoff.h"

/* Unix time of a date of the Gregorian calendar, UTC; month and day count from 1. */
uint64_t clock_unix_time(uint64_t year, uint64_t month, uint64_t day, uint64_t second_of_day);

/* Fills clock_wall and clock_system from tsc_khz: it was `seconds` of Unix time, or 0 for unknown,
 * when the TSC was `tsc`. */
void clock_fill(struct handoff *handoff, uint64_t seconds, uint64_t tsc);

#endif
