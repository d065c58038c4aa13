/* SPDX-License-Identifier: MIT */
/* Parser of hex signatures; av_program.c turns the units of each part into match programs. */
#include "appliance/av/engine/av_pattern.h"
#include "appliance/av/engine/av_program.h"

#include <stdbool.h>

struct parser {
	const char *text;
	size_t length;
	size_t at;
	struct av_pattern *out;
	uint32_t gap_min; /* in front of the part that is being read */
	uint32_t gap_max;
};

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	if (c >= 'a' && c <= 'f') {
		return c - 'a' + 10;
	}
	if (c >= 'A' && c <= 'F') {
		return c - 'A' + 10;
	}
	return -1;
}

/* Two characters: aa, a?, ?a or ??. */
static const char *read_byte(struct parser *parser, uint8_t *value, uint8_t *mask)
{
	unsigned int bits = 0, care = 0;

	for (unsigned int i = 0; i < 2; i++) {
		char c = parser->at < parser->length ? parser->text[parser->at] : '\0';
		int digit = hex_digit(c);

		if (digit < 0 && c != '?') {
			return i == 0 ? "a character that is no hex digit and no wildcard"
				      : "an odd number of hex digits";
		}
		bits = bits << 4 | (digit < 0 ? 0U : (unsigned int)digit);
		care = care << 4 | (digit < 0 ? 0U : 0xfU);
		parser->at++;
	}
	*value = (uint8_t)bits;
	*mask = (uint8_t)care;
	return NULL;
}

static const char *add_unit(struct av_pattern *out, uint8_t value, uint8_t mask, uint16_t choice)
{
	struct av_unit *unit;

	if (out->unit_count == AV_PART_LENGTH_MAX) {
		return "a part is longer than 4096 bytes";
	}
	unit = &out->unit[out->unit_count++];
	unit->value = value;
	unit->mask = mask;
	unit->choice = choice;
	return NULL;
}

static const char *read_alternative(struct parser *parser)
{
	struct av_pattern *out = parser->out;
	struct av_alternative *alternative;

	if (out->alternative_count == AV_CHOICES_MAX) {
		return "too many alternatives";
	}
	alternative = &out->alternative[out->alternative_count++];
	alternative->offset = (uint16_t)out->choice_size;
	alternative->length = 0;
	while (parser->at < parser->length && parser->text[parser->at] != '|' &&
	       parser->text[parser->at] != ')') {
		char c = parser->text[parser->at];
		const char *reason;

		if (c == '(' || c == '!' || c == '{' || c == '[' || c == '*') {
			return "alternatives may hold bytes and ?? only";
		}
		if (out->choice_size == AV_PART_LENGTH_MAX) {
			return "alternatives are too long";
		}
		reason = read_byte(parser, &out->choice_value[out->choice_size],
				   &out->choice_mask[out->choice_size]);
		if (reason != NULL) {
			return reason;
		}
		out->choice_size++;
		alternative->length++;
	}
	return alternative->length == 0 ? "an empty alternative" : NULL;
}

/* ClamAV knows the negation of literal alternatives of one length only. */
static bool may_be_negated(const struct av_pattern *out, unsigned int first, unsigned int count)
{
	for (unsigned int i = first; i < first + count; i++) {
		if (out->alternative[i].length != out->alternative[first].length) {
			return false;
		}
		for (unsigned int j = 0; j < out->alternative[i].length; j++) {
			if (out->choice_mask[out->alternative[i].offset + j] != 0xff) {
				return false;
			}
		}
	}
	return true;
}

/* ClamAV's boundary classes (B), (L), (W); B followed by a digit is a byte. */
static bool is_class(const struct parser *parser)
{
	const char *text = parser->text + parser->at;

	return parser->length - parser->at >= 3 && text[2] == ')' &&
	       (text[1] == 'B' || text[1] == 'L' || text[1] == 'W');
}

/* At '(' or '!('. */
static const char *read_group(struct parser *parser)
{
	struct av_pattern *out = parser->out;
	unsigned int first = out->alternative_count;
	bool negated = parser->text[parser->at] == '!';
	char end;

	parser->at += negated ? 1 : 0;
	if (parser->at == parser->length || parser->text[parser->at] != '(') {
		return "'!' without '('";
	}
	if (is_class(parser)) {
		return "the classes (B), (L) and (W) are not supported";
	}
	do {
		const char *reason;

		parser->at++;
		reason = read_alternative(parser);
		if (reason != NULL) {
			return reason;
		}
		if (parser->at == parser->length) {
			return "'(' without ')'";
		}
		end = parser->text[parser->at];
	} while (end == '|');
	parser->at++;
	if (negated && !may_be_negated(out, first, out->alternative_count - first)) {
		return "'!' needs literal alternatives of one length";
	}
	out->group_size[first] = (uint16_t)(out->alternative_count - first);
	out->group_negated[first] = negated;
	return add_unit(out, 0, 0, (uint16_t)(first + 1));
}

