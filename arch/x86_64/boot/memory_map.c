/* SPDX-License-Identifier: MIT */
/* The firmware's memory map, and the end of boot services: see memory_map.h. */
#include "arch/x86_64/boot/memory_map.h"

#define SPARE_DESCRIPTORS 64U /* the map grows by what is allocated after it was measured */
#define EXIT_ATTEMPTS	  4U
#define LOW_MEMORY_END	  0x100000ULL

static EFI_STATUS read_map(const struct loader *loader, struct memory_map *map)
{
	UINT32 version;

	map->size = map->capacity;
	return loader->boot->GetMemoryMap(&map->size, (void *)map->descriptors, &map->key,
					  &map->descriptor_size, &version);
}

EFI_STATUS memory_map_prepare(const struct loader *loader, struct memory_map *map)
{
	uint64_t count;

	*map = (struct memory_map){0};
	if (read_map(loader, map) != EFI_BUFFER_TOO_SMALL) {
		return EFI_DEVICE_ERROR;
	}
	count = map->size / map->descriptor_size + SPARE_DESCRIPTORS;
	map->capacity = count * map->descriptor_size;
	map->descriptors = loader_alloc_pages(loader, map->capacity / LOADER_PAGE + 1);
	/* The image splits one range in three; the end of low memory another in two. */
	map->range_capacity = (uint32_t)count + 3;
	map->ranges = loader_alloc_pages(
		loader, map->range_capacity * sizeof(*map->ranges) / LOADER_PAGE + 1);
	return map->descriptors == NULL || map->ranges == NULL ? EFI_OUT_OF_RESOURCES : EFI_SUCCESS;
}

EFI_STATUS memory_map_exit_boot_services(const struct loader *loader, struct memory_map *map)
{
	EFI_STATUS status = EFI_DEVICE_ERROR;

	/* UEFI 2.10, 7.4.6: the first try may change the map; nothing but the map may be asked
	 * for between two tries. */
	for (uint32_t i = 0; i < EXIT_ATTEMPTS; i++) {
		status = read_map(loader, map);
		if (EFI_ERROR(status)) {
			return status;
		}
		status = loader->boot->ExitBootServices(loader->handle, map->key);
		if (!EFI_ERROR(status)) {
			return EFI_SUCCESS;
		}
	}
	return status;
}

static const EFI_MEMORY_DESCRIPTOR *descriptor(const struct memory_map *map, uint64_t index)
{
	return (const void *)(map->descriptors + index * map->descriptor_size);
}

static uint64_t descriptor_count(const struct memory_map *map)
{
	return map->size / map->descriptor_size;
}

static uint32_t range_type(const EFI_MEMORY_DESCRIPTOR *entry)
{
	switch (entry->Type) {
	case EfiConventionalMemory:
	case EfiBootServicesCode:
	case EfiBootServicesData:
		/* Some firmware uses low memory at run time without saying so. */
		return entry->PhysicalStart < LOW_MEMORY_END ? HANDOFF_FIRMWARE : HANDOFF_FREE;
	case EfiLoaderCode:
	case EfiLoaderData: return HANDOFF_LOADER;
	case EfiMemoryMappedIO:
	case EfiMemoryMappedIOPortSpace: return HANDOFF_MMIO;
	default: return HANDOFF_FIRMWARE;
	}
}

static EFI_STATUS read_fresh_map(const struct loader *loader, struct memory_map *map)
{
	EFI_STATUS status = memory_map_prepare(loader, map);

	return EFI_ERROR(status) ? status : read_map(loader, map);
}

EFI_STATUS memory_map_free_bytes(const struct loader *loader, uint64_t *out)
{
	struct memory_map map;
	EFI_STATUS status = read_fresh_map(loader, &map);

	if (EFI_ERROR(status)) {
		return status;
	}
	*out = 0;
	for (uint64_t i = 0; i < descriptor_count(&map); i++) {
		if (range_type(descriptor(&map, i)) == HANDOFF_FREE) {
			*out += descriptor(&map, i)->NumberOfPages * LOADER_PAGE;
		}
	}
	return EFI_SUCCESS;
}

EFI_STATUS memory_map_ram_end(const struct loader *loader, uint64_t *out)
{
	struct memory_map map;
	EFI_STATUS status = read_fresh_map(loader, &map);

	if (EFI_ERROR(status)) {
		return status;
	}
	*out = 0;
	for (uint64_t i = 0; i < descriptor_count(&map); i++) {
		const EFI_MEMORY_DESCRIPTOR *entry = descriptor(&map, i);
		uint64_t end = entry->PhysicalStart + entry->NumberOfPages * LOADER_PAGE;
		/* Reserved ranges may lie anywhere, and are no RAM for us. */
		bool is_ram =
			range_type(entry) != HANDOFF_MMIO && entry->Type != EfiReservedMemoryType;

		*out = is_ram && end > *out ? end : *out;
	}
	return EFI_SUCCESS;
}

/* Keeps map->ranges in ascending order; firmware need not give them so. */
static void insert_range(struct memory_map *map, uint64_t base, uint64_t end, uint32_t type)
{
	uint32_t i = map->range_count;

	if (base >= end || map->range_count == map->range_capacity) {
		return;
	}
	for (; i > 0 && map->ranges[i - 1].base > base; i--) {
		map->ranges[i] = map->ranges[i - 1];
	}
	map->ranges[i] = (struct handoff_range){.base = base, .size = end - base, .type = type};
	map->range_count++;
}

static void merge_ranges(struct memory_map *map)
{
	uint32_t kept = 0;

	for (uint32_t i = 1; i < map->range_count; i++) {
		struct handoff_range *last = &map->ranges[kept];

		if (last->type == map->ranges[i].type &&
		    last->base + last->size == map->ranges[i].base) {
			last->size += map->ranges[i].size;
		} else {
			map->ranges[++kept] = map->ranges[i];
		}
	}
	map->range_count = kept + 1;
}

void memory_map_convert(struct memory_map *map, const struct image *image)
{
	uint64_t image_end = image->base + image->size;

	for (uint64_t i = 0; i < descriptor_count(map); i++) {
		const EFI_MEMORY_DESCRIPTOR *entry = descriptor(map, i);
		uint64_t base = entry->PhysicalStart;
		uint64_t end = base + entry->NumberOfPages * LOADER_PAGE;
		uint32_t type = range_type(entry);

		if (base <= image->base && image_end <= end) {
			insert_range(map, base, image->base, type);
			insert_range(map, image->base, image_end, HANDOFF_HYPERVISOR);
			base = image_end;
		}
		insert_range(map, base, end, type);
	}
	merge_ranges(map);
}
