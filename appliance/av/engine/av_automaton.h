/* SPDX-License-Identifier: MIT */
/*
 * Aho-Corasick automaton over the anchors of all pattern parts.
 *
 * States are numbered breadth first, so that the children of a state have consecutive numbers and
 * shallow states come first. The shallowest states (as many as the table's budget allows) have a
 * full row of next states; the deeper ones, which ordinary files seldom reach, have their children
 * and a failure link. Memory: 1 KiB for each state with a row, about 17 bytes for any other.
 *
 * Built once, then only read: any number of scans may share it without a lock.
 */
#ifndef AV_AUTOMATON_H
#define AV_AUTOMATON_H

#include <stddef.h>
#include <stdint.h>

#define AV_AUTOMATON_ROWS_MAX 8192U /* states with a full row: 8 MiB */

/*
 * An entry of a row: the next state's row offset (number * 256) where that state has a row and
 * no output, else the state's number with AV_ENTRY_SLOW.
 */
#define AV_ENTRY_SLOW 0x80000000U

struct av_state {
	uint32_t first_child; /* its children end where the next state's begin */
	uint32_t fail;
	uint32_t output;      /* first of its outputs; they end where the next state's begin */
	uint32_t next_output; /* nearest state on the failure path that has outputs; 0: none */
};

struct av_automaton {
	uint32_t state_count;
	uint32_t row_count;
	uint32_t output_count;
	uint32_t *row;		/* row_count * 256 */
	struct av_state *state; /* state_count + 1, the last one ends the ranges */
	uint8_t *label;		/* byte that leads into the state */
	uint32_t *output;	/* numbers of the keys that end in a state */
};

struct av_key {
	const uint8_t *bytes;
	uint32_t length; /* at least 1 */
};

/*
 * Builds the automaton of count keys; keys may repeat. rows_max bounds the states with a full row
 * (at least 1, at most AV_AUTOMATON_ROWS_MAX). 0, or -ENOMEM with everything freed.
 */
int av_automaton_build(struct av_automaton *automaton, const struct av_key *keys, size_t count,
		       uint32_t rows_max);
void av_automaton_destroy(struct av_automaton *automaton);

/* Bytes that the automaton takes. */
size_t av_automaton_memory(const struct av_automaton *automaton);

/* The state after `byte` in `state`, for a state without a row; takes O(depth) failure links. */
uint32_t av_automaton_step(const struct av_automaton *automaton, uint32_t state, uint8_t byte);

#endif
