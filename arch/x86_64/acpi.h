/* SPDX-License-Identifier: MIT */
/*
 * The two ACPI tables that ring 0 reads: the way from the RSDP to the MADT, and the CPUs in it
 * (ACPI 6.5, 5.2.5 to 5.2.12). Lengths and checksums are verified; AML is not interpreted. Boot
 * only, bootstrap CPU.
 */
#ifndef ARCH_X86_64_ACPI_H
#define ARCH_X86_64_ACPI_H

#include <stddef.h>
#include <stdint.h>

/* APIC ids of the enabled CPUs. Returns how many (at most `limit`), or -ENOENT without a usable
 * MADT. */
int acpi_find_cpus(uint64_t rsdp, uint32_t *apic_ids, uint32_t limit);

/* The same from the MADT itself, of which `size` bytes are readable: -EBADMSG when it is broken. */
int acpi_read_madt(const uint8_t *madt, size_t size, uint32_t *apic_ids, uint32_t limit);

#endif
