/* SPDX-License-Identifier: MIT */
/*
 * Ring 0's page tables: one set for all CPUs, made at boot, read-only use afterwards. No page is
 * both writable and executable.
 *
 *   PAGING_DIRECT_BASE + HPA   RAM that is free or of the loader, read-write (blob, symbols: read)
 *   PAGING_IMAGE_BASE          text R-X, rodata R--, data RW-, in 4 KiB pages
 *   PAGING_STACKS_BASE         each CPU's stacks, with unmapped pages below each (percpu.c)
 *   PAGING_WINDOW_BASE         devices (uncached) and firmware tables (read-only)
 *
 * The lower half is empty. Everything here is for the bootstrap CPU at boot, unless it says
 * otherwise; no lock.
 */
#ifndef ARCH_X86_64_PAGING_H
#define ARCH_X86_64_PAGING_H

#include "arch/x86_64/boot/handoff.h"
#include "hv/types.h"

#define PAGING_DIRECT_BASE 0xffff800000000000ULL
#define PAGING_DIRECT_END  0xffff900000000000ULL
#define PAGING_IMAGE_BASE  0xffffffff80000000ULL
#define PAGING_STACKS_BASE 0xffffffffc0000000ULL
#define PAGING_WINDOW_BASE 0xffffffffd0000000ULL
#define PAGING_WINDOW_END  0xfffffffffff00000ULL

/* From the linker script. */
extern const char image_start[], image_text_end[], image_rodata_end[], image_end[];

/* Builds the tables while those of the loader are in use; paging_root() is then to be loaded. */
void paging_init(const struct handoff *handoff, const struct handoff_range *ranges);

/* To be called once the bootstrap CPU runs on them. */
void paging_use_direct_map(void);

/* Physical address for CR3. */
uint64_t paging_root(void);

/* Calling CPU: EFER.NXE, to be set before the tables are loaded. */
void paging_enable_nx(void);

/* Calling CPU, tables loaded: CR0.WP, SMEP, SMAP, UMIP and the rest of CR0, CR4 and the PAT. */
void paging_protect_cpu(void);

/* `size` bytes of a device: uncached, no execution. Panics when the window is full. */
volatile void *paging_map_mmio(hpa_t address, size_t size);

/* `size` bytes that the firmware left in RAM: read-only, cached. Panics when the window is full. */
const void *paging_map_firmware(hpa_t address, size_t size);

/* Fresh pages at `address` in the stack area, read-write. */
void paging_map_stack(uint64_t address, size_t size);

/*
 * Makes `root`, a page below 4 GiB in the direct map, the tables with which other CPUs start: those
 * of ring 0, and the page `code` at its physical address, read and execute. paging_end_startup
 * takes that page away again.
 */
void paging_begin_startup(hpa_t root, hpa_t code);
void paging_end_startup(hpa_t root);

/* Walks the tables and panics when a page is writable and executable, when the image is reachable
 * through the direct map, or when the lower half is not empty. Logs what it found. */
void paging_verify(void);

#endif
