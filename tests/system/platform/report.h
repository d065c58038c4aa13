/* SPDX-License-Identifier: MIT */
/* What the platform's test images have in common: each links one of the main_*.c beside this. */
#ifndef TESTS_SYSTEM_PLATFORM_REPORT_H
#define TESTS_SYSTEM_PLATFORM_REPORT_H

/* Logs CPUs, memory, features and mitigations, and checks timers, memory and the log. */
void report_print(void);

/* The bootstrap CPU is to panic while the others log without end. */
void report_end_in_panic(void);

#endif
