/* SPDX-License-Identifier: MIT */
/*
 * Measures what the loader hands on into a TPM 2.0, with an entry for each in the firmware's event
 * log. The firmware has measured the whole PE file into PCR 4 when it started it; these
 * measurements name the parts, and hold for loose files, too. docs/secure-boot.md says what a
 * verifier compares.
 */
#ifndef ARCH_X86_64_BOOT_MEASURE_H
#define ARCH_X86_64_BOOT_MEASURE_H

#include "arch/x86_64/boot/loader.h"

/*
 * PCRs 8 to 15 are the operating system's (TCG PC Client Platform Firmware Profile 1.05, 3.3.4).
 * GRUB, shim and systemd-boot, which may start this loader, extend 8, 9, 12 and 14; these two stay
 * ours alone.
 */
#define MEASURE_PCR_HYPERVISOR 11U /* hypervisor, its symbols */
#define MEASURE_PCR_MANIFEST   13U /* manifest, each partition's bytes */

/*
 * Needs a blob that check_blob accepted, and free memory for the largest partition's bytes
 * (check_memory). Says what it did in one line. Nothing here stops the start: without a TPM there
 * is nothing to measure into, and a measurement that the TPM did not take leaves PCRs that no
 * verifier accepts; nobody can make up for it later, as ring 0 gives the TPM to no partition.
 */
void measure_parts(const struct loader *loader);

#endif
