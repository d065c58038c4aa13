/* SPDX-License-Identifier: MIT */
/*
 * Links two parts of a pattern across a gap, exactly, in fixed memory.
 *
 * A scan finds the ends e of the part before (of chains that began rightly), and asks for a start s
 * of the part after whether some e has gap_min <= s - e <= gap_max.
 *
 * No upper bound: the smallest e answers every question, so one number is kept.
 * With an upper bound: among the e that are far enough away, e <= s - gap_min, the largest decides.
 * Both kinds of call carry `now`, the end of the anchor that is being looked at, which never
 * decreases. A part starts at most `reach` bytes before its anchor's end, so every question still
 * to come has s - gap_min >= now - reach - gap_min =: floor. Below and at the floor one number is
 * enough (the largest); above it lie only ends e <= now + ahead, where `ahead` is the longest text
 * that the part before has after its anchor: a ring of reach + gap_min + ahead bits holds them all.
 * Nothing is forgotten that any later question could need, whatever the file holds.
 *
 * Cost: a question reads at most reach / 64 + 1 words; moving the floor reads each word once for 64
 * bytes of file. No locking: the state belongs to one scan.
 */
#ifndef AV_LINK_H
#define AV_LINK_H

#include <stdbool.h>
#include <stdint.h>

struct av_link {
	uint32_t gap_min;
	uint32_t gap_max; /* or AV_GAP_UNBOUNDED */
	uint32_t reach;
	uint32_t window; /* bits of the ring, a power of two, 0 without an upper bound */
	uint32_t state;	 /* where its state lies in the scan's words */
};

/* Fills the link; `state` is the first free word. Returns the words that it needs, or 0 where that
 * is more than limit words. */
uint32_t av_link_set_up(struct av_link *link, uint32_t gap_min, uint32_t gap_max, uint32_t reach,
			uint32_t ahead, uint32_t state, uint32_t limit);

/* `serial` tells scans apart: state of another serial counts as empty. Never 0. *work grows by the
 * words that were read. */
void av_link_insert(const struct av_link *link, uint64_t *words, uint64_t serial, uint64_t now,
		    uint64_t end, uint64_t *work);
bool av_link_query(const struct av_link *link, uint64_t *words, uint64_t serial, uint64_t now,
		   uint64_t start, uint64_t *work);

#endif
