/* SPDX-License-Identifier: MIT */
/* Allocation and whole-file input and output: see memory.h. */
#include "tools/muxpack/memory.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void *memory_alloc(size_t size)
{
	void *memory = calloc(1, size == 0 ? 1 : size);

	if (memory == NULL) {
		fputs("muxpack: out of memory\n", stderr);
		exit(1);
	}
	return memory;
}

char *memory_string(const char *text)
{
	char *copy = memory_alloc(strlen(text) + 1);

	return strcpy(copy, text);
}

static int memory_read_stream(FILE *stream, struct memory_file *out)
{
	struct stat status;

	if (fstat(fileno(stream), &status) != 0) {
		return -errno;
	}
	if (!S_ISREG(status.st_mode)) {
		return S_ISDIR(status.st_mode) ? -EISDIR : -EINVAL;
	}
	out->size = (size_t)status.st_size;
	out->data = memory_alloc(out->size);
	if (fread(out->data, 1, out->size, stream) != out->size) {
		free(out->data);
		return -EIO;
	}
	return 0;
}

int memory_read_file(const char *path, struct memory_file *out)
{
	FILE *stream = fopen(path, "rb");
	int result;

	if (stream == NULL) {
		return -errno;
	}
	result = memory_read_stream(stream, out);
	fclose(stream);
	return result;
}

int memory_write_file(const char *path, const void *data, size_t size)
{
	FILE *stream = fopen(path, "wb");
	struct stat status;
	bool is_regular;
	size_t written;
	int error;

	if (stream == NULL) {
		return -errno;
	}
	is_regular = fstat(fileno(stream), &status) == 0 && S_ISREG(status.st_mode);
	errno = 0;
	written = fwrite(data, 1, size, stream);
	if (fclose(stream) == 0 && written == size) {
		return 0;
	}
	error = errno == 0 ? EIO : errno;
	/* No half of a file stays; but a device that was named, such as /dev/full, does. */
	if (is_regular) {
		remove(path);
	}
	return -error;
}
