/* SPDX-License-Identifier: MIT */
/*
 * Linux kernels as muxpack reads them, and what it puts beside them: a bzImage and a vmlinux go
 * where they say, broken ones are refused; boot parameters and ACPI tables are what Linux and iasl
 * expect.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "muxvisor/manifest.h"
#include "tests/unit/sample_elf.h"
#include "tools/muxpack/linux_boot.h"
#include "tools/muxpack/linux_kernel.h"

#define SETUP_SECTORS 3U
#define CODE_START    ((SETUP_SECTORS + 1) * 512U)
#define CODE_SIZE     4000U

static uint8_t image[CODE_START + CODE_SIZE + 4096];
static struct setup_header *setup = (struct setup_header *)(image + 0x1f1);
static struct memory_file file;
static struct linux_kernel kernel;
static const char *why;

static int make_bzimage(void **state)
{
	(void)state;
	memset(image, 0, sizeof(image));
	image[0x201] = 0x6c; /* the header ends at 0x26e, after handover_offset and kernel_info */
	*setup = (struct setup_header){
		.setup_sects = SETUP_SECTORS,
		.boot_flag = 0xaa55,
		.jump = 0x6ceb,
		.header = 0x53726448,
		.version = 0x020f,
		.xloadflags = XLF_KERNEL_64,
		.pref_address = 0x1000000,
		.init_size = 0x200000,
		.initrd_addr_max = 0x7fffffff,
	};
	file = (struct memory_file){image, sizeof(image)};
	return 0;
}

static void bzimage_goes_to_its_address(void **state)
{
	(void)state;
	assert_int_equal(linux_kernel_read(&file, &kernel, &why), 0);
	assert_int_equal(kernel.image.part_count, 1);
	assert_int_equal(kernel.image.parts[0].gpa, 0x1000000);
	assert_ptr_equal(kernel.image.parts[0].data, image + CODE_START);
	assert_int_equal(kernel.image.parts[0].size, sizeof(image) - CODE_START);
	assert_int_equal(kernel.image.entry, 0x1000200);
	assert_int_equal(kernel.image.end, 0x1200000);
}

/* Boot protocol: 0 stands for 4; older headers are shorter, newer ones longer than we know. */
static void setup_has_its_own_length(void **state)
{
	(void)state;
	setup->setup_sects = 0;
	image[0x201] = 0xff;
	assert_int_equal(linux_kernel_read(&file, &kernel, &why), 0);
	assert_ptr_equal(kernel.image.parts[0].data, image + 5 * 512);
	image[0x201] = 0x5e; /* ends before init_size, which counts as 0 then */
	assert_int_not_equal(linux_kernel_read(&file, &kernel, &why), 0);
}

static void expect_refused(const char *text)
{
	assert_int_not_equal(linux_kernel_read(&file, &kernel, &why), 0);
	assert_non_null(strstr(why, text));
	make_bzimage(NULL);
}

static void broken_bzimages_are_refused(void **state)
{
	(void)state;
	setup->header = 0;
	expect_refused("neither a bzImage");
	file.size = 0x200;
	expect_refused("neither a bzImage");
	file.size = 0;
	expect_refused("neither a bzImage");
	setup->version = 0x20b;
	expect_refused("64-bit entry");
	setup->xloadflags = 0;
	expect_refused("64-bit entry");
	setup->pref_address = 0x8000;
	expect_refused("out of range");
	setup->pref_address = UINT64_MAX;
	expect_refused("out of range");
	setup->init_size = 0x80000000;
	expect_refused("out of range");
	setup->setup_sects = 255;
	expect_refused("cut short");
	setup->init_size = CODE_SIZE;
	expect_refused("longer than it says");
}

static void vmlinux_goes_to_physical_addresses(void **state)
{
	struct sample_elf elf;
	const struct memory_file vmlinux = {(uint8_t *)&elf, sizeof(elf)};

	(void)state;
	sample_elf_fill(&elf);
	elf.program[0].p_vaddr += 0xffffffff80000000ULL;
	elf.program[1].p_vaddr += 0xffffffff80000000ULL;
	assert_int_equal(linux_kernel_read(&vmlinux, &kernel, &why), 0);
	assert_int_equal(kernel.image.part_count, 2);
	assert_int_equal(kernel.image.parts[0].gpa, elf.program[0].p_paddr);
	assert_int_equal(kernel.image.entry, elf.header.e_entry);
	assert_int_equal(kernel.setup.header, 0x53726448);
	elf.header.e_entry += 0xffffffff80000000ULL;
	assert_int_not_equal(linux_kernel_read(&vmlinux, &kernel, &why), 0);
}

static struct linux_boot *fill_boot(uint64_t memory_high, uint32_t vcpu_count)
{
	static struct linux_boot boot;
	const struct linux_boot_input input = {
		.setup = setup,
		.command_line = "console=ttyS0",
		.initrd_gpa = 0x1200000,
		.initrd_size = 77,
		.memory_low = 0x8000000,
		.memory_high = memory_high,
		.vcpu_count = vcpu_count,
	};

