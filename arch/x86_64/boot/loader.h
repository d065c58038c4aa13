/* SPDX-License-Identifier: MIT */
/*
 * What the files of the EFI loader share: the firmware's services and the loaded parts. The loader
 * runs on one CPU with the firmware's page tables; it never frees what it allocates, as it either
 * hands the machine over or returns to a firmware that cleans up.
 */
#ifndef ARCH_X86_64_BOOT_LOADER_H
#define ARCH_X86_64_BOOT_LOADER_H

#include <efi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOADER_PAGE 4096ULL

/* Bytes in memory that stay where they are. data is NULL when there are none. */
struct loader_bytes {
	const uint8_t *data;
	uint64_t size;
};

struct loader {
	EFI_HANDLE handle;
	EFI_SYSTEM_TABLE *system;
	EFI_BOOT_SERVICES *boot;
	EFI_LOADED_IMAGE *image; /* this program */
	struct loader_bytes hv;	 /* hypervisor ELF */
	struct loader_bytes blob;
	struct loader_bytes symbols;
};

/* Pages of loader data below 4 GiB or anywhere; NULL when there are none. Not zeroed. */
void *loader_alloc_pages(const struct loader *loader, uint64_t count);

#endif
