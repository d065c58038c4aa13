/* SPDX-License-Identifier: MIT */
/*
 * Nested page tables (EPT, and NPT later): one builder, the bits given by the backend. Tables are
 * built at boot from mem_alloc and never change afterwards, so readers need no lock.
 */
#ifndef ARCH_X86_64_NESTED_H
#define ARCH_X86_64_NESTED_H

#include "hv/guest_mem.h"

struct nested_format {
	uint64_t table; /* bits of an entry that points to a table */
	uint64_t leaf;	/* bits of a leaf entry: RAM of the partition, read, write, execute */
	uint64_t large; /* bit that makes an entry of a higher level a leaf */
	unsigned int leaf_max; /* level of the largest leaves: 0 4 KiB, 1 2 MiB, 2 1 GiB */
};

/* Four-level tables that map exactly the regions of mem, with the largest pages that alignment
 * allows; everything else is not present. Returns the root's address. Boot only. */
hpa_t nested_build(const struct nested_format *format, const struct guest_mem *mem);

#endif
