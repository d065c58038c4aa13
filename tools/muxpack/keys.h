/* SPDX-License-Identifier: MIT */
/* The keys of the sections [machine] and [partition]: one table each, one function a key. */
#ifndef TOOLS_MUXPACK_KEYS_H
#define TOOLS_MUXPACK_KEYS_H

#include "tools/muxpack/model.h"
#include "tools/muxpack/report.h"

/* Where a `key = value` line stands. `partition` is NULL in [machine]. */
struct keys_context {
	struct model *model;
	struct model_partition *partition;
	struct report *report;
	unsigned int line;
};

/* Sets one key; reports unknown keys, repeated keys and bad values. `value` is trimmed. */
void keys_set(const struct keys_context *context, const char *key, char *value);

/* Line on which a partition's key stands, or the section's line when it was not given. */
unsigned int keys_line_of(const struct model_partition *partition, const char *key);

#endif
