/* SPDX-License-Identifier: MIT */
/*
 * MD5 (RFC 1321), SHA-1 and SHA-256 (FIPS 180-4) of a byte stream, for file hash signatures.
 *
 * MD5 and SHA-1 are here because signature databases use them to name known files; nothing here
 * protects anything by them. No locking: a state belongs to one caller. No function can fail.
 */
#ifndef AV_HASH_H
#define AV_HASH_H

#include <stddef.h>
#include <stdint.h>

#define AV_HASH_BLOCK	   64U
#define AV_HASH_DIGEST_MAX 32U

enum av_hash_kind { AV_HASH_MD5, AV_HASH_SHA1, AV_HASH_SHA256, AV_HASH_KINDS };

struct av_hash {
	enum av_hash_kind kind;
	uint32_t word[8];
	uint64_t length; /* bytes fed so far */
	uint8_t block[AV_HASH_BLOCK];
};

/* Bytes of a digest of this kind: 16, 20 or 32. */
size_t av_hash_size(enum av_hash_kind kind);

void av_hash_begin(struct av_hash *hash, enum av_hash_kind kind);
void av_hash_feed(struct av_hash *hash, const void *data, size_t length);

/* Writes av_hash_size(kind) bytes; the state needs av_hash_begin before it is used again. */
void av_hash_end(struct av_hash *hash, uint8_t digest[AV_HASH_DIGEST_MAX]);

#endif
