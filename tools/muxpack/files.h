/* SPDX-License-Identifier: MIT */
/*
 * The files that a manifest names: each is read once, so that two partitions that name the same
 * path get the same bytes (and the blob holds them once).
 */
#ifndef TOOLS_MUXPACK_FILES_H
#define TOOLS_MUXPACK_FILES_H

#include <stdio.h>

#include "tools/muxpack/memory.h"

struct files_entry {
	char *path; /* without symbolic links: one name a file */
	struct memory_file file;
	struct files_entry *next;
};

/* Zero-initialised: empty. */
struct files {
	struct files_entry *first;
};

/* The file's bytes, valid until files_clear(). 0 or -errno. */
int files_get(struct files *files, const char *path, struct memory_file *out);
void files_clear(struct files *files);

/* Writes a make rule: `target` depends on every file that was read. */
void files_write_rule(const struct files *files, FILE *out, const char *target);

#endif
