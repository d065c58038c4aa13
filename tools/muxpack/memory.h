/* SPDX-License-Identifier: MIT */
/* Allocation that ends the program when memory is exhausted, and whole-file input and output. */
#ifndef TOOLS_MUXPACK_MEMORY_H
#define TOOLS_MUXPACK_MEMORY_H

#include <stddef.h>
#include <stdint.h>

/* Zeroed; free() gives it back. */
void *memory_alloc(size_t size);
/* A copy of a string; free() gives it back. */
char *memory_string(const char *text);

struct memory_file {
	uint8_t *data;
	size_t size;
};

/* Reads a whole regular file. 0, or -errno and nothing to free. */
int memory_read_file(const char *path, struct memory_file *out);
/* Writes a whole file, or leaves none behind. 0 or -errno. */
int memory_write_file(const char *path, const void *data, size_t size);

#endif
