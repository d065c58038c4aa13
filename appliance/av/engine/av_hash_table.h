/* SPDX-License-Identifier: MIT */
/*
 * File hash signatures by kind, size and digest. Filled while signatures are loaded, sorted once,
 * then only read: scans share it without a lock.
 */
#ifndef AV_HASH_TABLE_H
#define AV_HASH_TABLE_H

#include "appliance/av/engine/av_hash.h"

#include <stdbool.h>

#define AV_HASH_ANY_SIZE 0U

struct av_hash_entry {
	uint32_t size; /* of the file, or AV_HASH_ANY_SIZE */
	uint32_t signature;
	uint8_t digest[AV_HASH_DIGEST_MAX]; /* zero-padded */
};

struct av_hash_table {
	struct {
		struct av_hash_entry *entry;
		uint32_t count;
		uint32_t capacity;
	} kind[AV_HASH_KINDS];
};

/* 0 or -ENOMEM. */
int av_hash_table_add(struct av_hash_table *table, enum av_hash_kind kind,
		      const struct av_hash_entry *entry);
/* After the last add, before the first look-up. */
void av_hash_table_sort(struct av_hash_table *table);
void av_hash_table_destroy(struct av_hash_table *table);
size_t av_hash_table_memory(const struct av_hash_table *table);

/* Whether a file of this size needs this hash at all. */
bool av_hash_table_wants(const struct av_hash_table *table, enum av_hash_kind kind, uint64_t size);

/* Finds the first signature (in load order) of this digest, of the size first, then of any size. */
bool av_hash_table_find(const struct av_hash_table *table, enum av_hash_kind kind, uint64_t size,
			const uint8_t *digest, uint32_t *signature);

#endif
