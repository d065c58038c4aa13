/* SPDX-License-Identifier: MIT */
/*
 * A partition's RAM as ring 0 reaches it: few regions, each contiguous in guest-physical and in
 * host-virtual addresses. Written once when the partition is built, read-only afterwards, so no
 * lock.
 *
 * Pure C without any dependency on the backend: the switch uses it, and host tests build it.
 */
#ifndef HV_GUEST_MEM_H
#define HV_GUEST_MEM_H

#include "hv/types.h"

#define GUEST_REGIONS_MAX 4U

struct guest_region {
	uint64_t gpa;  /* first address */
	uint64_t size; /* bytes, not 0 */
	uint8_t *base; /* host-virtual address of gpa */
};

struct guest_mem {
	uint32_t count;
	struct guest_region region[GUEST_REGIONS_MAX];
};

/*
 * Host pointer to [address, address + length) or NULL when that is not wholly inside one region
 * (also on overflow). length 0 is treated as 1.
 */
static inline void *guest_mem_ptr(const struct guest_mem *mem, gpa_t address, uint64_t length)
{
	if (length == 0) {
		length = 1;
	}
	for (uint32_t i = 0; i < mem->count; i++) {
		const struct guest_region *r = &mem->region[i];
		uint64_t offset = address.value - r->gpa;

		if (offset < r->size && length <= r->size - offset) {
			return r->base + index_clamp(offset, r->size);
		}
	}
	return NULL;
}

#endif
