/* SPDX-License-Identifier: MIT */
/*
 * The machine as a whole: start of the generic hypervisor, and its end.
 */
#ifndef HV_MACHINE_H
#define HV_MACHINE_H

#include <stdint.h>

/* A partition has stopped for good: powers the machine off when it was one that stops the machine,
 * or the last one that ran. Any CPU, no lock held. */
void machine_partition_stopped(void);

/* Powers the machine off, after a summary of all partitions. `by`: who wanted it. Any CPU, no lock
 * held; the first caller wins, others wait halted. */
__attribute__((noreturn)) void machine_finish(int code, const char *by);

/* The CPU that only polls the rings, or MUX_POLL_CPU_NONE. Constant once the partitions are built.
 */
uint32_t machine_poll_cpu(void);

#endif
