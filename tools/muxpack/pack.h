/* SPDX-License-Identifier: MIT */
/* From the text of a manifest to its blob: the steps of muxpack in their order. */
#ifndef TOOLS_MUXPACK_PACK_H
#define TOOLS_MUXPACK_PACK_H

#include "tools/muxpack/files.h"
#include "tools/muxpack/parse.h"

struct pack_result {
	struct memory_file blob; /* data is NULL when report->error_count != 0 */
	char *depends;		 /* make rule of the files that were read, for `target`; or NULL */
};

/* `path` is the manifest's; relative paths in it start at its folder. `target`: NULL for no rule.
 */
struct pack_result pack_manifest(const char *path, const struct memory_file *text,
				 const struct parse_variables *variables, const char *target,
				 struct report *report);

#endif
