/* SPDX-License-Identifier: MIT */
/* Reads a Linux kernel: see linux_kernel.h. */
#include "tools/muxpack/linux_kernel.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define SETUP_OFFSET	  offsetof(struct boot_params, hdr)
#define SETUP_END_BASE	  0x202U /* + the byte at 0x201: end of the setup header */
#define SETUP_END_BYTE	  0x201U
#define SECTOR		  512U
#define SECTORS_DEFAULT	  4U
#define BOOT_FLAG	  0xaa55U
#define MAGIC		  0x53726448U /* "HdrS" */
#define VERSION_MIN	  0x020cU     /* has xloadflags */
#define VERSION_VMLINUX	  0x020fU
#define ENTRY_64	  0x200U /* offset of the 64-bit entry point */
#define INIT_SIZE_MAX	  0x40000000U
#define INITRD_MAX	  0x7fffffffU
#define COMMAND_LINE_SIZE 2047U /* of x86 kernels */

static const char *check_setup(const struct linux_kernel *kernel)
{
	const struct setup_header *setup = &kernel->setup;

	if (setup->version < VERSION_MIN || (setup->xloadflags & XLF_KERNEL_64) == 0) {
		return "it has no 64-bit entry point (boot protocol before 2.12, or a 32-bit "
		       "kernel)";
	}
	if (setup->pref_address < ELF_IMAGE_LOWEST || setup->pref_address > INITRD_MAX ||
	    setup->init_size > INIT_SIZE_MAX) {
		return "its preferred address or its size is out of range";
	}
	return NULL;
}

/* The header's length is in the file: later versions of the protocol have more fields. */
static void copy_setup(struct linux_kernel *kernel, const struct memory_file *file)
{
	size_t end = SETUP_END_BASE + file->data[SETUP_END_BYTE];
	size_t size = end - SETUP_OFFSET;

	if (size > sizeof(kernel->setup)) {
		size = sizeof(kernel->setup);
	}
	memcpy(&kernel->setup, file->data + SETUP_OFFSET, size);
}

static const char *read_bzimage(struct linux_kernel *kernel, const struct memory_file *file)
{
	const struct setup_header *setup = &kernel->setup;
	const char *fault;
	size_t start;

	copy_setup(kernel, file);
	fault = check_setup(kernel);
	if (fault != NULL) {
		return fault;
	}
	start = SECTOR * (1U + (setup->setup_sects == 0 ? SECTORS_DEFAULT : setup->setup_sects));
	if (start + ENTRY_64 >= file->size || file->size - start > setup->init_size) {
		return "it is cut short, or longer than it says";
	}
	kernel->image = (struct elf_image){
		.entry = setup->pref_address + ENTRY_64,
		.end = setup->pref_address + setup->init_size,
		.part_count = 1,
		.parts[0] = {setup->pref_address, file->data + start, file->size - start},
	};
	return NULL;
}

static bool is_bzimage(const struct memory_file *file)
{
	struct setup_header setup;

	if (file->size < sizeof(struct boot_params)) {
		return false;
	}
	memcpy(&setup, file->data + SETUP_OFFSET, sizeof(setup));
	return setup.boot_flag == BOOT_FLAG && setup.header == MAGIC;
}

static int read_vmlinux(struct linux_kernel *kernel, const struct memory_file *file,
			const char **why)
{
	kernel->setup = (struct setup_header){
		.boot_flag = BOOT_FLAG,
		.header = MAGIC,
		.version = VERSION_VMLINUX,
		.loadflags = LOADED_HIGH,
		.initrd_addr_max = INITRD_MAX,
		.cmdline_size = COMMAND_LINE_SIZE,
	};
	return elf_image_read_physical(file, &kernel->image, why);
}

int linux_kernel_read(const struct memory_file *file, struct linux_kernel *out, const char **why)
{
	*out = (struct linux_kernel){0};
	if (file->size >= SELFMAG && memcmp(file->data, ELFMAG, SELFMAG) == 0) {
		return read_vmlinux(out, file, why);
	}
	*why = is_bzimage(file) ? read_bzimage(out, file)
				: "it is neither a bzImage nor an ELF vmlinux";
	return *why == NULL ? 0 : -EINVAL;
}
