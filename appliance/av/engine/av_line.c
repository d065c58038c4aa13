/* SPDX-License-Identifier: MIT */
#include "appliance/av/engine/av_line.h"

#include <string.h>

bool av_line_next(struct av_slice *rest, struct av_slice *line)
{
	const char *end;

	if (rest->length == 0) {
		return false;
	}
	end = memchr(rest->data, '\n', rest->length);
	line->data = rest->data;
	line->length = end != NULL ? (size_t)(end - rest->data) : rest->length;
	rest->data += line->length + (end != NULL ? 1 : 0);
	rest->length -= line->length + (end != NULL ? 1 : 0);
	while (line->length > 0 && line->data[line->length - 1] == '\r') {
		line->length--;
	}
	return true;
}

unsigned int av_line_split(struct av_slice line, struct av_slice field[AV_FIELDS_MAX])
{
	unsigned int count = 0;

	while (count < AV_FIELDS_MAX) {
		const char *end = memchr(line.data, ':', line.length);

		field[count].data = line.data;
		field[count].length = end != NULL ? (size_t)(end - line.data) : line.length;
		line.data += field[count].length + 1;
		line.length -= field[count].length;
		count++;
		if (end == NULL) {
			break;
		}
		line.length--;
	}
	return count;
}

bool av_line_number(struct av_slice field, uint32_t limit, uint32_t *value)
{
	uint64_t number = 0;

	if (field.length == 0) {
		return false;
	}
	for (size_t i = 0; i < field.length; i++) {
		if (field.data[i] < '0' || field.data[i] > '9') {
			return false;
		}
		number = number * 10 + (uint64_t)(field.data[i] - '0');
		if (number > limit) {
			return false;
		}
	}
	*value = (uint32_t)number;
	return true;
}

bool av_line_equals(struct av_slice field, const char *text)
{
	return field.length == strlen(text) && memcmp(field.data, text, field.length) == 0;
}
