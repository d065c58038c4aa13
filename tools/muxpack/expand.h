/* SPDX-License-Identifier: MIT */
/* Replaces ${NAME} in a line of the manifest. */
#ifndef TOOLS_MUXPACK_EXPAND_H
#define TOOLS_MUXPACK_EXPAND_H

#include "tools/muxpack/parse.h"

/* A new string; the caller frees it. Unknown names are reported and replaced by nothing. */
char *expand_line(struct report *report, unsigned int line, const char *text,
		  const struct parse_variables *variables);

#endif
