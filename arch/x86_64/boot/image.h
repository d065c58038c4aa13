/* SPDX-License-Identifier: MIT */
/* Puts the hypervisor's ELF image into memory. */
#ifndef ARCH_X86_64_BOOT_IMAGE_H
#define ARCH_X86_64_BOOT_IMAGE_H

#include "arch/x86_64/boot/loader.h"

#define IMAGE_ALIGNMENT 0x200000ULL
#define IMAGE_LINK_MIN	0xffffffff80000000ULL
#define IMAGE_SIZE_MAX	0x40000000ULL /* fits one page directory of the loader's page tables */

struct image {
	uint64_t link_base; /* 2 MiB aligned */
	uint64_t entry;	    /* link address */
	uint64_t base;	    /* physical address of link_base, 2 MiB aligned */
	uint64_t size;	    /* bytes, .bss included, whole pages */
};

/* Loads loader->hv. Prints what is wrong. */
EFI_STATUS image_load(const struct loader *loader, struct image *out);

#endif
