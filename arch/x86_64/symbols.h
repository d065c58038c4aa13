/* SPDX-License-Identifier: MIT */
/*
 * Names of ring 0's functions, from the table that the loader brings along: u32 count, then count
 * times (u32 offset from the link base, ascending; u32 offset of the name in the names), then the
 * NUL-terminated names. Read-only after symbols_init; no lock.
 */
#ifndef ARCH_X86_64_SYMBOLS_H
#define ARCH_X86_64_SYMBOLS_H

#include <stddef.h>
#include <stdint.h>

/* Checks the table of `size` bytes; a malformed one is left unused. */
void symbols_init(const void *table, size_t size);

/* The name of the function that holds `offset` (from the link base) and how far in it lies, or NULL
 * without a table or before the first symbol. */
const char *symbols_find(uint64_t offset, uint64_t *into);

#endif