	memset(&boot, 0, sizeof(boot));
	linux_boot_fill(&boot, &input);
	return &boot;
}

static void boot_parameters_are_filled(void **state)
{
	const struct linux_boot *boot = fill_boot(0x40000000, 2);
	const struct boot_params *params = &boot->params;

	(void)state;
	assert_string_equal(boot->command_line, "console=ttyS0");
	assert_int_equal(params->hdr.cmd_line_ptr, LINUX_COMMAND_LINE_GPA);
	assert_int_equal(params->hdr.type_of_loader, 0xff);
	assert_int_equal(params->hdr.ramdisk_image, 0x1200000);
	assert_int_equal(params->hdr.ramdisk_size, 77);
	assert_int_equal(params->hdr.init_size, 0x200000);
	assert_int_equal(params->acpi_rsdp_addr, ACPI_TABLES_GPA);
	assert_int_equal(params->sentinel, 0);
	assert_int_equal(params->e820_entries, 4);
	assert_int_equal(params->e820_table[1].type, 3);
	assert_int_equal(params->e820_table[2].addr + params->e820_table[2].size, 0x8000000);
	assert_int_equal(params->e820_table[3].addr, 0x100000000);
	assert_int_equal(params->e820_table[3].size, 0x40000000);
	assert_int_equal(fill_boot(0, 1)->params.e820_entries, 3);
}

/* The table at a guest-physical address, its checksum checked. */
static const uint8_t *table_at(const uint8_t *acpi, uint64_t address, const char *signature)
{
	const uint8_t *table = acpi + (address - ACPI_TABLES_GPA);
	uint32_t length;
	uint8_t sum = 0;

	assert_in_range(address, ACPI_TABLES_GPA, ACPI_TABLES_GPA + ACPI_TABLES_SIZE - 36);
	assert_memory_equal(table, signature, 4);
	memcpy(&length, table + 4, sizeof(length));
	assert_in_range(length, 36, ACPI_TABLES_SIZE - (address - ACPI_TABLES_GPA));
	for (uint32_t i = 0; i < length; i++) {
		sum = (uint8_t)(sum + table[i]);
	}
	assert_int_equal(sum, 0);
	return table;
}

/* iasl takes the table apart without a complaint. */
static void expect_iasl_reads(const uint8_t *table, const char *name)
{
	char folder[] = "/tmp/acpi-test-XXXXXX";
	char command[256];
	char path[64];
	uint32_t length;

	assert_non_null(mkdtemp(folder));
	memcpy(&length, table + 4, sizeof(length));
	snprintf(path, sizeof(path), "%s/%s.dat", folder, name);
	assert_int_equal(memory_write_file(path, table, length), 0);
	snprintf(command, sizeof(command),
		 "iasl -vs -d %s >%s/log 2>&1 && ! grep -iE 'error|warning|invalid|unknown' "
		 "%s/log %s/%s.dsl",
		 path, folder, folder, folder, name);
	assert_int_equal(system(command), 0);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	assert_int_equal(system(command), 0);
}

static uint64_t address_in(const uint8_t *table, size_t offset)
{
	uint64_t address;

	memcpy(&address, table + offset, sizeof(address));
	return address;
}

static void acpi_tables_are_sound(void **state)
{
	const uint8_t *acpi = fill_boot(0, 2)->acpi;
	const uint8_t *xsdt, *fadt, *madt, *dsdt;
	uint8_t sum = 0;

	(void)state;
	assert_memory_equal(acpi, "RSD PTR ", 8);
	for (uint32_t i = 0; i < 36; i++) {
		sum = (uint8_t)(sum + acpi[i]);
		assert_true(i != 19 || sum == 0);
	}
	assert_int_equal(sum, 0);
	xsdt = table_at(acpi, address_in(acpi, 24), "XSDT");
	fadt = table_at(acpi, address_in(xsdt, 36), "FACP");
	madt = table_at(acpi, address_in(xsdt, 44), "APIC");
	dsdt = table_at(acpi, address_in(fadt, 140), "DSDT");
	assert_int_equal(madt[4], 44 + 2 * 8); /* length: two local APICs */
	assert_int_equal(madt[44 + 8 + 3], 1); /* the second one's id */
	expect_iasl_reads(fadt, "facp");
	expect_iasl_reads(madt, "apic");
	expect_iasl_reads(dsdt, "dsdt");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(bzimage_goes_to_its_address, make_bzimage),
		cmocka_unit_test_setup(setup_has_its_own_length, make_bzimage),
		cmocka_unit_test_setup(broken_bzimages_are_refused, make_bzimage),
		cmocka_unit_test(vmlinux_goes_to_physical_addresses),
		cmocka_unit_test_setup(boot_parameters_are_filled, make_bzimage),
		cmocka_unit_test_setup(acpi_tables_are_sound, make_bzimage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
