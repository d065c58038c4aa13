/* SPDX-License-Identifier: MIT */
/*
 * Parses the hex signature of a ClamAV body signature ("Body-based Signature Content Format" of the
 * ClamAV manual) and compiles it: a list of parts, each with one literal anchor and two match
 * programs, one for what stands before the anchor and one for what follows.
 *
 * Spoken here: literal bytes, ??, a?, ?a, *, {n}, {n-m}, {-m}, {n-}, (aa|bbcc|..) with literal
 * or wildcard bytes of any lengths, and !(aa|bb) with alternatives of one length. Not spoken, and
 * refused with a reason: alternatives inside alternatives, [n-m], and the classes (B), (L), (W).
 *
 * No locking, no allocation: the caller gives one struct av_pattern, which is large.
 */
#ifndef AV_PATTERN_H
#define AV_PATTERN_H

#include <stddef.h>
#include <stdint.h>

#define AV_PATTERN_PARTS_MAX 64U
#define AV_PART_LENGTH_MAX   4096U /* longest text that one part may match */
#define AV_PART_SLACK_MAX    255U  /* longest minus shortest text on each side of the anchor */
#define AV_ANCHOR_MIN	     2U
#define AV_ANCHOR_MAX	     16U
#define AV_CODE_MAX	     32768U /* match programs of one signature, bytes */
#define AV_CHOICES_MAX	     2048U  /* alternatives in one part */
#define AV_FIXED_GAP_MAX     127U   /* {n} up to here is n times ??, above it separates parts */
#define AV_GAP_UNBOUNDED     UINT32_MAX
#define AV_GAP_VALUE_MAX     214748364U

/*
 * A match program is a row of segments, nearest to the anchor first. A segment is an opcode
 * (u8), the shortest text it matches (u16, little-endian, like all numbers here) and:
 *   LITERAL  that many bytes
 *   MASKED   that many bytes, then as many masks: text matches where (text & mask) == byte
 *   SKIP     nothing
 *   CHOICE   u16 longest, u16 alternatives, u8 negated, u16 size of what follows; then for each
 *            alternative: u16 length, bytes, masks. Negated: longest == shortest, one of the
 *            strings that are no alternative
 */
enum av_segment { AV_SEGMENT_LITERAL, AV_SEGMENT_MASKED, AV_SEGMENT_SKIP, AV_SEGMENT_CHOICE };

struct av_program {
	uint32_t code; /* offset */
	uint16_t size;
	uint16_t shortest; /* text that it matches */
	uint16_t slack;	   /* longest - shortest */
};

struct av_pattern_part {
	/* Distance from the end of the part before to the start of this one; 0 and 0 for the
	 * first part. */
	uint32_t gap_min;
	uint32_t gap_max; /* or AV_GAP_UNBOUNDED */
	struct av_program before;
	struct av_program after;
	uint8_t anchor_length;
	uint8_t anchor[AV_ANCHOR_MAX];
};

/* One byte, or one group of alternatives, of the part that is being parsed. */
struct av_unit {
	uint8_t value;
	uint8_t mask;	 /* 0xff literal, 0 any */
	uint16_t choice; /* 1 + first alternative of the group; 0: a byte */
};

struct av_alternative {
	uint16_t offset; /* into choice_value and choice_mask */
	uint16_t length;
};

struct av_pattern {
	unsigned int part_count;
	struct av_pattern_part part[AV_PATTERN_PARTS_MAX];
	uint32_t code_size;
	uint8_t code[AV_CODE_MAX];

	/* Scratch of the parser: the current part. */
	unsigned int unit_count;
	struct av_unit unit[AV_PART_LENGTH_MAX];
	unsigned int alternative_count;
	struct av_alternative alternative[AV_CHOICES_MAX];
	uint16_t group_size[AV_CHOICES_MAX];   /* of the group that starts at this alternative */
	uint8_t group_negated[AV_CHOICES_MAX]; /* likewise */
	unsigned int choice_size;
	uint8_t choice_value[AV_PART_LENGTH_MAX];
	uint8_t choice_mask[AV_PART_LENGTH_MAX];
};

/*
 * Parses `length` characters. Returns NULL and fills pattern->part, ->code, or returns the reason
 * why the signature cannot be used (a constant string).
 */
const char *av_pattern_parse(struct av_pattern *pattern, const char *hex, size_t length);

#endif
