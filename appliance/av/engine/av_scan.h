/* SPDX-License-Identifier: MIT */
/*
 * Scan of one file that arrives as a stream, in pieces of any sizes. The result does not depend on
 * where the pieces are cut.
 *
 * Bound on work: besides the automaton's steps and the hashes, whose cost is linear, a scan may
 * spend AV_WORK_BASE + AV_WORK_PER_BYTE * size units on comparing candidates (a unit is one segment
 * or 8 bytes compared, or 64 bits of gap state). Ordinary files take below one unit in a thousand
 * bytes; a file made to waste time ends with -E2BIG, and the caller must not call it clean.
 *
 * Memory: av_scan_memory bytes for each scan at once; nothing is allocated after av_scan_create.
 * No locking: a scan belongs to one thread; scans of one set may run in several.
 */
#ifndef AV_SCAN_H
#define AV_SCAN_H

#include "appliance/av/engine/av_signatures.h"

#define AV_WORK_BASE	 (1U << 20)
#define AV_WORK_PER_BYTE 8U

#define AV_SCAN_ALL (1U << 0) /* find every signature, not only the first */

struct av_scan;

/* `set` is finished and outlives the scan. NULL: out of memory. */
struct av_scan *av_scan_create(const struct av_signatures *set);
void av_scan_destroy(struct av_scan *scan);
size_t av_scan_memory(const struct av_signatures *set);

/* Begins a file of `size` bytes; drops a scan that was under way. */
void av_scan_begin(struct av_scan *scan, uint64_t size, unsigned int flags);

/*
 * 0: go on. 1: a signature was found, and without AV_SCAN_ALL no more data is needed. -E2BIG: the
 * work limit; -EOVERFLOW: more data than `size`. After anything but 0 further data is ignored and
 * gives the same answer.
 */
int av_scan_feed(struct av_scan *scan, const void *data, size_t length);

struct av_result {
	const uint32_t *signature; /* numbers, in the order in which they were found */
	uint32_t count;
};

/*
 * Ends the scan. Returns 0 with the result (count 0: clean), or -E2BIG, -EOVERFLOW as above, or
 * -ENODATA: less data came than `size`. With an error the result still lists what was found. It is
 * valid until the next av_scan_begin.
 */
int av_scan_end(struct av_scan *scan, struct av_result *result);

/* Work units that the scan has spent so far. */
uint64_t av_scan_work(const struct av_scan *scan);

#endif
