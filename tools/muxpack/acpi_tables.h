/* SPDX-License-Identifier: MIT */
/*
 * ACPI tables of a partition, hardware-reduced (ACPI 6.4, 4.1): RSDP, XSDT, FADT, MADT and the DSDT
 * compiled from dsdt.asl. Nothing here depends on the machine.
 */
#ifndef TOOLS_MUXPACK_ACPI_TABLES_H
#define TOOLS_MUXPACK_ACPI_TABLES_H

#include <stddef.h>
#include <stdint.h>

#define ACPI_TABLES_GPA	 0xe0000ULL /* where a PC's firmware keeps them; the RSDP comes first */
#define ACPI_TABLES_SIZE 0x1000U

/* Fills `area`, which goes to ACPI_TABLES_GPA, for vCPUs with the APIC ids 0 .. vcpu_count - 1. */
void acpi_tables_fill(uint8_t area[ACPI_TABLES_SIZE], uint32_t vcpu_count);

#endif
