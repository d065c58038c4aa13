/* SPDX-License-Identifier: MIT */
/* Error messages about a manifest: see report.h. */
#include "tools/muxpack/report.h"

#include <stdarg.h>
#include <stdlib.h>

void report_error(struct report *report, unsigned int line, const char *format, ...)
{
	size_t size = (report->error_count + 1) * sizeof(*report->messages);
	char *text = NULL;
	va_list arguments;
	int length;

	report->messages = realloc(report->messages, size);
	va_start(arguments, format);
	length = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (report->messages == NULL || length < 0) {
		fputs("muxpack: out of memory\n", stderr);
		exit(1);
	}
	report->messages[report->error_count++] = (struct report_message){line, text};
}

/* By line; what was reported about one line keeps its order (insertion sort is stable). */
static void sort_messages(struct report *report)
{
	for (size_t i = 1; i < report->error_count; i++) {
		struct report_message message = report->messages[i];
		size_t j = i;

		for (; j > 0 && report->messages[j - 1].line > message.line; j--) {
			report->messages[j] = report->messages[j - 1];
		}
		report->messages[j] = message;
	}
}

void report_write(struct report *report, FILE *out, const char *file)
{
	sort_messages(report);
	for (size_t i = 0; i < report->error_count; i++) {
		const struct report_message *message = &report->messages[i];

		if (message->line != 0) {
			fprintf(out, "%s:%u: %s\n", file, message->line, message->text);
		} else {
			fprintf(out, "%s: %s\n", file, message->text);
		}
		free(message->text);
	}
	free(report->messages);
	*report = (struct report){0};
}
