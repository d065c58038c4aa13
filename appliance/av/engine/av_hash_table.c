/* SPDX-License-Identifier: MIT */
/* Sorted arrays: entries of any size come first, as size 0 is no file's signature. */
#include "appliance/av/engine/av_hash_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int av_hash_table_add(struct av_hash_table *table, enum av_hash_kind kind,
		      const struct av_hash_entry *entry)
{
	if (table->kind[kind].count == table->kind[kind].capacity) {
		uint32_t capacity = table->kind[kind].capacity * 2 + 64;
		struct av_hash_entry *grown =
			realloc(table->kind[kind].entry, capacity * sizeof(*grown));

		if (grown == NULL) {
			return -ENOMEM;
		}
		table->kind[kind].entry = grown;
		table->kind[kind].capacity = capacity;
	}
	table->kind[kind].entry[table->kind[kind].count++] = *entry;
	return 0;
}

static int compare_key(const struct av_hash_entry *entry, uint32_t size, const uint8_t *digest)
{
	if (entry->size != size) {
		return entry->size < size ? -1 : 1;
	}
	return memcmp(entry->digest, digest, AV_HASH_DIGEST_MAX);
}

static int compare_entries(const void *left, const void *right)
{
	const struct av_hash_entry *a = left, *b = right;
	int order = compare_key(a, b->size, b->digest);

	if (order != 0) {
		return order;
	}
	return a->signature < b->signature ? -1 : a->signature > b->signature;
}

void av_hash_table_sort(struct av_hash_table *table)
{
	for (unsigned int kind = 0; kind < AV_HASH_KINDS; kind++) {
		if (table->kind[kind].count > 1) {
			qsort(table->kind[kind].entry, table->kind[kind].count,
			      sizeof(struct av_hash_entry), compare_entries);
		}
	}
}

void av_hash_table_destroy(struct av_hash_table *table)
{
	for (unsigned int kind = 0; kind < AV_HASH_KINDS; kind++) {
		free(table->kind[kind].entry);
	}
	memset(table, 0, sizeof(*table));
}

size_t av_hash_table_memory(const struct av_hash_table *table)
{
	size_t bytes = 0;

	for (unsigned int kind = 0; kind < AV_HASH_KINDS; kind++) {
		bytes += table->kind[kind].capacity * sizeof(struct av_hash_entry);
	}
	return bytes;
}

/* Index of the first entry that is not below (size, digest). */
static uint32_t lower_bound(const struct av_hash_table *table, enum av_hash_kind kind,
			    uint32_t size, const uint8_t *digest)
{
	uint32_t low = 0, high = table->kind[kind].count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (compare_key(&table->kind[kind].entry[middle], size, digest) < 0) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

static bool has_size(const struct av_hash_table *table, enum av_hash_kind kind, uint32_t size)
{
	static const uint8_t lowest[AV_HASH_DIGEST_MAX];
	uint32_t at = lower_bound(table, kind, size, lowest);

	return at < table->kind[kind].count && table->kind[kind].entry[at].size == size;
}

bool av_hash_table_wants(const struct av_hash_table *table, enum av_hash_kind kind, uint64_t size)
{
	if (has_size(table, kind, AV_HASH_ANY_SIZE)) {
		return true;
	}
	return size != 0 && size < UINT32_MAX && has_size(table, kind, (uint32_t)size);
}

static bool find_exact(const struct av_hash_table *table, enum av_hash_kind kind, uint32_t size,
		       const uint8_t *digest, uint32_t *signature)
{
	uint8_t padded[AV_HASH_DIGEST_MAX] = {0};
	uint32_t at;

	memcpy(padded, digest, av_hash_size(kind));
	at = lower_bound(table, kind, size, padded);
	if (at == table->kind[kind].count ||
	    compare_key(&table->kind[kind].entry[at], size, padded) != 0) {
		return false;
	}
	*signature = table->kind[kind].entry[at].signature;
	return true;
}

bool av_hash_table_find(const struct av_hash_table *table, enum av_hash_kind kind, uint64_t size,
			const uint8_t *digest, uint32_t *signature)
{
	if (size != 0 && size < UINT32_MAX &&
	    find_exact(table, kind, (uint32_t)size, digest, signature)) {
		return true;
	}
	return find_exact(table, kind, AV_HASH_ANY_SIZE, digest, signature);
}
