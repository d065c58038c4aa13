/* SPDX-License-Identifier: MIT */
/* Replaces ${NAME} in a line of the manifest: see expand.h. */
#include "tools/muxpack/expand.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tools/muxpack/memory.h"

static const char *find_variable(const struct parse_variables *variables, const char *name,
				 size_t length)
{
	for (size_t i = 0; i < variables->count; i++) {
		const char *candidate = variables->items[i].name;

		if (strlen(candidate) == length && memcmp(candidate, name, length) == 0) {
			return variables->items[i].value;
		}
	}
	return NULL;
}

/* `text` starts with "${". Writes the value, returns what follows the closing brace. */
static const char *expand_one(struct report *report, unsigned int line, const char *text, FILE *out,
			      const struct parse_variables *variables)
{
	const char *name = text + 2;
	const char *end = strchr(name, '}');
	const char *value;
	int length;

	if (end == NULL) {
		report_error(report, line, "\"${\" without \"}\"");
		return text + strlen(text);
	}
	length = (int)(end - name);
	value = find_variable(variables, name, (size_t)length);
	if (value == NULL) {
		report_error(report, line, "unknown variable \"%.*s\"; give it with -D %.*s=VALUE",
			     length, name, length, name);
	} else {
		fputs(value, out);
	}
	return end + 1;
}

char *expand_line(struct report *report, unsigned int line, const char *text,
		  const struct parse_variables *variables)
{
	char *result = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&result, &size);

	while (out != NULL && *text != '\0') {
		if (text[0] == '$' && text[1] == '{') {
			text = expand_one(report, line, text, out, variables);
		} else {
			fputc(*text++, out);
		}
	}
	if (out == NULL || fclose(out) != 0) {
		free(result);
		report_error(report, line, "out of memory");
		return memory_string("");
	}
	return result;
}
