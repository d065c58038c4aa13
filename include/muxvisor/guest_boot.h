/* SPDX-License-Identifier: MIT */
/*
 * Boot information of a bare-metal partition. tools/muxpack writes it as a segment; vCPU 0 starts
 * with its guest-physical address in RDI (and RSI).
 */
#ifndef MUXVISOR_GUEST_BOOT_H
#define MUXVISOR_GUEST_BOOT_H

#include "muxvisor/types.h"

#define MUX_GUEST_BOOT_MAGIC   0x544f4f4258554dULL /* "MUXBOOT" */
#define MUX_GUEST_BOOT_VERSION 1U
#define MUX_GUEST_BOOT_GPA     0x1000ULL
#define MUX_GUEST_MODULES_MAX  32U
#define MUX_GUEST_ARGS_SIZE    1024U

struct mux_guest_module {
	char name[48]; /* as the manifest names it, NUL-terminated */
	uint64_t gpa;  /* 4 KiB aligned */
	uint64_t size; /* bytes */
};

struct mux_guest_boot {
	uint64_t magic;
	uint32_t version;
	uint32_t size; /* sizeof(struct mux_guest_boot) */
	char name[MUX_NAME_SIZE];
	uint32_t cid;
	uint32_t vcpu_count;
	uint64_t memory_low;  /* bytes of RAM from GPA 0 */
	uint64_t memory_high; /* bytes of RAM from GPA 4 GiB */
	uint64_t free_start;  /* GPA range that no segment uses: heap */
	uint64_t free_end;
	uint32_t module_count;
	uint32_t reserved;
	struct mux_guest_module module[MUX_GUEST_MODULES_MAX];
	char args[MUX_GUEST_ARGS_SIZE]; /* the manifest's "args", NUL-terminated */
};

_Static_assert(sizeof(struct mux_guest_module) == 64, "mux_guest_module");
_Static_assert(sizeof(struct mux_guest_boot) == 3152, "mux_guest_boot");

#endif
