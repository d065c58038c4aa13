/* SPDX-License-Identifier: MIT */
/*
 * Fuzzes the signature loader and the scan. Input: the text of an .ndb file (first byte even) or
 * .hdb file (odd), a NUL, then the file to scan. The scan is done whole and in odd pieces; the
 * results must be the same.
 */
#include "appliance/av/engine/av_scan.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ignore_report(void *context, const char *file, unsigned int line, const char *reason)
{
	(void)context;
	(void)file;
	if (line == 0 || reason[0] == '\0') {
		abort();
	}
}

static struct av_signatures *load(bool hash, const char *text, size_t length)
{
	struct av_signatures *set = av_signatures_create();

	if (set == NULL ||
	    av_signatures_load(set, hash ? "x.hdb" : "x.ndb", text, length, ignore_report, NULL) ||
	    av_signatures_finish(set) != 0) {
		abort();
	}
	return set;
}

/* Returns the number of signatures found; bit i of *found: signature i was. */
static int scan_in_pieces(struct av_scan *scan, const uint8_t *data, size_t length, size_t piece,
			  uint64_t *found)
{
	struct av_result result;
	size_t at = 0;
	int error;

	av_scan_begin(scan, length, AV_SCAN_ALL);
	while (at < length) {
		size_t part = length - at < piece ? length - at : piece;

		if (av_scan_feed(scan, data + at, part) != 0) {
			break;
		}
		at += part;
	}
	error = av_scan_end(scan, &result);
	*found = 0;
	for (uint32_t i = 0; i < result.count; i++) {
		*found |= 1ULL << result.signature[i] % 64;
	}
	return error;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *border = size > 0 ? memchr(data, 0, size) : NULL;
	struct av_signatures *set;
	struct av_scan *scan;
	uint64_t whole, cut;
	size_t text;
	int error;

	if (border == NULL || border == data) {
		return 0;
	}
	text = (size_t)(border - data) - 1;
	set = load((data[0] & 1) != 0, (const char *)data + 1, text);
	scan = av_scan_create(set);
	if (scan == NULL) {
		abort();
	}
	data = border + 1;
	size -= text + 2;
	error = scan_in_pieces(scan, data, size, SIZE_MAX, &whole);
	for (size_t piece = 1; piece <= 5; piece += 2) {
		if (scan_in_pieces(scan, data, size, piece, &cut) != error || cut != whole) {
			abort();
		}
	}
	av_scan_destroy(scan);
	av_signatures_destroy(set);
	return 0;
}
