/* SPDX-License-Identifier: MIT */
/* The files that a manifest names: see files.h. */
#include "tools/muxpack/files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int files_get(struct files *files, const char *path, struct memory_file *out)
{
	char *real = realpath(path, NULL);
	struct files_entry *entry;
	int error;

	if (real == NULL) {
		return -errno;
	}
	for (entry = files->first; entry != NULL; entry = entry->next) {
		if (strcmp(entry->path, real) == 0) {
			*out = entry->file;
			free(real);
			return 0;
		}
	}
	error = memory_read_file(real, out);
	if (error != 0) {
		free(real);
		return error;
	}
	entry = memory_alloc(sizeof(*entry));
	entry->path = real;
	entry->file = *out;
	entry->next = files->first;
	files->first = entry;
	return 0;
}

void files_clear(struct files *files)
{
	while (files->first != NULL) {
		struct files_entry *entry = files->first;

		files->first = entry->next;
		free(entry->path);
		free(entry->file.data);
		free(entry);
	}
}

/* What make would take for something else (GNU make, "Writing Rules"). */
static void write_escaped(FILE *out, const char *path)
{
	for (; *path != '\0'; path++) {
		if (*path == ' ' || *path == '#') {
			fputc('\\', out);
		} else if (*path == '$') {
			fputc('$', out);
		}
		fputc(*path, out);
	}
}

void files_write_rule(const struct files *files, FILE *out, const char *target)
{
	write_escaped(out, target);
	fputc(':', out);
	for (const struct files_entry *entry = files->first; entry != NULL; entry = entry->next) {
		fputs(" \\\n  ", out);
		write_escaped(out, entry->path);
	}
	fputc('\n', out);
	/* A rule without prerequisites for each: a file that is gone must not stop make. */
	for (const struct files_entry *entry = files->first; entry != NULL; entry = entry->next) {
		write_escaped(out, entry->path);
		fputs(":\n", out);
	}
}
