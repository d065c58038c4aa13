/* SPDX-License-Identifier: MIT */
/*
 * What the host platform (arch/x86_64) gives to the generic hypervisor, and how it starts it.
 */
#ifndef ARCH_X86_64_PLATFORM_H
#define ARCH_X86_64_PLATFORM_H

#include "arch/x86_64/boot/handoff.h"
#include "hv/types.h"

/* The loader's hand-off, copied to ring 0's memory and checked. */
const struct handoff *platform_handoff(void);

/* The packed manifest, mapped read-only. */
const void *platform_blob(size_t *size);

uint64_t platform_tsc_khz(void);

/* Ends the machine: code 0 is success. Emulator exit ports where an emulator's debug console
 * answers on port 0xe9, then ACPI S5, then a halt of all CPUs. */
__attribute__((noreturn)) void platform_power_off(int code);

/* Generic hypervisor, called by the platform: hv_main on the bootstrap CPU when all CPUs are up and
 * wait; it prepares everything and returns; then every CPU, the bootstrap CPU last, calls
 * hv_cpu_main. */
void hv_main(void);
__attribute__((noreturn)) void hv_cpu_main(void);

#endif
