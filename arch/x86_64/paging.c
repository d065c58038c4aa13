/* SPDX-License-Identifier: MIT */
/*
 * Four-level page tables of ring 0 (SDM 3A 4.5). Global pages and PCIDs are not used: ring 0 never
 * changes CR3, and a VM entry with VPID flushes nothing of the host.
 */
#include "arch/x86_64/paging.h"

#include <string.h>

#include "arch/x86_64/cpu_features.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/msr.h"
#include "hv/log.h"
#include "hv/mem.h"

#define PTE_PRESENT  (1ULL << 0)
#define PTE_WRITE    (1ULL << 1)
#define PTE_WT	     (1ULL << 3)
#define PTE_UNCACHED (1ULL << 4)
#define PTE_LARGE    (1ULL << 7)
#define PTE_NX	     (1ULL << 63)
#define PTE_ADDRESS  0x000ffffffffff000ULL

#define RIGHTS_RX PTE_PRESENT
#define RIGHTS_R  (PTE_PRESENT | PTE_NX)
#define RIGHTS_RW (PTE_PRESENT | PTE_WRITE | PTE_NX)
/* PAT entry 3, uncacheable whatever the MTRRs say (SDM 3A 12.5.2.1). */
#define RIGHTS_MMIO (RIGHTS_RW | PTE_WT | PTE_UNCACHED)

#define TABLE_SLOTS 512U
#define TOP_LEVEL   4U /* level 1 holds 4 KiB pages */

static uint64_t root;
static uint64_t table_offset; /* how tables are reached: identity first, then the direct map */
static uint64_t image_base;
static uint64_t image_size;
static uint64_t window_next = PAGING_WINDOW_BASE;

static uint64_t *table_at(uint64_t address)
{
	return (uint64_t *)((address & PTE_ADDRESS) + table_offset);
}

static uint64_t level_size(uint32_t level)
{
	return 1ULL << (12 + 9 * (level - 1));
}

static uint32_t slot_of(uint64_t address, uint32_t level)
{
	return (uint32_t)(address / level_size(level)) % TABLE_SLOTS;
}

static uint64_t new_table(void)
{
	uint64_t table = mem_alloc_pages(PAGE_SIZE).value;

	memset(table_at(table), 0, PAGE_SIZE);
	return table;
}

/* The slot that maps `address` at `level`; tables on the way are made. */
static uint64_t *find_slot(uint64_t top, uint64_t address, uint32_t level)
{
	uint64_t *table = table_at(top);

	for (uint32_t at = TOP_LEVEL; at > level; at--) {
		uint64_t *slot = &table[slot_of(address, at)];

		if (*slot == 0) {
			*slot = new_table() | PTE_PRESENT | PTE_WRITE;
		} else if ((*slot & PTE_LARGE) != 0) {
			panic("paging: 0x%llx is mapped twice", (unsigned long long)address);
		}
		table = table_at(*slot);
	}
	return &table[slot_of(address, level)];
}

static uint32_t largest_level(uint64_t address, uint64_t target, uint64_t size)
{
	for (uint32_t level = cpu_features_get()->has_pages_1g ? 3 : 2; level > 1; level--) {
		if (((address | target) & (level_size(level) - 1)) == 0 &&
		    size >= level_size(level)) {
			return level;
		}
	}
	return 1;
}

static void map_range(uint64_t address, uint64_t target, uint64_t size, uint64_t rights,
		      bool may_be_large)
{
	while (size > 0) {
		uint32_t level = may_be_large ? largest_level(address, target, size) : 1;
		uint64_t *slot = find_slot(root, address, level);

		if (*slot != 0) {
			panic("paging: 0x%llx is mapped twice", (unsigned long long)address);
		}
		*slot = target | rights | (level > 1 ? PTE_LARGE : 0);
		address += level_size(level);
		target += level_size(level);
		size -= level_size(level);
	}
}

static void map_image_part(const char *start, const char *end, uint64_t rights)
{
	uint64_t offset = (uint64_t)start - PAGING_IMAGE_BASE;

	map_range((uint64_t)start, image_base + offset, (uint64_t)(end - start), rights, false);
}

/* RAM in the direct map, read-write but for the two read-only parts of it. */
static void map_ram(const struct handoff *handoff, uint64_t base, uint64_t end)
{
	const struct handoff_range parts[] = {
		{.base = handoff->blob_base, .size = align_up(handoff->blob_size, PAGE_SIZE)},
		{.base = handoff->symbols & ~(PAGE_SIZE - 1),
		 .size = align_up(handoff->symbols % PAGE_SIZE + handoff->symbols_size, PAGE_SIZE)},
	};

	while (base < end) {
		uint64_t stop = end;
		uint64_t rights = RIGHTS_RW;

		for (uint32_t i = 0; i < ARRAY_COUNT(parts); i++) {
			if (base < parts[i].base) {
				stop = min_u64(stop, parts[i].base);
			} else if (base - parts[i].base < parts[i].size) {
				rights = RIGHTS_R;
				stop = min_u64(stop, parts[i].base + parts[i].size);
			}
		}
		map_range(PAGING_DIRECT_BASE + base, base, stop - base, rights, true);
		base = stop;
	}
}

static bool is_ram(const struct handoff_range *range)
{
	return range->type == HANDOFF_FREE || range->type == HANDOFF_LOADER;
}

/* Neighbours are mapped together, so that a large page may span several ranges. */
static void map_all_ram(const struct handoff *handoff, const struct handoff_range *ranges)
{
	uint64_t base = 0;
	uint64_t end = 0;

	for (uint32_t i = 0; i < handoff->range_count; i++) {
		if (!is_ram(&ranges[i])) {
			continue;
		}
		if (ranges[i].base != end) {
			map_ram(handoff, base, end);
			base = ranges[i].base;
		}
		end = ranges[i].base + ranges[i].size;
	}
	map_ram(handoff, base, end);
}