static const char *end_part(struct parser *parser)
{
	struct av_pattern *out = parser->out;
	struct av_pattern_part *part;

	if (out->unit_count == 0) {
		return "an empty part beside '*' or '{}'";
	}
	if (out->part_count == AV_PATTERN_PARTS_MAX) {
		return "more than 64 parts";
	}
	part = &out->part[out->part_count++];
	part->gap_min = parser->gap_min;
	part->gap_max = parser->gap_max;
	return av_program_compile(out, part);
}

static void begin_part(struct parser *parser, uint32_t gap_min, uint32_t gap_max)
{
	parser->out->unit_count = 0;
	parser->out->alternative_count = 0;
	parser->out->choice_size = 0;
	parser->gap_min = gap_min;
	parser->gap_max = gap_max;
}

/* Digits, if there are any: `given` says so. */
static const char *read_number(struct parser *parser, uint32_t *value, bool *given)
{
	*value = 0;
	*given = false;
	while (parser->at < parser->length && parser->text[parser->at] >= '0' &&
	       parser->text[parser->at] <= '9') {
		*value = *value * 10 + (uint32_t)(parser->text[parser->at] - '0');
		*given = true;
		parser->at++;
		if (*value > AV_GAP_VALUE_MAX) {
			return "a gap above 214748364";
		}
	}
	return NULL;
}

/* At '{'. *low == *high: exact. */
static const char *read_gap(struct parser *parser, uint32_t *low, uint32_t *high)
{
	bool has_low, has_high = false, range = false;
	const char *reason;

	parser->at++;
	reason = read_number(parser, low, &has_low);
	*high = *low;
	if (reason == NULL && parser->at < parser->length && parser->text[parser->at] == '-') {
		range = true;
		parser->at++;
		reason = read_number(parser, high, &has_high);
	}
	if (reason != NULL) {
		return reason;
	}
	if (parser->at == parser->length || parser->text[parser->at] != '}' ||
	    !(has_low || has_high)) {
		return "a malformed '{}'";
	}
	parser->at++;
	if (range && !has_high) {
		*high = AV_GAP_UNBOUNDED;
	} else if (*high == 0) {
		return "a gap of 0 bytes (ClamAV takes it for '*'; leave it out, or write '*')";
	}
	return *low > *high ? "a gap whose minimum is above its maximum" : NULL;
}

static const char *apply_gap(struct parser *parser, uint32_t low, uint32_t high)
{
	const char *reason = NULL;

	if (low == high && low <= AV_FIXED_GAP_MAX) {
		for (uint32_t i = 0; i < low && reason == NULL; i++) {
			reason = add_unit(parser->out, 0, 0, 0);
		}
		return reason;
	}
	reason = end_part(parser);
	begin_part(parser, low, high);
	return reason;
}

static const char *read_item(struct parser *parser)
{
	uint32_t low = 0, high = AV_GAP_UNBOUNDED;
	uint8_t value, mask;
	const char *reason;

	switch (parser->text[parser->at]) {
	case '(':
	case '!': return read_group(parser);
	case '{':
		reason = read_gap(parser, &low, &high);
		return reason != NULL ? reason : apply_gap(parser, low, high);
	case '*': parser->at++; return apply_gap(parser, low, high);
	case '[':
	case ']': return "'[n-m]' is not supported";
	default:
		reason = read_byte(parser, &value, &mask);
		return reason != NULL ? reason : add_unit(parser->out, value, mask, 0);
	}
}

const char *av_pattern_parse(struct av_pattern *pattern, const char *hex, size_t length)
{
	struct parser parser = {.text = hex, .length = length, .out = pattern};

	pattern->part_count = 0;
	pattern->code_size = 0;
	begin_part(&parser, 0, 0);
	while (parser.at < length) {
		const char *reason = read_item(&parser);

		if (reason != NULL) {
			return reason;
		}
	}
	return end_part(&parser);
}
