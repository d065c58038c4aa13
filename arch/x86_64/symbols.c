/* SPDX-License-Identifier: MIT */
/* Binary search in the symbol table. Runs on the way down, so it trusts nothing. */
#include "arch/x86_64/symbols.h"

#include <string.h>

struct symbol {
	uint32_t offset;
	uint32_t name;
};

static const struct symbol *symbols;
static uint32_t symbol_count;
static const char *names;
static size_t names_size;

void symbols_init(const void *table, size_t size)
{
	const char *bytes = table;
	uint32_t count = 0;

	symbol_count = 0;
	if (size <= sizeof(count) || bytes[size - 1] != '\0') {
		return;
	}
	memcpy(&count, bytes, sizeof(count));
	if (count > (size - sizeof(count)) / sizeof(struct symbol)) {
		return;
	}
	symbols = (const struct symbol *)(const void *)(bytes + sizeof(count));
	names = (const char *)(symbols + count);
	names_size = size - sizeof(count) - count * sizeof(struct symbol);
	symbol_count = count;
}

const char *symbols_find(uint64_t offset, uint64_t *into)
{
	uint32_t low = 0;
	uint32_t high = symbol_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (symbols[middle].offset <= offset) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	if (low == 0 || symbols[low - 1].name >= names_size) {
		return NULL;
	}
	*into = offset - symbols[low - 1].offset;
	return names + symbols[low - 1].name;
}
