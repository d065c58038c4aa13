/* SPDX-License-Identifier: MIT */
/*
 * Compiling: the anchor is the literal run that is most seldom found in ordinary files. Matching:
 * where alternatives differ in length, all reachable positions are followed at once, so that the
 * result is exact and its cost has a bound (segments times slack).
 */
#include "appliance/av/engine/av_program.h"

#include <string.h>

#define SEGMENT_HEADER 3U
#define CHOICE_HEADER  10U

static uint16_t load16(const uint8_t *code)
{
	return (uint16_t)(code[0] | code[1] << 8);
}

static void store16(uint8_t *code, unsigned int value)
{
	code[0] = (uint8_t)value;
	code[1] = (uint8_t)(value >> 8);
}

/* Units of weight of a byte in an anchor: common bytes tell little. */
static unsigned int byte_weight(uint8_t value)
{
	switch (value) {
	case 0x00: return 1;
	case 0xff:
	case 0x20:
	case 0x90:
	case 0xcc:
	case 0x48:
	case 0x8b: return 2;
	default: return (value >= 'a' && value <= 'z') ? 4 : 6;
	}
}

static bool is_literal(const struct av_unit *unit)
{
	return unit->choice == 0 && unit->mask == 0xff;
}

static unsigned int window_weight(const struct av_unit *unit, unsigned int length)
{
	unsigned int weight = byte_weight(unit[0].value);

	for (unsigned int i = 1; i < length; i++) {
		/* A byte that repeats its neighbour is likely to go on repeating. */
		weight += unit[i].value == unit[i - 1].value ? 1 : byte_weight(unit[i].value);
	}
	return weight;
}

/* Index of the first unit of the anchor; *length 0: no two literal bytes in a row. */
static unsigned int choose_anchor(const struct av_pattern *pattern, unsigned int *length)
{
	unsigned int best = 0, best_weight = 0, run = 0;

	*length = 0;
	for (unsigned int i = 0; i < pattern->unit_count; i++) {
		unsigned int size, weight;

		run = is_literal(&pattern->unit[i]) ? run + 1 : 0;
		size = run < AV_ANCHOR_MAX ? run : AV_ANCHOR_MAX;
		if (size < AV_ANCHOR_MIN) {
			continue;
		}
		weight = window_weight(&pattern->unit[i + 1 - size], size);
		if (weight > best_weight) {
			best_weight = weight;
			best = i + 1 - size;
			*length = size;
		}
	}
	return best;
}

static uint8_t *reserve(struct av_pattern *pattern, size_t size)
{
	uint8_t *code = pattern->code + pattern->code_size;

	if (size > AV_CODE_MAX - pattern->code_size) {
		return NULL;
	}
	pattern->code_size += (uint32_t)size;
	return code;
}

static enum av_segment unit_segment(const struct av_unit *unit)
{
	if (unit->choice != 0) {
		return AV_SEGMENT_CHOICE;
	}
	if (unit->mask == 0xff) {
		return AV_SEGMENT_LITERAL;
	}
	return unit->mask == 0 ? AV_SEGMENT_SKIP : AV_SEGMENT_MASKED;
}

static bool emit_bytes(struct av_pattern *pattern, enum av_segment kind, unsigned int first,
		       unsigned int count)
{
	static const uint8_t copies[] = {
		[AV_SEGMENT_LITERAL] = 1, [AV_SEGMENT_MASKED] = 2, [AV_SEGMENT_SKIP] = 0};
	uint8_t *code = reserve(pattern, SEGMENT_HEADER + (size_t)count * copies[kind]);

	if (code == NULL) {
		return false;
	}
	code[0] = (uint8_t)kind;
	store16(code + 1, count);
	code += SEGMENT_HEADER;
	for (unsigned int i = 0; i < count && kind != AV_SEGMENT_SKIP; i++) {
		code[i] = pattern->unit[first + i].value;
		if (kind == AV_SEGMENT_MASKED) {
			code[count + i] = pattern->unit[first + i].mask;
		}
	}
	return true;
}

struct extent {
	unsigned int shortest;
	unsigned int longest;
};

static struct extent group_extent(const struct av_pattern *pattern, unsigned int first)
{
	struct extent extent = {UINT16_MAX, 0};

	for (unsigned int i = 0; i < pattern->group_size[first]; i++) {
		unsigned int length = pattern->alternative[first + i].length;

		extent.shortest = length < extent.shortest ? length : extent.shortest;
		extent.longest = length > extent.longest ? length : extent.longest;
	}
	return extent;
}

