/* SPDX-License-Identifier: MIT */
/*
 * Lays out each partition's memory: boot information, page tables, image and modules become plain
 * segments (docs/manifest.md, "What a partition finds in its memory").
 */
#ifndef TOOLS_MUXPACK_LAYOUT_H
#define TOOLS_MUXPACK_LAYOUT_H

#include "tools/muxpack/files.h"
#include "tools/muxpack/linux_boot.h"
#include "tools/muxpack/model.h"
#include "tools/muxpack/report.h"

#define LAYOUT_PAGE_TABLES_GPA 0x2000ULL
#define LAYOUT_PAGE_TABLES     6U /* PML4, PDPT, and a page directory for each of 4 GiB */

struct layout_segment {
	uint64_t gpa;
	const void *data; /* equal pointers: equal bytes, stored once */
	uint64_t size;
};

struct layout_partition {
	uint32_t segment_first;
	uint32_t segment_count;
	uint64_t entry;
	struct mux_guest_boot boot;    /* with an image */
	struct linux_boot kernel_boot; /* with a kernel */
};

struct layout {
	struct layout_segment segments[MUX_SEGMENTS_MAX];
	uint32_t segment_count;
	struct layout_partition partitions[MUX_PARTITIONS_MAX];
	uint64_t page_tables[LAYOUT_PAGE_TABLES][512];
	struct files files;
};

/* Reads every file and lays out a resolved model; errors go to the report. Never NULL. */
struct layout *layout_create(const struct model *model, struct report *report);
void layout_destroy(struct layout *layout);

#endif
