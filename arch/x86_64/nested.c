/* SPDX-License-Identifier: MIT */
/*
 * Builder of nested page tables. What is not mapped here does not exist for the partition: this is
 * the wall of invariant I1.
 */
#include "arch/x86_64/nested.h"

#include "hv/mem.h"

#define ENTRIES	  512U
#define TABLE_PTR 0x000ffffffffff000ULL

static unsigned int nested_index(uint64_t address, unsigned int level)
{
	return (unsigned int)(address >> (12 + 9 * level)) % ENTRIES;
}

static uint64_t *nested_next(const struct nested_format *format, uint64_t *entry)
{
	if (*entry == 0) {
		*entry = virt_to_phys(mem_alloc(PAGE_SIZE)).value | format->table;
	}
	return phys_to_virt(hpa(*entry & TABLE_PTR));
}

/* Level of the largest leaf that fits at both addresses. Partition memory comes in pieces of 2 MiB
 * (manifest), so smaller leaves occur only where larger ones are not permitted. */
static unsigned int nested_leaf_level(const struct nested_format *format, uint64_t from,
				      uint64_t to, uint64_t left)
{
	bool fits_1g = ((from | to) % PAGE_SIZE_1G) == 0 && left >= PAGE_SIZE_1G;

	return fits_1g || format->leaf_max == 0 ? format->leaf_max : 1;
}

static void nested_map(const struct nested_format *format, uint64_t *root, uint64_t from,
		       uint64_t to, uint64_t size)
{
	while (size > 0) {
		unsigned int leaf = nested_leaf_level(format, from, to, size);
		uint64_t page = 1ULL << (12 + 9 * leaf);
		uint64_t *table = root;

		for (unsigned int level = 3; level > leaf; level--) {
			table = nested_next(format, &table[nested_index(from, level)]);
		}
		table[nested_index(from, leaf)] =
			to | format->leaf | (leaf > 0 ? format->large : 0);
		from += page;
		to += page;
		size -= page;
	}
}

hpa_t nested_build(const struct nested_format *format, const struct guest_mem *mem)
{
	uint64_t *root = mem_alloc(PAGE_SIZE);

	for (uint32_t i = 0; i < mem->count; i++) {
		const struct guest_region *r = &mem->region[i];

		nested_map(format, root, r->gpa, virt_to_phys(r->base).value, r->size);
	}
	return virt_to_phys(root);
}
