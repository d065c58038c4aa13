/* SPDX-License-Identifier: MIT */
/*
 * The page tables that ring 0 starts with (SDM 3A 4.5, 4-level paging, 2 MiB pages): see
 * page_tables.h. All pages are writable and executable: ring 0 replaces these tables by its own
 * W^X ones before it does anything else.
 */
#include "arch/x86_64/boot/page_tables.h"

#include <string.h>

#include "arch/x86_64/boot/console.h"
#include "arch/x86_64/boot/memory_map.h"

#define ENTRIES	      512U
#define GIB	      0x40000000ULL
#define MAPPED_MIN    (4 * GIB)
#define MAPPED_MAX    (65536 * GIB)
#define ENTRY_TABLE   0x3ULL  /* present, writable */
#define ENTRY_LEAF_2M 0x83ULL /* present, writable, page size */
#define ENTRY_ADDRESS 0x000ffffffffff000ULL

struct page_tables {
	uint64_t *next; /* unused pages, zeroed */
	uint64_t *root;
};

static uint64_t *take_table(struct page_tables *tables)
{
	uint64_t *table = tables->next;

	tables->next += ENTRIES;
	return table;
}

/* The next lower table of an entry, made when it is missing. Firmware maps memory one to one. */
static uint64_t *descend(struct page_tables *tables, uint64_t *entry)
{
	if (*entry == 0) {
		*entry = (uint64_t)take_table(tables) | ENTRY_TABLE;
	}
	return (uint64_t *)(*entry & ENTRY_ADDRESS);
}

static void map_range(struct page_tables *tables, uint64_t virtual, uint64_t physical,
		      uint64_t size)
{
	for (uint64_t done = 0; done < size; done += IMAGE_ALIGNMENT) {
		uint64_t at = virtual + done;
		uint64_t *pdpt = descend(tables, &tables->root[at >> 39 & (ENTRIES - 1)]);
		uint64_t *directory = descend(tables, &pdpt[at >> 30 & (ENTRIES - 1)]);

		directory[at >> 21 & (ENTRIES - 1)] = (physical + done) | ENTRY_LEAF_2M;
	}
}

EFI_STATUS page_tables_build(const struct loader *loader, const struct image *image, uint64_t *cr3)
{
	struct page_tables tables;
	uint64_t mapped;
	uint64_t pages;
	EFI_STATUS status = memory_map_ram_end(loader, &mapped);

	if (EFI_ERROR(status)) {
		return status;
	}
	mapped = mapped < MAPPED_MIN ? MAPPED_MIN : (mapped + GIB - 1) & ~(GIB - 1);
	mapped = mapped > MAPPED_MAX ? MAPPED_MAX : mapped;
	/* Root, directories and their parents of the RAM, two of the image (it fits one GiB). */
	pages = 1 + mapped / GIB + (mapped / GIB + ENTRIES - 1) / ENTRIES + 2;
	tables.next = loader_alloc_pages(loader, pages);
	if (tables.next == NULL) {
		console_print("Too little memory for %u page tables.\n", pages);
		return EFI_OUT_OF_RESOURCES;
	}
	memset(tables.next, 0, pages * LOADER_PAGE);
	tables.root = take_table(&tables);
	map_range(&tables, 0, 0, mapped);
	map_range(&tables, image->link_base, image->base, image->size);
	*cr3 = (uint64_t)tables.root;
	return EFI_SUCCESS;
}
