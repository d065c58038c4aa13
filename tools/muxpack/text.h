/* SPDX-License-Identifier: MIT */
/*
 * Text helpers of the manifest parser: lines, variables, numbers. Each parser returns false, and
 * leaves *out alone, when the text is not wholly what it should be.
 */
#ifndef TOOLS_MUXPACK_TEXT_H
#define TOOLS_MUXPACK_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Cuts white space off both ends, in place. */
char *text_trim(char *text);
/* Cuts a `#` comment off, in place; a `#` between double quotes stays. */
void text_cut_comment(char *text);
/* Splits at the first white space: returns the trimmed rest, "" when there is none. */
char *text_split_word(char *text);

/* Decimal number in min..max. */
bool text_parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *out);
/* Number with an optional K, M or G. */
bool text_parse_size(const char *text, uint64_t *out);
/* Number with `us` or `ms`, in microseconds. */
bool text_parse_time(const char *text, uint64_t *out);
/* "text" with \" and \\; at most size - 1 bytes. On failure *out holds a part of it. */
bool text_parse_quoted(const char *text, char *out, size_t size);
/* 1..15 characters of a-z 0-9 - _ . */
bool text_is_name(const char *text);

#endif
