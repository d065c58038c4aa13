/* SPDX-License-Identifier: MIT */
/* Boot parameters of a Linux kernel: see linux_boot.h. */
#include "tools/muxpack/linux_boot.h"

#include <string.h>

#include "muxvisor/manifest.h"
#include "muxvisor/platform_ports.h"

#define LOADER_UNDEFINED 0xffU /* no number is assigned to this boot loader */
#define E820_RAM	 1U    /* ACPI 6.4, table 15.1 */
#define E820_ACPI	 3U
#define CONVENTIONAL_END 0xa0000ULL
#define HIGH_START	 0x100000ULL

static void add_range(struct boot_params *params, uint64_t start, uint64_t end, uint32_t type)
{
	if (end > start) {
		params->e820_table[params->e820_entries++] =
			(struct boot_e820_entry){.addr = start, .size = end - start, .type = type};
	}
}

static void fill_memory_map(struct boot_params *params, const struct linux_boot_input *input)
{
	add_range(params, 0, CONVENTIONAL_END, E820_RAM);
	add_range(params, ACPI_TABLES_GPA, ACPI_TABLES_GPA + ACPI_TABLES_SIZE, E820_ACPI);
	add_range(params, HIGH_START, input->memory_low, E820_RAM);
	add_range(params, MUX_MEMORY_HIGH_BASE, MUX_MEMORY_HIGH_BASE + input->memory_high,
		  E820_RAM);
}

static void fill_reset_code(uint8_t *code)
{
	static const uint8_t reset[] = {
		0xba, MUX_PORT_RESET & 0xff, MUX_PORT_RESET >> 8, /* mov dx, port */
		0xb0, MUX_RESET_VALUE,				  /* mov al, value */
		0xee,						  /* out dx, al */
		0xf4,						  /* hlt */
	};

	memcpy(code, reset, sizeof(reset));
}

void linux_boot_fill(struct linux_boot *boot, const struct linux_boot_input *input)
{
	struct boot_params *params = &boot->params;

	params->hdr = *input->setup;
	params->hdr.type_of_loader = LOADER_UNDEFINED;
	params->hdr.cmd_line_ptr = (uint32_t)LINUX_COMMAND_LINE_GPA;
	params->hdr.ramdisk_image = input->initrd_size == 0 ? 0 : (uint32_t)input->initrd_gpa;
	params->hdr.ramdisk_size = (uint32_t)input->initrd_size;
	params->acpi_rsdp_addr = ACPI_TABLES_GPA;
	fill_memory_map(params, input);
	strcpy(boot->command_line, input->command_line);
	acpi_tables_fill(boot->acpi, input->vcpu_count);
	fill_reset_code(boot->reset_code);
}
