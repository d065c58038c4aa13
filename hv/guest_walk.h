/* SPDX-License-Identifier: MIT */
/*
 * Guest-virtual to guest-physical for instruction fetches, by the guest's own 4-level page tables
 * (Intel SDM 3A, 4.5) or with paging off. Sets no accessed bits; each entry is read once. 5-level,
 * PAE and 32-bit paging are refused. Permissions and reserved bits are not checked: the CPU did so
 * when it fetched the instruction that exited, and a guest that changes its tables meanwhile reads
 * nothing but its own RAM. No lock.
 */
#ifndef HV_GUEST_WALK_H
#define HV_GUEST_WALK_H

#include "hv/guest_mem.h"

#define GUEST_WALK_FETCH_MAX 15U /* longest x86 instruction */

struct guest_walk_state {
	uint64_t cr0;
	uint64_t cr3;
	uint64_t cr4;
	uint64_t efer;
};

/* 0; -EFAULT: an entry is not present, or a table is not in its RAM; -EINVAL: address not
 * canonical (paging off: above 4 GiB); -ENOSYS: paging mode not supported. */
int guest_walk_translate(const struct guest_mem *mem, const struct guest_walk_state *state,
			 uint64_t address, gpa_t *out);

/* Up to GUEST_WALK_FETCH_MAX bytes at `address`: the number of bytes (fewer when the next page
 * is not readable), or an error as above for the first byte. */
int guest_walk_fetch(const struct guest_mem *mem, const struct guest_walk_state *state,
		     uint64_t address, uint8_t bytes[GUEST_WALK_FETCH_MAX]);

#endif
