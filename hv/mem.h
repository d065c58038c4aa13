/* SPDX-License-Identifier: MIT */
/*
 * Physical memory at boot. Everything that ring 0 and the partitions use is taken here before the
 * partitions start; mem_seal() ends it, and nothing allocates afterwards. BSP only, no lock.
 *
 * Memory comes back zeroed (partition memory from mem_alloc_pieces does not: starting a partition
 * zeroes it). No allocation can be freed.
 */
#ifndef HV_MEM_H
#define HV_MEM_H

#include "arch/x86_64/boot/handoff.h"
#include "hv/types.h"

/* Takes over the free ranges above 1 MiB of the loader's map (ascending, checked by the caller). */
void mem_init(const struct handoff_range *ranges, uint32_t count);

/* `size` bytes rounded up to pages, contiguous, page-aligned. Panics when memory is exhausted. */
void *mem_alloc(size_t size);

/* The same by its physical address, and not zeroed: usable before the direct map exists. */
hpa_t mem_alloc_pages(size_t size);

/* `size` bytes (a multiple of 2 MiB), contiguous, aligned to 2 MiB, or to 1 GiB where size allows
 * and such a range is free. Returns false when there is no such range. */
bool mem_alloc_pieces(uint64_t size, hpa_t *out);

/* No allocation after this: a later call panics. */
void mem_seal(void);

/* Bytes that ring 0 itself took by mem_alloc, and bytes still free. */
uint64_t mem_used(void);
uint64_t mem_free(void);

/* Direct map. phys_to_virt: any RAM address that is not the hypervisor's image. */
void *phys_to_virt(hpa_t address);
/* virt_to_phys: an address from mem_alloc, phys_to_virt, or in the hypervisor's image. */
hpa_t virt_to_phys(const void *address);

#endif
