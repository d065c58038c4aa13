/* SPDX-License-Identifier: MIT */
/*
 * Reads a static ELF64 executable for x86-64 (ELF gABI 4.1 chapter 5, psABI x86-64): its loadable
 * parts and its entry point. Trusts nothing in the file.
 */
#ifndef TOOLS_MUXPACK_ELF_IMAGE_H
#define TOOLS_MUXPACK_ELF_IMAGE_H

#include <stdint.h>

#include "tools/muxpack/memory.h"

#define ELF_IMAGE_PARTS_MAX 16U
#define ELF_IMAGE_LOWEST    0x100000ULL /* below lie boot information and page tables */

struct elf_image_part {
	uint64_t gpa;
	const uint8_t *data; /* in the file's bytes */
	uint64_t size;	     /* 0 for a part that is all .bss */
};

struct elf_image {
	uint64_t entry;
	uint64_t end; /* first address after the image, .bss included */
	uint32_t part_count;
	struct elf_image_part parts[ELF_IMAGE_PARTS_MAX]; /* ascending, not overlapping */
};

/* 0, or -EINVAL with *why naming the fault (static text). */
int elf_image_read(const struct memory_file *file, struct elf_image *out, const char **why);

/* The same for a kernel, which is linked at virtual addresses that it maps itself: its parts go to
 * their physical addresses, and the entry point is one of these. */
int elf_image_read_physical(const struct memory_file *file, struct elf_image *out,
			    const char **why);

#endif
