/* SPDX-License-Identifier: MIT */
/* The firmware's memory map, and the end of boot services. */
#ifndef ARCH_X86_64_BOOT_MEMORY_MAP_H
#define ARCH_X86_64_BOOT_MEMORY_MAP_H

#include "arch/x86_64/boot/handoff.h"
#include "arch/x86_64/boot/image.h"
#include "arch/x86_64/boot/loader.h"

struct memory_map {
	uint8_t *descriptors; /* the firmware's, descriptor_size apart */
	UINTN capacity;	      /* bytes */
	UINTN size;	      /* bytes used */
	UINTN key;
	UINTN descriptor_size;
	struct handoff_range *ranges;
	uint32_t range_capacity;
	uint32_t range_count;
};

/* Bytes that ring 0 may use when boot services have ended. */
EFI_STATUS memory_map_free_bytes(const struct loader *loader, uint64_t *out);

/* First address after the last RAM that the firmware tells of. */
EFI_STATUS memory_map_ram_end(const struct loader *loader, uint64_t *out);

/* Buffers, taken while boot services can still give them. */
EFI_STATUS memory_map_prepare(const struct loader *loader, struct memory_map *map);

/* Ends boot services; `map` is the one of that moment. On failure they may be half gone. */
EFI_STATUS memory_map_exit_boot_services(const struct loader *loader, struct memory_map *map);

/* Fills map->ranges: ascending, merged, the hypervisor's image as a range of its own. */
void memory_map_convert(struct memory_map *map, const struct image *image);

#endif
