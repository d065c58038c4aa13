/* SPDX-License-Identifier: MIT */
/*
 * Files that services work on. A file that a path names is held by an O_PATH descriptor, which has
 * no side effects (no event, no device opened, no FIFO woken), and is opened for reading or writing
 * only when that is asked; paths are never followed through symbolic links. The file of an event is
 * the event's own descriptor, so there is no race by path. Main thread only.
 */
#ifndef AGENT_LINUX_OBJECT_H
#define AGENT_LINUX_OBJECT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "agent-guest/core/os.h"

#define OBJECT_PATH_MAX	 1280U /* above what the protocol carries */
#define OBJECT_NAME_SIZE 256U

struct object {
	int fd; /* names it */
	int io; /* open for reading, or -1 */
	unsigned references;
	uint64_t directory_next; /* LIST: cursor after the buffer's entry at `directory_at` */
	size_t directory_at;
	size_t directory_size;
	char *directory; /* entries as the kernel gave them, or NULL */
};

/* 0, or negative errno: -ELOOP a symbolic link is on the way. */
int object_open_path(const char *path, struct object **object);
/* The one of that name (without '/') in a directory that is open. */
int object_open_in(int directory, const char *name, struct object **object);
/* Takes another descriptor of the same open file. */
int object_open_event(int fd, struct object **object);
void object_hold(struct object *object);
void object_close(struct object *object);

int64_t object_read(struct object *object, uint64_t offset, void *buffer, size_t size);
int64_t object_write(struct object *object, uint64_t offset, const void *data, size_t size,
		     bool truncate);
int object_stat(const struct object *object, struct agent_stat *stat);
int object_list(struct object *object, uint64_t *cursor, struct agent_stat *entry);

/* Its present path. -ENOENT: it has none any more; -ENAMETOOLONG. */
int object_path(const struct object *object, char path[OBJECT_PATH_MAX]);

/* The directory of a path (O_PATH descriptor) and the name in it. */
int object_open_parent(const char *path, char name[OBJECT_NAME_SIZE]);

/* Gives the very object another name, never a file that took its place meanwhile. -ESTALE: it did;
 * -EEXIST: the new name is taken; -EXDEV: on another mount. */
int object_move(const struct object *object, int to_directory, const char *to_name);

#endif