static bool emit_choice(struct av_pattern *pattern, unsigned int first)
{
	struct extent extent = group_extent(pattern, first);
	uint32_t start = pattern->code_size;
	uint8_t *code = reserve(pattern, CHOICE_HEADER);

	if (code == NULL) {
		return false;
	}
	code[0] = AV_SEGMENT_CHOICE;
	store16(code + 1, extent.shortest);
	store16(code + 3, extent.longest);
	store16(code + 5, pattern->group_size[first]);
	code[7] = pattern->group_negated[first];
	for (unsigned int i = 0; i < pattern->group_size[first]; i++) {
		const struct av_alternative *alternative = &pattern->alternative[first + i];
		uint8_t *body = reserve(pattern, 2 + 2 * (size_t)alternative->length);

		if (body == NULL) {
			return false;
		}
		store16(body, alternative->length);
		memcpy(body + 2, pattern->choice_value + alternative->offset, alternative->length);
		memcpy(body + 2 + alternative->length, pattern->choice_mask + alternative->offset,
		       alternative->length);
	}
	store16(code + 8, pattern->code_size - start - CHOICE_HEADER);
	return true;
}

/* Appends the segment of the units first..first+count-1, all of one kind. */
static bool emit_segment(struct av_pattern *pattern, unsigned int first, unsigned int count)
{
	const struct av_unit *unit = &pattern->unit[first];

	if (unit->choice != 0) {
		return emit_choice(pattern, unit->choice - 1U);
	}
	return emit_bytes(pattern, unit_segment(unit), first, count);
}

/* Units that one segment takes, from `at` on in the given direction, up to `limit` units. */
static unsigned int segment_units(const struct av_pattern *pattern, unsigned int at, int step,
				  unsigned int limit)
{
	enum av_segment kind = unit_segment(&pattern->unit[at]);
	unsigned int count = 1;

	while (kind != AV_SEGMENT_CHOICE && count < limit &&
	       unit_segment(&pattern->unit[(int)at + step * (int)count]) == kind) {
		count++;
	}
	return count;
}

static void measure(const struct av_pattern *pattern, unsigned int first, unsigned int count,
		    struct extent *extent)
{
	extent->shortest = 0;
	extent->longest = 0;
	for (unsigned int i = first; i < first + count; i++) {
		struct extent unit = {1, 1};

		if (pattern->unit[i].choice != 0) {
			unit = group_extent(pattern, pattern->unit[i].choice - 1U);
		}
		extent->shortest += unit.shortest;
		extent->longest += unit.longest;
	}
}

/* The program for units first..first+count-1; backward: the last unit is nearest to the anchor. */
static const char *compile_side(struct av_pattern *pattern, unsigned int first, unsigned int count,
				bool backward, struct av_program *program)
{
	struct extent extent;
	uint32_t start = pattern->code_size;
	unsigned int done = 0;

	measure(pattern, first, count, &extent);
	if (extent.longest > AV_PART_LENGTH_MAX) {
		return "a part is longer than 4096 bytes";
	}
	if (extent.longest - extent.shortest > AV_PART_SLACK_MAX) {
		return "alternatives whose lengths differ by more than 255 bytes";
	}
	while (done < count) {
		unsigned int at = backward ? first + count - 1 - done : first + done;
		unsigned int units = segment_units(pattern, at, backward ? -1 : 1, count - done);

		if (!emit_segment(pattern, backward ? at + 1 - units : at, units)) {
			return "the signature is too long";
		}
		done += units;
	}
	program->code = start;
	program->size = (uint16_t)(pattern->code_size - start);
	program->shortest = (uint16_t)extent.shortest;
	program->slack = (uint16_t)(extent.longest - extent.shortest);
	return NULL;
}

const char *av_program_compile(struct av_pattern *pattern, struct av_pattern_part *part)
{
	unsigned int length;
	unsigned int anchor = choose_anchor(pattern, &length);
	const char *reason;

	if (length == 0) {
		return "a part has no two literal bytes in a row";
	}
	part->anchor_length = (uint8_t)length;
	for (unsigned int i = 0; i < length; i++) {
		part->anchor[i] = pattern->unit[anchor + i].value;
	}
	reason = compile_side(pattern, 0, anchor, true, &part->before);
	if (reason == NULL) {
		reason = compile_side(pattern, anchor + length,
				      pattern->unit_count - anchor - length, false, &part->after);
	}
	return reason;
}

/* ------------------------------------------------------------------------------------------ */

/* Whether text equals bytes under the masks (NULL: exactly). */
static bool match_bytes(const uint8_t *text, const uint8_t *bytes, const uint8_t *masks,
			size_t length, uint64_t *work)
{
	size_t i = 0;

	while (i < length &&
	       (masks == NULL ? text[i] == bytes[i] : (text[i] & masks[i]) == bytes[i])) {
		i++;
	}
	*work += 1 + i / 8;
	return i == length;
}

