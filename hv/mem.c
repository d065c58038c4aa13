/* SPDX-License-Identifier: MIT */
/*
 * Ring 0's own memory comes from the lowest free range, the partitions' from the highest, so that
 * small allocations do not cut up the large pages.
 */
#include "hv/mem.h"

#include <string.h>

#include "hv/log.h"

#define MEM_RANGES_MAX 256U
#define MEM_LOWEST     0x100000ULL /* below it lie firmware structures and the AP start-up code */

struct mem_range {
	uint64_t base;
	uint64_t end;
};

/* Ascending, not overlapping; an entry may be empty. Bootstrap CPU until sealed, then read-only. */
static struct mem_range free_ranges[MEM_RANGES_MAX];
static uint32_t free_range_count;
static uint64_t used_bytes;
static bool is_sealed;

void mem_init(const struct handoff_range *ranges, uint32_t count)
{
	free_range_count = 0;
	used_bytes = 0;
	is_sealed = false;
	for (uint32_t i = 0; i < count; i++) {
		uint64_t base = ranges[i].base < MEM_LOWEST ? MEM_LOWEST : ranges[i].base;
		uint64_t end = ranges[i].base + ranges[i].size;

		if (ranges[i].type != HANDOFF_FREE || end <= base) {
			continue;
		}
		if (free_range_count > 0 && free_ranges[free_range_count - 1].end == base) {
			free_ranges[free_range_count - 1].end = end;
		} else if (free_range_count < MEM_RANGES_MAX) {
			free_ranges[free_range_count++] = (struct mem_range){base, end};
		} else {
			log_warn("memory: range at 0x%llx is left unused: too many ranges",
				 (unsigned long long)base);
		}
	}
}

hpa_t mem_alloc_pages(size_t size)
{
	uint64_t bytes = align_up(size, PAGE_SIZE);

	if (is_sealed) {
		panic("memory: allocation of %zu bytes after the boot ended", size);
	}
	for (uint32_t i = 0; i < free_range_count; i++) {
		struct mem_range *range = &free_ranges[i];

		if (bytes >= size && range->end - range->base >= bytes) {
			hpa_t result = hpa(range->base);

			range->base += bytes;
			used_bytes += bytes;
			return result;
		}
	}
	panic("memory: no %zu contiguous bytes left for ring 0", size);
}

void *mem_alloc(size_t size)
{
	void *memory = phys_to_virt(mem_alloc_pages(size));

	memset(memory, 0, align_up(size, PAGE_SIZE));
	return memory;
}

/* Takes [base, base + size) out of range `index`; what lies above becomes a range of its own. */
static void cut_range(uint32_t index, uint64_t base, uint64_t size)
{
	struct mem_range above = {base + size, free_ranges[index].end};

	free_ranges[index].end = base;
	if (above.base == above.end) {
		return;
	}
	if (free_range_count == MEM_RANGES_MAX) {
		log_warn("memory: 0x%llx bytes are left unused: too many ranges",
			 (unsigned long long)(above.end - above.base));
		return;
	}
	for (uint32_t i = free_range_count; i > index + 1; i--) {
		free_ranges[i] = free_ranges[i - 1];
	}
	free_ranges[index + 1] = above;
	free_range_count++;
}

static bool take_aligned(uint64_t size, uint64_t alignment, hpa_t *out)
{
	for (uint32_t i = free_range_count; i-- > 0;) {
		struct mem_range *range = &free_ranges[i];

		if (range->end - range->base < size) {
			continue;
		}
		uint64_t base = (range->end - size) & ~(alignment - 1);

		if (base >= range->base) {
			cut_range(i, base, size);
			*out = hpa(base);
			return true;
		}
	}
	return false;
}

bool mem_alloc_pieces(uint64_t size, hpa_t *out)
{
	if (is_sealed) {
		panic("memory: allocation of a partition after the boot ended");
	}
	if (size == 0 || size % PAGE_SIZE_2M != 0) {
		return false;
	}
	return (size >= PAGE_SIZE_1G && take_aligned(size, PAGE_SIZE_1G, out)) ||
	       take_aligned(size, PAGE_SIZE_2M, out);
}

void mem_seal(void)
{
	is_sealed = true;
}

uint64_t mem_used(void)
{
	return used_bytes;
}

uint64_t mem_free(void)
{
	uint64_t total = 0;

	for (uint32_t i = 0; i < free_range_count; i++) {
		total += free_ranges[i].end - free_ranges[i].base;
	}
	return total;
}
