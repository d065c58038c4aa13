/* SPDX-License-Identifier: MIT */
#include "hv/guest_walk.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#define CR0_PG	   (1ULL << 31)
#define CR4_LA57   (1ULL << 12)
#define EFER_LMA   (1ULL << 10)
#define PTE_P	   (1ULL << 0)
#define PTE_PS	   (1ULL << 7)
#define ADDRESS	   0x000ffffffffff000ULL
#define PML4_LEVEL 3U /* level 0 maps 4 KiB, 1 2 MiB, 2 1 GiB */

static uint64_t level_size(uint32_t level)
{
	return PAGE_SIZE << (9U * level);
}

/* The one read of an entry, so that the guest cannot change it between check and use. */
static int read_entry(const struct guest_mem *mem, uint64_t table, uint64_t address, uint32_t level,
		      uint64_t *entry)
{
	uint64_t index = (address >> (12U + 9U * level)) & 0x1ffU;
	const uint64_t *slot =
		guest_mem_ptr(mem, gpa(table + index * sizeof(*slot)), sizeof(*slot));

	if (slot == NULL) {
		return -EFAULT;
	}
	*entry = __atomic_load_n(slot, __ATOMIC_RELAXED);
	return 0;
}

static int walk(const struct guest_mem *mem, const struct guest_walk_state *state, uint64_t address,
		gpa_t *out)
{
	uint64_t table = state->cr3 & ADDRESS;

	for (uint32_t level = PML4_LEVEL;; level--) {
		uint64_t entry;
		uint64_t mask = level_size(level) - 1;

		if (read_entry(mem, table, address, level, &entry) != 0 || (entry & PTE_P) == 0) {
			return -EFAULT;
		}
		if (level == 0 || (level < PML4_LEVEL && (entry & PTE_PS) != 0)) {
			*out = gpa((entry & ADDRESS & ~mask) | (address & mask));
			return 0;
		}
		table = entry & ADDRESS;
	}
}

int guest_walk_translate(const struct guest_mem *mem, const struct guest_walk_state *state,
			 uint64_t address, gpa_t *out)
{
	if ((state->cr0 & CR0_PG) == 0) {
		*out = gpa(address);
		return address >> 32 == 0 ? 0 : -EINVAL;
	}
	if ((state->efer & EFER_LMA) == 0 || (state->cr4 & CR4_LA57) != 0) {
		return -ENOSYS;
	}
	if ((uint64_t)((int64_t)(address << 16) >> 16) != address) {
		return -EINVAL;
	}
	return walk(mem, state, address, out);
}

/* Bytes of one page. */
static int fetch_part(const struct guest_mem *mem, const struct guest_walk_state *state,
		      uint64_t address, uint8_t *bytes, uint64_t count)
{
	gpa_t physical;
	const void *source;
	int result = guest_walk_translate(mem, state, address, &physical);

	if (result != 0) {
		return result;
	}
	source = guest_mem_ptr(mem, physical, count);
	if (source == NULL) {
		return -EFAULT;
	}
	memcpy(bytes, source, count);
	return 0;
}

int guest_walk_fetch(const struct guest_mem *mem, const struct guest_walk_state *state,
		     uint64_t address, uint8_t bytes[GUEST_WALK_FETCH_MAX])
{
	uint64_t first = min_u64(GUEST_WALK_FETCH_MAX, PAGE_SIZE - (address & (PAGE_SIZE - 1)));
	int result = fetch_part(mem, state, address, bytes, first);

	if (result != 0) {
		return result;
	}
	if (first < GUEST_WALK_FETCH_MAX && fetch_part(mem, state, address + first, bytes + first,
						       GUEST_WALK_FETCH_MAX - first) == 0) {
		return (int)GUEST_WALK_FETCH_MAX;
	}
	return (int)first;
}
