/* SPDX-License-Identifier: MIT */
/*
 * Match programs: compiles the units of one pattern part (av_pattern.h describes the format), and
 * runs a program over text.
 *
 * No locking, no allocation. The programs come from av_program_compile only; the text is hostile.
 */
#ifndef AV_PROGRAM_H
#define AV_PROGRAM_H

#include "appliance/av/engine/av_pattern.h"

#include <stdbool.h>

/* Chooses the anchor of the part that pattern->unit holds and appends its two programs to
 * pattern->code. Returns NULL, or the reason why that cannot be done. */
const char *av_program_compile(struct av_pattern *pattern, struct av_pattern_part *part);

#define AV_LANES ((AV_PART_SLACK_MAX + 64U) / 64U)

/* The lengths that a program matched: bit i is shortest + i. */
struct av_lanes {
	uint64_t bits[AV_LANES];
};

/*
 * Matches `program` at `text` within the `room` bytes that may be read there: forward from text, or
 * (backward) ending at text. Returns whether any length matches, all of which are in lanes.
 * *work grows by the cost: one for each segment tried and one for each 8 bytes that matched.
 */
bool av_program_match(const uint8_t *code, const struct av_program *program, bool backward,
		      const uint8_t *text, size_t room, struct av_lanes *lanes, uint64_t *work);

#endif
