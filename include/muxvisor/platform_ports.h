/* SPDX-License-Identifier: MIT */
/*
 * Ports of the virtual platform that ACPI names to a partition (docs/guest-interface.md, "Ports").
 * tools/muxpack puts them into the FADT, ring 0 answers at them.
 */
#ifndef MUXVISOR_PLATFORM_PORTS_H
#define MUXVISOR_PLATFORM_PORTS_H

/* ACPI 6.4, 4.8.3.7: sleep control and status, one byte each. */
#define MUX_PORT_SLEEP_CONTROL 0x600U
#define MUX_PORT_SLEEP_STATUS  0x601U
/* ACPI 6.4, 4.8.3.6: writing the value restarts the partition. */
#define MUX_PORT_RESET	0x602U
#define MUX_RESET_VALUE 0x01U

#define MUX_SLEEP_OFF 0x34U /* SLP_EN and SLP_TYP 5, which is what \_S5 gives: power off */

/* QEMU, docs/specs/pvpanic: a guest's kernel tells that it panicked. */
#define MUX_PORT_PANIC	   0x505U
#define MUX_PANIC_PANICKED 0x01U

#endif
