/* SPDX-License-Identifier: MIT */
/* Unit tests of the antivirus engine's hashes: published vectors, every way to cut the input, and
 * the table of hash signatures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "appliance/av/engine/av_hash_table.h"

struct vector {
	enum av_hash_kind kind;
	const char *text;
	const char *digest;
};

/* RFC 1321 A.5; FIPS 180 examples. */
static const struct vector vectors[] = {
	{AV_HASH_MD5, "", "d41d8cd98f00b204e9800998ecf8427e"},
	{AV_HASH_MD5, "abc", "900150983cd24fb0d6963f7d28e17f72"},
	{AV_HASH_MD5, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
	 "d174ab98d277d9f5a5611c2c9f419d9f"},
	{AV_HASH_MD5,
	 "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
	 "57edf4a22be3c955ac49da2e2107b67a"},
	{AV_HASH_SHA1, "", "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
	{AV_HASH_SHA1, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"},
	{AV_HASH_SHA1, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
	 "84983e441c3bd26ebaae4aa1f95129e5e54670f1"},
	{AV_HASH_SHA256, "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
	{AV_HASH_SHA256, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
	{AV_HASH_SHA256, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
	 "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
};

static void assert_digest(const uint8_t *digest, enum av_hash_kind kind, const char *hex)
{
	for (size_t i = 0; i < av_hash_size(kind); i++) {
		char pair[3] = {hex[2 * i], hex[2 * i + 1], '\0'};

		assert_int_equal(digest[i], strtoul(pair, NULL, 16));
	}
}

static void test_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		uint8_t digest[AV_HASH_DIGEST_MAX];
		struct av_hash hash;

		av_hash_begin(&hash, vectors[i].kind);
		av_hash_feed(&hash, vectors[i].text, strlen(vectors[i].text));
		av_hash_end(&hash, digest);
		assert_digest(digest, vectors[i].kind, vectors[i].digest);
	}
}

static void test_million(void **state)
{
	static const char *const expected[AV_HASH_KINDS] = {
		"7707d6ae4e027c70eea2a935c2296f21", "34aa973cd4c4daa4f61eeb2bdbad27316534016f",
		"cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"};
	char block[1000];

	(void)state;
	memset(block, 'a', sizeof(block));
	for (unsigned int kind = 0; kind < AV_HASH_KINDS; kind++) {
		uint8_t digest[AV_HASH_DIGEST_MAX];
		struct av_hash hash;

		av_hash_begin(&hash, (enum av_hash_kind)kind);
		for (unsigned int i = 0; i < 1000; i++) {
			av_hash_feed(&hash, block, sizeof(block));
		}
		av_hash_end(&hash, digest);
		assert_digest(digest, (enum av_hash_kind)kind, expected[kind]);
	}
}

/* Lengths around the block and padding borders, each cut in two everywhere. */
static void test_cuts(void **state)
{
	uint8_t data[200];

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++) {
		data[i] = (uint8_t)(i * 37);
	}
	for (unsigned int kind = 0; kind < AV_HASH_KINDS; kind++) {
		for (size_t length = 0; length <= sizeof(data); length += 1 + length / 70) {
			uint8_t whole[AV_HASH_DIGEST_MAX], cut[AV_HASH_DIGEST_MAX];
			struct av_hash hash;

			av_hash_begin(&hash, (enum av_hash_kind)kind);
			av_hash_feed(&hash, data, length);
			av_hash_end(&hash, whole);
			for (size_t at = 0; at <= length; at++) {
				av_hash_begin(&hash, (enum av_hash_kind)kind);
				av_hash_feed(&hash, data, at);
				av_hash_feed(&hash, data + at, length - at);
				av_hash_end(&hash, cut);
				assert_memory_equal(whole, cut,
						    av_hash_size((enum av_hash_kind)kind));
			}
		}
	}
}

static void test_table(void **state)
{
	struct av_hash_table table = {0};
	struct av_hash_entry entry = {.size = 10, .signature = 7, .digest = {1, 2, 3}};
	uint8_t digest[AV_HASH_DIGEST_MAX] = {1, 2, 3};
	uint32_t signature;

	(void)state;
	assert_false(av_hash_table_wants(&table, AV_HASH_MD5, 10));
	assert_int_equal(av_hash_table_add(&table, AV_HASH_MD5, &entry), 0);
	entry.signature = 5; /* the same digest: the earlier signature wins */
	assert_int_equal(av_hash_table_add(&table, AV_HASH_MD5, &entry), 0);
	entry = (struct av_hash_entry){AV_HASH_ANY_SIZE, 9, {4}};
	assert_int_equal(av_hash_table_add(&table, AV_HASH_SHA1, &entry), 0);
	av_hash_table_sort(&table);

	assert_true(av_hash_table_wants(&table, AV_HASH_MD5, 10));
	assert_false(av_hash_table_wants(&table, AV_HASH_MD5, 11));
	assert_false(av_hash_table_wants(&table, AV_HASH_SHA256, 10));
	assert_true(av_hash_table_wants(&table, AV_HASH_SHA1, 0));
	assert_true(av_hash_table_find(&table, AV_HASH_MD5, 10, digest, &signature));
	assert_int_equal(signature, 5);
	assert_false(av_hash_table_find(&table, AV_HASH_MD5, 11, digest, &signature));
	assert_false(
		av_hash_table_find(&table, AV_HASH_MD5, (1ULL << 32) + 10, digest, &signature));
	digest[2] = 4;
	assert_false(av_hash_table_find(&table, AV_HASH_MD5, 10, digest, &signature));
	memset(digest, 0, sizeof(digest));
	digest[0] = 4;
	assert_true(av_hash_table_find(&table, AV_HASH_SHA1, 1ULL << 40, digest, &signature));
	assert_int_equal(signature, 9);
	av_hash_table_destroy(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_million),
		cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests_name("av_hash", tests, NULL, NULL);
}
