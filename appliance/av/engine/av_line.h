/* SPDX-License-Identifier: MIT */
/* Slices of text: lines of a signature file, their fields, and numbers in them. No allocation. */
#ifndef AV_LINE_H
#define AV_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct av_slice {
	const char *data;
	size_t length;
};

#define AV_FIELDS_MAX 7U

/* Cuts the next line off *rest, without its end (LF or CRLF). false: nothing is left. */
bool av_line_next(struct av_slice *rest, struct av_slice *line);

/* Splits at ':'. Returns the number of fields, where AV_FIELDS_MAX means that or more. */
unsigned int av_line_split(struct av_slice line, struct av_slice field[AV_FIELDS_MAX]);

/* Decimal digits only, value at most `limit`. */
bool av_line_number(struct av_slice field, uint32_t limit, uint32_t *value);

bool av_line_equals(struct av_slice field, const char *text);

#endif