/* Where a text of `length` bytes lies that begins (or, backward, ends) `distance` from text. */
static const uint8_t *locate(const uint8_t *text, bool backward, size_t distance, size_t length)
{
	return backward ? text - distance - length : text + distance;
}

struct cursor {
	const uint8_t *text;
	size_t room;
	size_t distance; /* lane 0's distance from text */
	bool backward;
	uint64_t *work;
};

static bool match_plain(const uint8_t *segment, const struct cursor *cursor, size_t distance)
{
	size_t length = load16(segment + 1);
	const uint8_t *bytes = segment + SEGMENT_HEADER;
	const uint8_t *at;

	if (distance + length > cursor->room) {
		return false;
	}
	at = locate(cursor->text, cursor->backward, distance, length);
	switch (segment[0]) {
	case AV_SEGMENT_LITERAL: return match_bytes(at, bytes, NULL, length, cursor->work);
	case AV_SEGMENT_MASKED: return match_bytes(at, bytes, bytes + length, length, cursor->work);
	default: return true;
	}
}

/* Sets the lanes that the group reaches from lane `lane`. */
static void match_choice(const uint8_t *segment, const struct cursor *cursor, unsigned int lane,
			 struct av_lanes *reached)
{
	size_t shortest = load16(segment + 1), distance = cursor->distance + lane;
	unsigned int count = load16(segment + 5);
	const uint8_t *alternative = segment + CHOICE_HEADER;
	bool negated = segment[7] != 0, any = false;

	for (unsigned int i = 0; i < count; i++) {
		size_t length = load16(alternative);
		const uint8_t *bytes = alternative + 2;

		alternative = bytes + 2 * length;
		if (distance + length > cursor->room ||
		    !match_bytes(locate(cursor->text, cursor->backward, distance, length), bytes,
				 bytes + length, length, cursor->work)) {
			continue;
		}
		any = true;
		if (!negated) {
			unsigned int to = lane + (unsigned int)(length - shortest);

			reached->bits[to / 64] |= 1ULL << to % 64;
		}
	}
	if (negated && !any && distance + shortest <= cursor->room) {
		reached->bits[lane / 64] |= 1ULL << lane % 64;
	}
}

static bool step_segment(const uint8_t *segment, const struct cursor *cursor,
			 struct av_lanes *lanes)
{
	struct av_lanes reached = {{0}};
	uint64_t any = 0;

	for (unsigned int word = 0; word < AV_LANES; word++) {
		for (uint64_t left = lanes->bits[word]; left != 0; left &= left - 1) {
			unsigned int lane = word * 64 + (unsigned int)__builtin_ctzll(left);

			if (segment[0] == AV_SEGMENT_CHOICE) {
				match_choice(segment, cursor, lane, &reached);
			} else if (match_plain(segment, cursor, cursor->distance + lane)) {
				reached.bits[word] |= left & -left;
			}
		}
	}
	for (unsigned int word = 0; word < AV_LANES; word++) {
		any |= reached.bits[word];
	}
	*lanes = reached;
	return any != 0;
}

static size_t segment_size(const uint8_t *segment)
{
	size_t length = load16(segment + 1);

	switch (segment[0]) {
	case AV_SEGMENT_LITERAL: return SEGMENT_HEADER + length;
	case AV_SEGMENT_MASKED: return SEGMENT_HEADER + 2 * length;
	case AV_SEGMENT_SKIP: return SEGMENT_HEADER;
	default: return CHOICE_HEADER + (size_t)load16(segment + 8);
	}
}

/* All texts of the program have one length: one position, no sets. */
static bool match_straight(const uint8_t *segment, const uint8_t *end, struct cursor *cursor)
{
	for (; segment < end; segment += segment_size(segment)) {
		if (segment[0] == AV_SEGMENT_CHOICE) {
			struct av_lanes reached = {{0}};

			match_choice(segment, cursor, 0, &reached);
			if (reached.bits[0] == 0) {
				return false;
			}
		} else if (!match_plain(segment, cursor, cursor->distance)) {
			return false;
		}
		cursor->distance += load16(segment + 1);
	}
	return true;
}

bool av_program_match(const uint8_t *code, const struct av_program *program, bool backward,
		      const uint8_t *text, size_t room, struct av_lanes *lanes, uint64_t *work)
{
	struct cursor cursor = {text, room, 0, backward, work};
	const uint8_t *segment = code + program->code;
	const uint8_t *end = segment + program->size;

	memset(lanes, 0, sizeof(*lanes));
	lanes->bits[0] = 1;
	if (program->shortest > room) {
		return false;
	}
	if (program->slack == 0) {
		return match_straight(segment, end, &cursor);
	}
	for (; segment < end; segment += segment_size(segment)) {
		if (!step_segment(segment, &cursor, lanes)) {
			return false;
		}
		cursor.distance += load16(segment + 1);
	}
	return true;
}