void paging_init(const struct handoff *handoff, const struct handoff_range *ranges)
{
	image_base = handoff->image_base;
	image_size = (uint64_t)(image_end - image_start);
	root = new_table();
	map_image_part(image_start, image_text_end, RIGHTS_RX);
	map_image_part(image_text_end, image_rodata_end, RIGHTS_R);
	map_image_part(image_rodata_end, image_end, RIGHTS_RW);
	map_all_ram(handoff, ranges);
}

void paging_use_direct_map(void)
{
	table_offset = PAGING_DIRECT_BASE;
}

uint64_t paging_root(void)
{
	return root;
}

void paging_enable_nx(void)
{
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_NXE);
}

/* SSE and XSAVE are enabled for the sake of the guests' registers; ring 0 uses neither. */
void paging_protect_cpu(void)
{
	const struct cpu_features *features = cpu_features_get();
	uint64_t cr4 = CR4_PAE | CR4_MCE | CR4_OSFXSR | CR4_OSXMMEXCPT;

	cr4 |= features->has_smep ? CR4_SMEP : 0;
	cr4 |= features->has_smap ? CR4_SMAP : 0;
	cr4 |= features->has_umip ? CR4_UMIP : 0;
	cr4 |= features->has_xsave ? CR4_OSXSAVE : 0;
	write_cr0(CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG);
	write_cr4(cr4);
	wrmsr(MSR_PAT, PAT_RESET_VALUE);
	write_cr3(root);
}

static uint64_t map_window(hpa_t address, size_t size, uint64_t rights)
{
	uint64_t offset = address.value % PAGE_SIZE;
	uint64_t bytes = align_up(offset + size, PAGE_SIZE);
	uint64_t at = window_next;

	if (bytes < size || bytes > PAGING_WINDOW_END - window_next) {
		panic("paging: no room to map 0x%zx bytes at 0x%llx", size,
		      (unsigned long long)address.value);
	}
	map_range(at, address.value - offset, bytes, rights, false);
	window_next += bytes;
	return at + offset;
}

volatile void *paging_map_mmio(hpa_t address, size_t size)
{
	return (volatile void *)map_window(address, size, RIGHTS_MMIO);
}

const void *paging_map_firmware(hpa_t address, size_t size)
{
	return (const void *)map_window(address, size, RIGHTS_R);
}

void paging_map_stack(uint64_t address, size_t size)
{
	map_range(address, mem_alloc_pages(size).value, size, RIGHTS_RW, false);
}

void paging_begin_startup(hpa_t startup_root, hpa_t code)
{
	memcpy(table_at(startup_root.value), table_at(root), PAGE_SIZE);
	*find_slot(startup_root.value, code.value, 1) = code.value | RIGHTS_RX;
}

void paging_end_startup(hpa_t startup_root)
{
	memset(table_at(startup_root.value), 0, PAGE_SIZE);
}

void *phys_to_virt(hpa_t address)
{
	return (void *)(PAGING_DIRECT_BASE + address.value);
}

hpa_t virt_to_phys(const void *address)
{
	uint64_t value = (uint64_t)address;

	if (value >= PAGING_DIRECT_BASE && value < PAGING_DIRECT_END) {
		return hpa(value - PAGING_DIRECT_BASE);
	}
	if (value - PAGING_IMAGE_BASE < image_size) {
		return hpa(value - PAGING_IMAGE_BASE + image_base);
	}
	panic("paging: 0x%llx has no known physical address", (unsigned long long)value);
}

struct verify_counts {
	uint32_t pages[TOP_LEVEL]; /* by level */
	uint32_t executable;
};

static void verify_page(uint64_t address, uint64_t entry, uint32_t level,
			struct verify_counts *counts)
{
	uint64_t target = entry & PTE_ADDRESS & ~(level_size(level) - 1);

	counts->pages[level]++;
	if ((entry & PTE_NX) == 0) {
		counts->executable++;
		if ((entry & PTE_WRITE) != 0) {
			panic("paging: page 0x%llx is writable and executable",
			      (unsigned long long)address);
		}
	}
	if (address < PAGING_DIRECT_END && target < image_base + image_size &&
	    image_base < target + level_size(level)) {
		panic("paging: the image is reachable at 0x%llx", (unsigned long long)address);
	}
}

/* Recursion ends at level 1. */
static void verify_table(uint64_t table, uint64_t base, uint32_t level,
			 struct verify_counts *counts)
{
	const uint64_t *slots = table_at(table);

	for (uint32_t i = 0; i < TABLE_SLOTS; i++) {
		uint64_t address = base + i * level_size(level);

		if ((slots[i] & PTE_PRESENT) == 0) {
			continue;
		}
		if (level == 1 || (slots[i] & PTE_LARGE) != 0) {
			verify_page(address, slots[i], level, counts);
		} else {
			verify_table(slots[i], address, level - 1, counts);
		}
	}
}

void paging_verify(void)
{
	struct verify_counts counts = {0};
	const uint64_t *top = table_at(read_cr3());

	for (uint32_t i = 0; i < TABLE_SLOTS; i++) {
		if (top[i] == 0) {
			continue;
		}
		if (i < TABLE_SLOTS / 2) {
			panic("paging: the lower half is not empty");
		}
		verify_table(top[i], 0xffff000000000000ULL | i * level_size(TOP_LEVEL),
			     TOP_LEVEL - 1, &counts);
	}
	log_info(
		"paging: W^X holds over %u pages of 4 KiB, %u of 2 MiB, %u of 1 GiB; %u executable",
		counts.pages[1], counts.pages[2], counts.pages[3], counts.executable);
}
