// SPDX-License-Identifier: MIT
/*
 * Splits a partition's "args" into words. In place: a word never grows.
 */
#include "appliance/runtime/runtime.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

/* Copies one word from *in to *out without its quotes; leaves *in behind it. */
static void copy_word(char **in, char **out)
{
	char quote = 0;

	while (**in != 0 && (quote != 0 || !is_blank(**in))) {
		char c = *(*in)++;

		if (c == quote) {
			quote = 0;
		} else if (quote == 0 && (c == '"' || c == '\'')) {
			quote = c;
		} else if (c == '\\' && quote != '\'' && **in != 0) {
			*(*out)++ = *(*in)++;
		} else {
			*(*out)++ = c;
		}
	}
}

int arguments_split(char *text, char **argv, int max)
{
	char *in = text;
	char *out = text;
	int count = 0;

	while (count < max) {
		while (is_blank(*in)) {
			in++;
		}
		if (*in == 0) {
			break;
		}
		argv[count++] = out;
		copy_word(&in, &out);
		if (*in != 0) {
			in++; /* before the NUL lands on it */
		}
		*out++ = 0;
	}
	return count;
}
