/* SPDX-License-Identifier: MIT */
/*
 * The three hashes share the block buffer and the padding: MD5 stores words and the bit count
 * little-endian (RFC 1321 3.1-3.5), SHA-1 and SHA-256 big-endian (FIPS 180-4 5.1.1, 6.1, 6.2).
 */
#include "appliance/av/engine/av_hash.h"

#include <string.h>

static uint32_t rotate_left(uint32_t value, unsigned int count)
{
	return (value << count) | (value >> (32U - count));
}

static uint32_t rotate_right(uint32_t value, unsigned int count)
{
	return (value >> count) | (value << (32U - count));
}

static uint32_t load_little(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
	       (uint32_t)bytes[3] << 24;
}

static uint32_t load_big(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
	       (uint32_t)bytes[3];
}

/* RFC 1321 3.4: floor(2^32 * abs(sin(i + 1))). */
static const uint32_t md5_sine[64] = {
	0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613,
	0xfd469501, 0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193,
	0xa679438e, 0x49b40821, 0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d,
	0x02441453, 0xd8a1e681, 0xe7d3fbc8, 0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed,
	0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a, 0xfffa3942, 0x8771f681, 0x6d9d6122,
	0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70, 0x289b7ec6, 0xeaa127fa,
	0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665, 0xf4292244,
	0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
	0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb,
	0xeb86d391,
};

/* RFC 1321 3.4: a = b + ((a + mix(b, c, d) + X[k] + T[i]) <<< s). */
static inline void md5_step(uint32_t *a, uint32_t b, uint32_t mix, uint32_t word,
			    unsigned int shift)
{
	*a = b + rotate_left(*a + mix + word, shift);
}

static void md5_block(uint32_t *state, const uint8_t *block)
{
	const uint32_t *sine = md5_sine;
	uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
	uint32_t x[16];

	for (unsigned int i = 0; i < 16; i++) {
		x[i] = load_little(block + 4 * i);
	}
	for (unsigned int i = 0; i < 16; i += 4, sine += 4) {
		md5_step(&a, b, d ^ (b & (c ^ d)), x[i] + sine[0], 7);
		md5_step(&d, a, c ^ (a & (b ^ c)), x[i + 1] + sine[1], 12);
		md5_step(&c, d, b ^ (d & (a ^ b)), x[i + 2] + sine[2], 17);
		md5_step(&b, c, a ^ (c & (d ^ a)), x[i + 3] + sine[3], 22);
	}
	for (unsigned int i = 1; i < 81; i += 20, sine += 4) {
		md5_step(&a, b, c ^ (d & (b ^ c)), x[i & 15] + sine[0], 5);
		md5_step(&d, a, b ^ (c & (a ^ b)), x[(i + 5) & 15] + sine[1], 9);
		md5_step(&c, d, a ^ (b & (d ^ a)), x[(i + 10) & 15] + sine[2], 14);
		md5_step(&b, c, d ^ (a & (c ^ d)), x[(i + 15) & 15] + sine[3], 20);
	}
	for (unsigned int i = 5; i < 53; i += 12, sine += 4) {
		md5_step(&a, b, b ^ c ^ d, x[i & 15] + sine[0], 4);
		md5_step(&d, a, a ^ b ^ c, x[(i + 3) & 15] + sine[1], 11);
		md5_step(&c, d, d ^ a ^ b, x[(i + 6) & 15] + sine[2], 16);
		md5_step(&b, c, c ^ d ^ a, x[(i + 9) & 15] + sine[3], 23);
	}
	for (unsigned int i = 0; i < 112; i += 28, sine += 4) {
		md5_step(&a, b, c ^ (b | ~d), x[i & 15] + sine[0], 6);
		md5_step(&d, a, b ^ (a | ~c), x[(i + 7) & 15] + sine[1], 10);
		md5_step(&c, d, a ^ (d | ~b), x[(i + 14) & 15] + sine[2], 15);
		md5_step(&b, c, d ^ (c | ~a), x[(i + 21) & 15] + sine[3], 21);
	}
	state[0] += a;
	state[1] += b;
	state[2] += c;
	state[3] += d;
}

