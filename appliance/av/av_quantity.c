/* SPDX-License-Identifier: MIT */
#include "appliance/av/av_quantity.h"

struct unit {
	const char *text;
	uint64_t factor;
};

static const struct unit time_units[] = {{"ms", 1}, {"s", 1000}, {NULL, 0}};
static const struct unit size_units[] = {
	{"", 1}, {"K", 1ULL << 10}, {"M", 1ULL << 20}, {"G", 1ULL << 30}, {NULL, 0}};

static bool parse(struct av_slice text, const struct unit *unit, uint64_t *value)
{
	struct av_slice digits = {text.data, 0}, rest;
	uint32_t number;

	while (digits.length < text.length && text.data[digits.length] >= '0' &&
	       text.data[digits.length] <= '9') {
		digits.length++;
	}
	rest.data = text.data + digits.length;
	rest.length = text.length - digits.length;
	while (unit->text != NULL && !av_line_equals(rest, unit->text)) {
		unit++;
	}
	if (unit->text == NULL || !av_line_number(digits, UINT32_MAX, &number)) {
		return false;
	}
	*value = number * unit->factor;
	return true;
}

bool av_quantity_size(struct av_slice text, uint64_t *bytes)
{
	return parse(text, size_units, bytes);
}

bool av_quantity_time(struct av_slice text, uint64_t *milliseconds)
{
	return parse(text, time_units, milliseconds);
}
