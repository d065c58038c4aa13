// SPDX-License-Identifier: MIT
/*
 * Page tables of a bare-metal partition: the start-up tables map everything writable, so a null
 * pointer or a stack that runs over would go unnoticed. These map the first 4 GiB to themselves in
 * 2 MiB pages, and in 4 KiB pages where the two absent pages and the image's code lie.
 */
#include "appliance/runtime/runtime.h"

#define PRESENT	   0x1ULL
#define WRITABLE   0x2ULL
#define LARGE	   0x80ULL
#define PAGE	   0x1000ULL
#define LARGE_PAGE 0x200000ULL
#define ENTRIES	   512U
#define GIB	   4U

extern const char image_start[], image_readonly_end[];

static uint64_t level4[ENTRIES] __attribute__((aligned(4096)));
static uint64_t level3[ENTRIES] __attribute__((aligned(4096)));
static uint64_t level2[GIB][ENTRIES] __attribute__((aligned(4096)));
static uint64_t low_pages[ENTRIES] __attribute__((aligned(4096)));
static uint64_t guard_pages[ENTRIES] __attribute__((aligned(4096)));

static uint64_t table_entry(const void *table)
{
	return (uint64_t)(uintptr_t)table | PRESENT | WRITABLE;
}

static uint64_t *large_entry(uint64_t address)
{
	return &level2[address / (LARGE_PAGE * ENTRIES)][address / LARGE_PAGE % ENTRIES];
}

/* Splits the 2 MiB page of `address` into the 4 KiB pages of `table`. */
static void split_large_page(uint64_t *table, uint64_t address)
{
	uint64_t base = address & ~(LARGE_PAGE - 1);

	for (unsigned int i = 0; i < ENTRIES; i++) {
		table[i] = (base + i * PAGE) | PRESENT | WRITABLE;
	}
	*large_entry(address) = table_entry(table);
}

/* Code and constants, as far as they lie in the first 2 MiB. */
static void protect_image(void)
{
	uint64_t end = (uint64_t)(uintptr_t)image_readonly_end;

	for (uint64_t page = (uint64_t)(uintptr_t)image_start; page < end && page < LARGE_PAGE;
	     page += PAGE) {
		low_pages[page / PAGE] &= ~WRITABLE;
	}
}

void memory_map_init(uint64_t stack_low)
{
	uint64_t guard = stack_low - PAGE;
	uint64_t *table = guard < LARGE_PAGE ? low_pages : guard_pages;

	level4[0] = table_entry(level3);
	for (unsigned int i = 0; i < GIB; i++) {
		level3[i] = table_entry(level2[i]);
	}
	for (uint64_t i = 0; i < (uint64_t)GIB * ENTRIES; i++) {
		level2[i / ENTRIES][i % ENTRIES] = (i * LARGE_PAGE) | PRESENT | WRITABLE | LARGE;
	}
	split_large_page(low_pages, 0);
	if (table != low_pages) {
		split_large_page(table, guard);
	}
	low_pages[0] = 0;
	table[guard / PAGE % ENTRIES] = 0;
	protect_image();
	__asm__ volatile("mov %0, %%cr3" : : "r"(level4) : "memory");
}
