/* SPDX-License-Identifier: MIT */
/* Text helpers of the manifest parser: see text.h. */
#include "tools/muxpack/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "muxvisor/types.h"

static bool is_space(char c)
{
	return isspace((unsigned char)c) != 0;
}

char *text_trim(char *text)
{
	size_t length;

	while (is_space(*text)) {
		text++;
	}
	length = strlen(text);
	while (length > 0 && is_space(text[length - 1])) {
		text[--length] = '\0';
	}
	return text;
}

void text_cut_comment(char *text)
{
	bool quoted = false;

	for (; *text != '\0'; text++) {
		if (quoted && *text == '\\' && text[1] != '\0') {
			text++;
		} else if (*text == '"') {
			quoted = !quoted;
		} else if (*text == '#' && !quoted) {
			*text = '\0';
			return;
		}
	}
}

char *text_split_word(char *text)
{
	while (*text != '\0' && !is_space(*text)) {
		text++;
	}
	if (*text == '\0') {
		return text;
	}
	*text = '\0';
	return text_trim(text + 1);
}

/* A number at the start of `text`; *rest is what follows it. */
static bool parse_leading_number(const char *text, uint64_t *out, const char **rest)
{
	char *end;

	if (!isdigit((unsigned char)*text)) {
		return false;
	}
	errno = 0;
	*out = strtoull(text, &end, 10);
	*rest = end;
	return errno == 0;
}

bool text_parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	uint64_t value;
	const char *rest;

	if (!parse_leading_number(text, &value, &rest) || *rest != '\0' || value < min ||
	    value > max) {
		return false;
	}
	*out = value;
	return true;
}

static unsigned int size_shift(const char *unit)
{
	static const char letters[] = "KMG";
	const char *found = unit[0] != '\0' && unit[1] == '\0' ? strchr(letters, unit[0]) : NULL;

	return found == NULL ? 0 : 10 * (unsigned int)(found - letters + 1);
}

bool text_parse_size(const char *text, uint64_t *out)
{
	uint64_t value;
	const char *rest;
	unsigned int shift;

	if (!parse_leading_number(text, &value, &rest)) {
		return false;
	}
	shift = size_shift(rest);
	if ((shift == 0 && *rest != '\0') || value > UINT64_MAX >> shift) {
		return false;
	}
	*out = value << shift;
	return true;
}

bool text_parse_time(const char *text, uint64_t *out)
{
	uint64_t value;
	const char *rest;
	bool is_ms;

	if (!parse_leading_number(text, &value, &rest)) {
		return false;
	}
	is_ms = strcmp(rest, "ms") == 0;
	if ((!is_ms && strcmp(rest, "us") != 0) || value > UINT64_MAX / 1000) {
		return false;
	}
	*out = is_ms ? value * 1000 : value;
	return true;
}

bool text_parse_quoted(const char *text, char *out, size_t size)
{
	size_t length = 0;

	if (*text++ != '"') {
		return false;
	}
	while (*text != '"') {
		if (*text == '\\' && (text[1] == '"' || text[1] == '\\')) {
			text++;
		}
		if (*text == '\0' || length + 1 >= size) {
			return false;
		}
		out[length++] = *text++;
	}
	out[length] = '\0';
	return text[1] == '\0';
}

bool text_is_name(const char *text)
{
	size_t length = strlen(text);

	return length > 0 && length < MUX_NAME_SIZE &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == length;
}
