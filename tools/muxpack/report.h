/* SPDX-License-Identifier: MIT */
/*
 * Error messages about a manifest: collected, then written in the order of its lines as
 * `file:line: text`, so that one run shows every error. Not thread-safe.
 */
#ifndef TOOLS_MUXPACK_REPORT_H
#define TOOLS_MUXPACK_REPORT_H

#include <stdio.h>

struct report_message {
	unsigned int line;
	char *text;
};

/* Zero-initialised: empty. */
struct report {
	struct report_message *messages;
	size_t error_count;
};

/* One error about a line of the manifest; line 0: about the file as a whole. */
__attribute__((format(printf, 3, 4))) void report_error(struct report *report, unsigned int line,
							const char *format, ...);

/* Writes all messages; `file` is the manifest's name as given. The report is empty again. */
void report_write(struct report *report, FILE *out, const char *file);

#endif
