/* SPDX-License-Identifier: MIT */
#include "hv/guest_walk.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#define CR0_PG	   (1ULL << 31)
#define CR4_LA57   (1ULL << 12)
#define CR4_SMEP   (1ULL << 20)
#define EFER_LMA   (1ULL << 10)
#define EFER_NXE   (1ULL << 11)
#define PTE_P	   (1ULL << 0)
#define PTE_U	   (1ULL << 2)
#define PTE_PS	   (1ULL << 7)
#define PTE_PAT_2M (1ULL << 12) /* in a large page's entry not part of the address */
#define PTE_NX	   (1ULL << 63)
#define ADDRESS	   0x000ffffffffff000ULL
#define PML4_LEVEL 3U /* level 0 maps 4 KiB, 1 2 MiB, 2 1 GiB */

#define WIDTH_MIN 32U
#define WIDTH_MAX 52U

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

/* Bits that must be 0 (SDM 3A, tables 4-14 to 4-19). */
static uint64_t reserved_bits(const struct guest_walk_state *state, uint32_t level, uint64_t entry)
{
	uint32_t width = state->physical_width;
	uint64_t reserved = ADDRESS;

	if (width >= WIDTH_MIN && width <= WIDTH_MAX) {
		reserved &= ~((1ULL << width) - 1);
	}
	if ((state->efer & EFER_NXE) == 0) {
		reserved |= PTE_NX;
	}
	if (level == PML4_LEVEL) {
		reserved |= PTE_PS;
	} else if (level > 0 && (entry & PTE_PS) != 0) {
		reserved |= (level_size(level) - 1) & ADDRESS & ~PTE_PAT_2M;
	}
	return reserved;
}

static bool may_execute(const struct guest_walk_state *state, bool is_user_page, bool is_nx)
{
	if (is_nx) {
		return false;
	}
	if (state->is_user) {
		return is_user_page;
	}
	return !is_user_page || (state->cr4 & CR4_SMEP) == 0;
}

static int walk(const struct guest_mem *mem, const struct guest_walk_state *state, uint64_t address,
		gpa_t *out)
{
	uint64_t table = state->cr3 & ADDRESS;
	bool is_user_page = true;
	bool is_nx = false;

	for (uint32_t level = PML4_LEVEL;; level--) {
		uint64_t entry;
		uint64_t mask = level_size(level) - 1;

		if (read_entry(mem, table, address, level, &entry) != 0 || (entry & PTE_P) == 0 ||
		    (entry & reserved_bits(state, level, entry)) != 0) {
			return -EFAULT;
		}
		is_user_page = is_user_page && (entry & PTE_U) != 0;
		is_nx = is_nx || (entry & PTE_NX) != 0;
		if (level == 0 || (entry & PTE_PS) != 0) {
			*out = gpa((entry & ADDRESS & ~mask) | (address & mask));
			return may_execute(state, is_user_page, is_nx) ? 0 : -EFAULT;
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
