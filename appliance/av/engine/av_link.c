/* SPDX-License-Identifier: MIT */
/*
 * State words: serial of the scan that wrote them; the end that stands for all that are not in the
 * ring (smallest, or largest at or below the floor), plus one, 0 for none; the floor plus the
 * window's size, so that it never is negative; then the ring, where end e has bit e % window.
 */
#include "appliance/av/engine/av_link.h"
#include "appliance/av/engine/av_pattern.h"

#include <string.h>

enum { WORD_SERIAL, WORD_END, WORD_FLOOR, WORD_RING };

uint32_t av_link_set_up(struct av_link *link, uint32_t gap_min, uint32_t gap_max, uint32_t reach,
			uint32_t ahead, uint32_t state, uint32_t limit)
{
	uint64_t bits = (uint64_t)gap_min + reach + ahead + 1, window = 64;

	*link = (struct av_link){
		.gap_min = gap_min, .gap_max = gap_max, .reach = reach, .state = state};
	if (gap_max == AV_GAP_UNBOUNDED) {
		return WORD_RING <= limit ? WORD_RING : 0;
	}
	while (window < bits) {
		window *= 2;
	}
	if (WORD_RING + window / 64 > limit) {
		return 0;
	}
	link->window = (uint32_t)window;
	return (uint32_t)(WORD_RING + window / 64);
}

static uint64_t *ring_word(const struct av_link *link, uint64_t *state, uint64_t position)
{
	return &state[WORD_RING + (position & (link->window - 1)) / 64];
}

/* Bits of the word that holds `first` for positions first..last. */
static uint64_t word_mask(uint64_t first, uint64_t last)
{
	uint64_t mask = ~0ULL << first % 64;

	if (last / 64 == first / 64) {
		mask &= ~0ULL >> (63 - last % 64);
	}
	return mask;
}

/* Takes the ends first..last out of the ring; returns the largest plus one, or 0. */
static uint64_t take_range(const struct av_link *link, uint64_t *state, uint64_t first,
			   uint64_t last, uint64_t *work)
{
	uint64_t largest = 0;

	while (first <= last) {
		uint64_t *word = ring_word(link, state, first);
		uint64_t found = *word & word_mask(first, last);

		if (found != 0) {
			*word &= ~found;
			largest = (first | 63) - (uint64_t)__builtin_clzll(found) + 1;
		}
		*work += 1;
		first = (first | 63) + 1;
	}
	return largest;
}

/* Largest end in first..last plus one, or 0. */
static uint64_t largest_in_range(const struct av_link *link, uint64_t *state, uint64_t first,
				 uint64_t last, uint64_t *work)
{
	while (first <= last) {
		uint64_t low = last / 64 == first / 64 ? first : last & ~63ULL;
		uint64_t found = *ring_word(link, state, low) & word_mask(low, last);

		*work += 1;
		if (found != 0) {
			return (low | 63) - (uint64_t)__builtin_clzll(found) + 1;
		}
		if (low == first) {
			break;
		}
		last = low - 1;
	}
	return 0;
}

/* Positions are kept plus window, as the floor may lie before the start of the file. */
static void move_floor(const struct av_link *link, uint64_t *state, uint64_t now, uint64_t *work)
{
	uint64_t floor = now + link->window - link->reach - link->gap_min;
	uint64_t old = state[WORD_FLOOR], last, largest;

	if (floor <= old) {
		return;
	}
	/* The ring holds ends of one window above the old floor. */
	last = floor - old < link->window ? floor : old + link->window;
	largest = take_range(link, state, old + 1, last, work);
	if (largest != 0) {
		state[WORD_END] = largest;
	}
	state[WORD_FLOOR] = floor;
}

static bool is_empty(const struct av_link *link, const uint64_t *words, uint64_t serial)
{
	return words[link->state + WORD_SERIAL] != serial;
}

void av_link_insert(const struct av_link *link, uint64_t *words, uint64_t serial, uint64_t now,
		    uint64_t end, uint64_t *work)
{
	uint64_t *state = words + link->state;

	if (is_empty(link, words, serial)) {
		memset(state, 0, (WORD_RING + link->window / 64) * sizeof(*state));
		state[WORD_SERIAL] = serial;
		*work += link->window / 64;
		if (link->window != 0) {
			state[WORD_FLOOR] = now + link->window - link->reach - link->gap_min;
		}
	}
	if (link->window == 0) {
		if (state[WORD_END] == 0 || end + 1 < state[WORD_END]) {
			state[WORD_END] = end + 1;
		}
		return;
	}
	move_floor(link, state, now, work);
	end += link->window;
	*ring_word(link, state, end) |= 1ULL << end % 64;
}

bool av_link_query(const struct av_link *link, uint64_t *words, uint64_t serial, uint64_t now,
		   uint64_t start, uint64_t *work)
{
	uint64_t *state = words + link->state;
	uint64_t target, largest;

	*work += 1;
	if (is_empty(link, words, serial)) {
		return false;
	}
	if (link->window == 0) {
		return state[WORD_END] != 0 && start + 1 >= state[WORD_END] + link->gap_min;
	}
	move_floor(link, state, now, work);
	target = start + link->window - link->gap_min;
	largest = largest_in_range(link, state, state[WORD_FLOOR] + 1, target, work);
	if (largest == 0) {
		largest = state[WORD_END];
	}
	return largest != 0 && largest - 1 + link->gap_max >= start + link->window;
}