/* FIPS 180-4 4.1.1 and 4.2.1. */
static inline uint32_t sha1_mix(unsigned int round, uint32_t b, uint32_t c, uint32_t d)
{
	switch (round) {
	case 0: return (d ^ (b & (c ^ d))) + 0x5a827999;
	case 1: return (b ^ c ^ d) + 0x6ed9eba1;
	case 2: return ((b & c) | (d & (b | c))) + 0x8f1bbcdc;
	default: return (b ^ c ^ d) + 0xca62c1d6;
	}
}

/* One round of twenty steps; five steps bring every variable back to its place. */
static inline void sha1_round(unsigned int round, uint32_t v[5], const uint32_t *schedule)
{
	uint32_t a = v[0], b = v[1], c = v[2], d = v[3], e = v[4];

	for (unsigned int i = 0; i < 20; i += 5) {
		e += rotate_left(a, 5) + sha1_mix(round, b, c, d) + schedule[i];
		b = rotate_left(b, 30);
		d += rotate_left(e, 5) + sha1_mix(round, a, b, c) + schedule[i + 1];
		a = rotate_left(a, 30);
		c += rotate_left(d, 5) + sha1_mix(round, e, a, b) + schedule[i + 2];
		e = rotate_left(e, 30);
		b += rotate_left(c, 5) + sha1_mix(round, d, e, a) + schedule[i + 3];
		d = rotate_left(d, 30);
		a += rotate_left(b, 5) + sha1_mix(round, c, d, e) + schedule[i + 4];
		c = rotate_left(c, 30);
	}
	v[0] = a;
	v[1] = b;
	v[2] = c;
	v[3] = d;
	v[4] = e;
}

static void sha1_block(uint32_t *state, const uint8_t *block)
{
	uint32_t schedule[80];
	uint32_t v[5];

	for (unsigned int i = 0; i < 16; i++) {
		schedule[i] = load_big(block + 4 * i);
	}
	for (unsigned int i = 16; i < 80; i++) {
		schedule[i] = rotate_left(
			schedule[i - 3] ^ schedule[i - 8] ^ schedule[i - 14] ^ schedule[i - 16], 1);
	}
	memcpy(v, state, sizeof(v));
	sha1_round(0, v, schedule);
	sha1_round(1, v, schedule + 20);
	sha1_round(2, v, schedule + 40);
	sha1_round(3, v, schedule + 60);
	for (unsigned int i = 0; i < 5; i++) {
		state[i] += v[i];
	}
}

/* FIPS 180-4 4.2.2. */
static const uint32_t sha256_constant[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
	0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
	0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
	0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
	0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
	0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
	0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
	0xc67178f2,
};

static void sha256_schedule(uint32_t schedule[64], const uint8_t *block)
{
	for (unsigned int i = 0; i < 16; i++) {
		schedule[i] = load_big(block + 4 * i);
	}
	for (unsigned int i = 16; i < 64; i++) {
		uint32_t x = schedule[i - 15], y = schedule[i - 2];

		schedule[i] = schedule[i - 16] + schedule[i - 7] +
			      (rotate_right(x, 7) ^ rotate_right(x, 18) ^ (x >> 3)) +
			      (rotate_right(y, 17) ^ rotate_right(y, 19) ^ (y >> 10));
	}
}

/* FIPS 180-4 6.2.2 step 3; the caller renames the variables instead of moving them. */
static inline void sha256_step(uint32_t a, uint32_t b, uint32_t c, uint32_t *d, uint32_t e,
			       uint32_t f, uint32_t g, uint32_t *h, uint32_t word)
{
	uint32_t sum = *h + word + (g ^ (e & (f ^ g))) +
		       (rotate_right(e, 6) ^ rotate_right(e, 11) ^ rotate_right(e, 25));

	*d += sum;
	*h = sum + ((a & b) | (c & (a | b))) +
	     (rotate_right(a, 2) ^ rotate_right(a, 13) ^ rotate_right(a, 22));
}

