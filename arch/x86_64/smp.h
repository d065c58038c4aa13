/* SPDX-License-Identifier: MIT */
/*
 * Start of the other CPUs: those of the MADT one by one, or all at once by broadcast where there is
 * no ACPI. Each waits, halted, until smp_release(). Bootstrap CPU, at boot.
 */
#ifndef ARCH_X86_64_SMP_H
#define ARCH_X86_64_SMP_H

#include <stdint.h>

#include "arch/x86_64/boot/handoff.h"

/* A CPU that is not up within 100 ms is logged and left out. */
void smp_start(const struct handoff *handoff);

/* Lets the waiting CPUs go to hv_cpu_main. */
void smp_release(void);

/* For entry.S: the first C code of CPU `index`, on its main stack. */
__attribute__((noreturn)) void smp_enter(uint32_t index);

#endif
