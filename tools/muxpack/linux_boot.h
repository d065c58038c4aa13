/* SPDX-License-Identifier: MIT */
/*
 * What a Linux kernel finds in its partition's memory beside itself: struct boot_params with the
 * memory map, the command line and the ACPI tables (Documentation/arch/x86/zero-page.rst).
 */
#ifndef TOOLS_MUXPACK_LINUX_BOOT_H
#define TOOLS_MUXPACK_LINUX_BOOT_H

#include <asm/bootparam.h>

#include "muxvisor/guest_boot.h"
#include "tools/muxpack/acpi_tables.h"

#define LINUX_COMMAND_LINE_GPA	0x8000ULL
#define LINUX_COMMAND_LINE_SIZE 2048U /* with its NUL: all that an x86 kernel takes */

/* Where a PC's BIOS begins. On a hardware-reduced platform Linux reboots by EFI, and where there is
 * none by a jump there, without trying ACPI (arch/x86/kernel/reboot.c, reboot_init). */
#define LINUX_RESET_GPA	 0xffff0ULL
#define LINUX_RESET_SIZE 16U

struct linux_boot {
	struct boot_params params; /* goes to MUX_GUEST_BOOT_GPA */
	char command_line[LINUX_COMMAND_LINE_SIZE];
	uint8_t acpi[ACPI_TABLES_SIZE];
	uint8_t reset_code[LINUX_RESET_SIZE]; /* goes to LINUX_RESET_GPA, in real mode */
};

_Static_assert(sizeof(struct boot_params) == 4096, "the zero page");

struct linux_boot_input {
	const struct setup_header *setup;
	const char *command_line;
	uint64_t initrd_gpa;
	uint64_t initrd_size; /* 0: none */
	uint64_t memory_low;  /* bytes from 0 */
	uint64_t memory_high; /* bytes from 4 GiB */
	uint32_t vcpu_count;
};

/* `boot` is zero before. */
void linux_boot_fill(struct linux_boot *boot, const struct linux_boot_input *input);

#endif
