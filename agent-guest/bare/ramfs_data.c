/* SPDX-License-Identifier: MIT */
/* Contents of files in memory: see ramfs.h. */
#include "agent-guest/bare/ramfs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY_MIN 256U

static void changed(struct ramfs_node *file, uint64_t now_us)
{
	file->version++;
	file->mtime_us = now_us;
}

static void drop_data(struct ramfs_node *file)
{
	if (file->capacity > 0) {
		free((void *)(uintptr_t)file->data);
	}
	file->data = NULL;
	file->capacity = 0;
}

void ramfs_lend(struct ramfs_node *file, const void *data, size_t size)
{
	drop_data(file);
	file->data = data;
	file->size = size;
	file->version++;
}

size_t ramfs_read(const struct ramfs_node *file, uint64_t offset, size_t size, const void **data)
{
	if (offset >= file->size) {
		*data = NULL;
		return 0;
	}
	*data = file->data + offset;
	return size < file->size - offset ? size : file->size - (size_t)offset;
}

/* Makes the data the file's own, with room for `size` bytes. */
static int own_data(struct ramfs_node *file, size_t size)
{
	size_t capacity = file->capacity * 2;
	uint8_t *data;

	if (file->capacity > 0 && file->capacity >= size) {
		return 0;
	}
	capacity = capacity < size ? size : capacity;
	capacity = capacity < CAPACITY_MIN ? CAPACITY_MIN : capacity;
	data = malloc(capacity);
	if (data == NULL) {
		return -ENOSPC;
	}
	if (file->size > 0) {
		memcpy(data, file->data, file->size < capacity ? file->size : capacity);
	}
	drop_data(file);
	file->data = data;
	file->capacity = capacity;
	return 0;
}

static uint8_t *writable(struct ramfs_node *file)
{
	return (uint8_t *)(uintptr_t)file->data; /* own_data allocated it */
}

int ramfs_write(struct ramfs_node *file, uint64_t offset, const void *data, size_t size,
		uint64_t now_us)
{
	size_t at = (size_t)offset;
	int error;

	if (file->is_directory) {
		return -EISDIR;
	}
	if (offset > RAMFS_SIZE_MAX || size > RAMFS_SIZE_MAX - offset) {
		return -EFBIG;
	}
	if (at + size <= file->size && (size == 0 || memcmp(file->data + at, data, size) == 0)) {
		changed(file, now_us);
		return 0;
	}
	error = own_data(file, at + size > file->size ? at + size : file->size);
	if (error != 0) {
		return error;
	}
	if (at > file->size) {
		memset(writable(file) + file->size, 0, at - file->size);
	}
	memmove(writable(file) + at, data, size);
	file->size = at + size > file->size ? at + size : file->size;
	changed(file, now_us);
	return 0;
}

int ramfs_truncate(struct ramfs_node *file, size_t size, uint64_t now_us)
{
	int error = 0;

	if (file->is_directory) {
		return -EISDIR;
	}
	if (size > RAMFS_SIZE_MAX) {
		return -EFBIG;
	}
	if (size > file->size) {
		error = own_data(file, size);
		if (error == 0) {
			memset(writable(file) + file->size, 0, size - file->size);
		}
	}
	if (error == 0) {
		file->size = size;
		changed(file, now_us);
	}
	return error;
}