static void sha256_block(uint32_t *state, const uint8_t *block)
{
	uint32_t w[64];
	uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
	uint32_t e = state[4], f = state[5], g = state[6], h = state[7];

	sha256_schedule(w, block);
	for (unsigned int i = 0; i < 64; i += 8) {
		const uint32_t *k = &sha256_constant[i];

		sha256_step(a, b, c, &d, e, f, g, &h, k[0] + w[i]);
		sha256_step(h, a, b, &c, d, e, f, &g, k[1] + w[i + 1]);
		sha256_step(g, h, a, &b, c, d, e, &f, k[2] + w[i + 2]);
		sha256_step(f, g, h, &a, b, c, d, &e, k[3] + w[i + 3]);
		sha256_step(e, f, g, &h, a, b, c, &d, k[4] + w[i + 4]);
		sha256_step(d, e, f, &g, h, a, b, &c, k[5] + w[i + 5]);
		sha256_step(c, d, e, &f, g, h, a, &b, k[6] + w[i + 6]);
		sha256_step(b, c, d, &e, f, g, h, &a, k[7] + w[i + 7]);
	}
	state[0] += a;
	state[1] += b;
	state[2] += c;
	state[3] += d;
	state[4] += e;
	state[5] += f;
	state[6] += g;
	state[7] += h;
}

static void hash_block(struct av_hash *hash, const uint8_t *block)
{
	switch (hash->kind) {
	case AV_HASH_MD5: md5_block(hash->word, block); break;
	case AV_HASH_SHA1: sha1_block(hash->word, block); break;
	default: sha256_block(hash->word, block); break;
	}
}

size_t av_hash_size(enum av_hash_kind kind)
{
	static const uint8_t size[AV_HASH_KINDS] = {16, 20, 32};

	return size[kind];
}

void av_hash_begin(struct av_hash *hash, enum av_hash_kind kind)
{
	static const uint32_t sha1_start[8] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476,
					       0xc3d2e1f0};
	static const uint32_t sha256_start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
						 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

	hash->kind = kind;
	hash->length = 0;
	/* MD5 starts from the first four words of SHA-1's start (RFC 1321 3.3). */
	memcpy(hash->word, kind == AV_HASH_SHA256 ? sha256_start : sha1_start, sizeof(hash->word));
}

void av_hash_feed(struct av_hash *hash, const void *data, size_t length)
{
	const uint8_t *bytes = data;
	size_t held = (size_t)(hash->length % AV_HASH_BLOCK);

	hash->length += length;
	if (held != 0) {
		size_t part = AV_HASH_BLOCK - held < length ? AV_HASH_BLOCK - held : length;

		memcpy(hash->block + held, bytes, part);
		bytes += part;
		length -= part;
		if (held + part < AV_HASH_BLOCK) {
			return;
		}
		hash_block(hash, hash->block);
	}
	while (length >= AV_HASH_BLOCK) {
		hash_block(hash, bytes);
		bytes += AV_HASH_BLOCK;
		length -= AV_HASH_BLOCK;
	}
	if (length != 0) {
		memcpy(hash->block, bytes, length);
	}
}

void av_hash_end(struct av_hash *hash, uint8_t digest[AV_HASH_DIGEST_MAX])
{
	static const uint8_t padding[AV_HASH_BLOCK] = {0x80};
	uint64_t bits = hash->length * 8;
	size_t held = (size_t)(hash->length % AV_HASH_BLOCK);
	uint8_t count[8];
	int little = hash->kind == AV_HASH_MD5;

	for (unsigned int i = 0; i < 8; i++) {
		count[i] = (uint8_t)(bits >> 8 * (little ? i : 7 - i));
	}
	av_hash_feed(hash, padding, held < 56 ? 56 - held : 120 - held);
	av_hash_feed(hash, count, sizeof(count));
	for (unsigned int i = 0; i < av_hash_size(hash->kind); i++) {
		unsigned int shift = 8 * (little ? i % 4 : 3 - i % 4);

		digest[i] = (uint8_t)(hash->word[i / 4] >> shift);
	}
}
