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
uint64_t platform_entry_tsc(void); /* when ring 0 began */

/* Ends the machine: code 0 is success. Emulator exit ports where an emulator's debug console
 * answers on port 0xe9, else a halt of all CPUs: ACPI power-off would need an AML interpreter. */
__attribute__((noreturn)) void platform_power_off(int code);

/* Halts all other CPUs, for good. False when the caller is doing that already (a fault on the way
 * down); does not return on a CPU that came second. */
bool platform_stop_others(void);

/* What an NMI means, also one that interrupted a guest: halts the calling CPU when another one
 * stops the machine, else returns. */
void platform_take_nmi(void);

/* For entry.S: first C code on the bootstrap CPU, on the loader's stack and page tables. */
__attribute__((noreturn)) void platform_start(uint64_t handoff);

/* Generic hypervisor, called by the platform: hv_main on the bootstrap CPU when all CPUs are up and
 * wait; it prepares everything and returns; then every CPU, the bootstrap CPU last, calls
 * hv_cpu_main. A kick from before that may be forgotten: hv_cpu_main looks for work first. */
void hv_main(void);
__attribute__((noreturn)) void hv_cpu_main(void);

#endif
