/* SPDX-License-Identifier: MIT */
/*
 * What the EFI loader hands to ring 0: internal to one build (loader and hypervisor are one image).
 *
 * State at the entry point: 64-bit mode, interrupts off, RDI = physical address of struct handoff,
 * CR3 = page tables of the loader that map all RAM at its physical address (identity) and the
 * hypervisor at its link address; RSP = a loader stack of at least 16 KiB. Boot services have
 * ended. The handoff, the blob, the memory map and the page tables lie in memory marked
 * HANDOFF_LOADER in the map. Memory below 1 MiB is never HANDOFF_FREE: the trampoline is
 * HANDOFF_LOADER, the rest is left to the firmware.
 *
 * Symbol table (tools/mksyms): u32 count, then count times (u32 offset of the symbol from the link
 * base, ascending; u32 offset of its name in the names), then the NUL-terminated names.
 */
#ifndef ARCH_X86_64_BOOT_HANDOFF_H
#define ARCH_X86_64_BOOT_HANDOFF_H

#include <stdint.h>

#define HANDOFF_MAGIC	0x46444e4848585f4dULL
#define HANDOFF_VERSION 1U

enum handoff_memory {
	HANDOFF_FREE = 0,	/* RAM for ring 0 and partitions (boot services memory included) */
	HANDOFF_LOADER = 1,	/* RAM that the loader filled: keep as long as it is used */
	HANDOFF_HYPERVISOR = 2, /* the hypervisor's image */
	HANDOFF_FIRMWARE = 3,	/* runtime services, ACPI: never touched */
	HANDOFF_MMIO = 4,
};

struct handoff_range {
	uint64_t base; /* physical, 4 KiB aligned */
	uint64_t size; /* bytes, a multiple of 4 KiB */
	uint32_t type; /* enum handoff_memory */
	uint32_t reserved;
};

struct handoff {
	uint64_t magic;
	uint32_t version;
	uint32_t range_count;
	uint64_t
		ranges; /* physical address of struct handoff_range[], ascending, not overlapping */
	uint64_t image_base; /* physical address where the hypervisor's link base lies, 2 MiB
				aligned */
	uint64_t image_size; /* bytes, .bss included */
	uint64_t blob_base;  /* physical, 4 KiB aligned; checked by manifest_check */
	uint64_t blob_size;
	uint64_t rsdp;		  /* physical address of the ACPI RSDP, or 0 */
	uint64_t trampoline;	  /* physical address of 2 free pages below 1 MiB for AP start-up */
	uint64_t tsc_khz;	  /* measured against the firmware's Stall() */
	uint64_t tsc_start;	  /* TSC at the loader's start */
	uint32_t clock_wall[3];	  /* kvm-clock's wall clock and system clock, as a guest gets */
	uint32_t clock_system[8]; /* them: clock.h */
	uint32_t reserved;
	uint64_t symbols; /* physical address of the symbol table, or 0; see below */
	uint64_t symbols_size;
};

#endif
