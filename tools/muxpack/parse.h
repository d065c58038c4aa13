/* SPDX-License-Identifier: MIT */
/*
 * Parses the text of a manifest (docs/manifest.md). Every error goes to the report; parsing goes on
 * after an error so that one run shows them all. What one line alone can show is checked here;
 * what needs several lines, in resolve.c.
 */
#ifndef TOOLS_MUXPACK_PARSE_H
#define TOOLS_MUXPACK_PARSE_H

#include <stddef.h>

#include "tools/muxpack/model.h"
#include "tools/muxpack/report.h"

struct parse_variable {
	const char *name;
	const char *value;
};

struct parse_variables {
	const struct parse_variable *items;
	size_t count;
};

/* `text` has `size` bytes and need not be terminated. */
void parse_manifest(struct model *model, struct report *report, const char *text, size_t size,
		    const struct parse_variables *variables);

#endif
