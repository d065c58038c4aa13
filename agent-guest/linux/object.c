/* SPDX-License-Identifier: MIT */
/* Files that services work on: see object.h. */
#include "agent-guest/linux/object.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent-guest/linux/proc_link.h"

#define DIRECTORY_BUFFER 8192U

struct directory_entry { /* linux_dirent64 of getdents64(2) */
	uint64_t inode;
	int64_t next;
	uint16_t size;
	uint8_t type;
	char name[];
};

static int open_plain(const char *path, uint64_t flags)
{
	struct open_how how = {.flags = flags | O_CLOEXEC,
			       .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
	long fd = syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

/* Opens what an O_PATH descriptor names. */
static int reopen(int fd, int flags)
{
	char link[PROC_LINK_MAX];
	int again;

	proc_link_of(fd, link);
	again = open(link, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	return again < 0 ? -errno : again;
}

static int make(int fd, int io, struct object **object)
{
	struct object *made = calloc(1, sizeof(*made));

	if (made == NULL) {
		close(fd);
		return -ENOMEM;
	}
	made->fd = fd;
	made->io = io;
	made->references = 1;
	*object = made;
	return 0;
}

int object_open_path(const char *path, struct object **object)
{
	int fd = open_plain(path, O_PATH | O_NOFOLLOW);

	return fd < 0 ? fd : make(fd, -1, object);
}

int object_open_in(int directory, const char *name, struct object **object)
{
	int fd = openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : make(fd, -1, object);
}

int object_open_event(int fd, struct object **object)
{
	/* The copy shares the open file and with it FMODE_NONOTIFY: no reading of it is an event.
	 */
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	return copy < 0 ? -errno : make(copy, copy, object);
}

void object_hold(struct object *object)
{
	object->references++;
}

void object_close(struct object *object)
{
	if (--object->references > 0) {
		return;
	}
	if (object->io >= 0 && object->io != object->fd) {
		close(object->io);
	}
	close(object->fd);
	free(object->directory);
	free(object);
}

/* ---- contents ---- */

/* Only regular files and directories are ever opened: anything else may have effects. */
static int open_for_reading(struct object *object)
{
	struct stat stat;

	if (fstat(object->fd, &stat) < 0) {
		return -errno;
	}
	if (!S_ISREG(stat.st_mode) && !S_ISDIR(stat.st_mode)) {
		return -EINVAL;
	}
	if (object->io < 0) {
		object->io = reopen(object->fd, O_RDONLY | O_NOATIME);
	}
	return object->io < 0 ? object->io : 0;
}

int64_t object_read(struct object *object, uint64_t offset, void *buffer, size_t size)
{
	int error = open_for_reading(object);
	ssize_t count;

	if (error != 0) {
		return error;
	}
	if (offset > INT64_MAX) {
		return 0;
	}
	count = pread(object->io, buffer, size, (off_t)offset);
	return count < 0 ? -errno : count;
}

static int64_t write_all(int fd, uint64_t offset, const char *data, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t count = pwrite(fd, data + done, size - done, (off_t)(offset + done));

		if (count <= 0) {
			return count < 0 ? -errno : -EIO;
		}
		done += (size_t)count;
	}
	return (int64_t)size;
}

int64_t object_write(struct object *object, uint64_t offset, const void *data, size_t size,
		     bool truncate)
{
	int error = open_for_reading(object);
	int64_t written;
	int fd;

	if (error != 0) {
		return error;
	}
	if (offset > INT64_MAX - size) {
		return -EFBIG;
	}
	fd = reopen(object->fd, O_WRONLY);
	if (fd < 0) {
		return fd;
	}
	written = write_all(fd, offset, data, size);
	if (written >= 0 && truncate && ftruncate(fd, (off_t)(offset + size)) < 0) {
		written = -errno;
	}
	close(fd);
	return written;
}

static void fill(struct agent_stat *stat, const struct stat *from, const char *name)
{
	*stat = (struct agent_stat){
		.size = (uint64_t)from->st_size,
		.mtime_us = (uint64_t)from->st_mtim.tv_sec * 1000000U +
			    (uint64_t)from->st_mtim.tv_nsec / 1000,
		.mode = from->st_mode,
		.flags = S_ISDIR(from->st_mode) ? MUX_STAT_DIRECTORY : 0,
	};
	snprintf(stat->name, sizeof(stat->name), "%s", name);
}

int object_stat(const struct object *object, struct agent_stat *stat)
{
	char path[OBJECT_PATH_MAX];
	const char *name = path;
	struct stat from;

	if (fstat(object->fd, &from) < 0) {
		return -errno;
	}
	if (object_path(object, path) != 0) {
		path[0] = '\0';
	}
	if (strrchr(path, '/') != NULL) {
		name = strrchr(path, '/') + 1;
	}
	fill(stat, &from, name);
	return 0;
}

/* ---- directories ---- */

static int read_directory(struct object *object, uint64_t cursor)
{
	long size;

	if (object->directory == NULL) {
		object->directory = malloc(DIRECTORY_BUFFER);
		if (object->directory == NULL) {
			return -ENOMEM;
		}
	}
	object->directory_at = 0;
	object->directory_size = 0;
	object->directory_next = cursor;
	if (lseek(object->io, (off_t)cursor, SEEK_SET) < 0) {
		return -errno;
	}
	size = syscall(SYS_getdents64, object->io, object->directory, DIRECTORY_BUFFER);
	object->directory_size = size > 0 ? (size_t)size : 0;
	return size < 0 ? -errno : 0;
}

static const struct directory_entry *entry_at(const struct object *object)
{
	return (const struct directory_entry *)(const void *)(object->directory +
							      object->directory_at);
}

/* The entry at the cursor, NULL at the end. */
static int next_entry(struct object *object, uint64_t cursor, const struct directory_entry **entry)
{
	int error = 0;

	if (object->directory_size > 0 && cursor != object->directory_next) {
		/* The one after the last that was looked at, or that one again. */
		if (cursor == (uint64_t)entry_at(object)->next) {
			object->directory_at += entry_at(object)->size;
			object->directory_next = cursor;
		} else {
			object->directory_size = 0;
		}
	}
	if (object->directory_at >= object->directory_size) {
		error = read_directory(object, cursor);
	}
	*entry = error == 0 && object->directory_size > 0 ? entry_at(object) : NULL;
	return error;
}

int object_list(struct object *object, uint64_t *cursor, struct agent_stat *result)
{
	const struct directory_entry *entry;
	struct stat stat;
	int error = open_for_reading(object);

	if (error != 0) {
		return error;
	}
	for (;;) {
		error = next_entry(object, *cursor, &entry);
		if (error != 0 || entry == NULL) {
			return error;
		}
		if (strcmp(entry->name, ".") != 0 && strcmp(entry->name, "..") != 0 &&
		    fstatat(object->io, entry->name, &stat, AT_SYMLINK_NOFOLLOW) == 0) {
			*cursor = (uint64_t)entry->next;
			fill(result, &stat, entry->name);
			return 1;
		}
		*cursor = (uint64_t)entry->next;
	}
}

/* ---- names ---- */

int object_path(const struct object *object, char path[OBJECT_PATH_MAX])
{
	struct stat stat;
	size_t size = proc_link_path(object->fd, path, OBJECT_PATH_MAX);

	if (size == 0 || fstat(object->fd, &stat) < 0) {
		return -errno;
	}
	if (size == OBJECT_PATH_MAX - 1) {
		return -ENAMETOOLONG; /* or as good as */
	}
	return stat.st_nlink == 0 || path[0] != '/' ? -ENOENT : 0;
}

int object_open_parent(const char *path, char name[OBJECT_NAME_SIZE])
{
	char parent[OBJECT_PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t length;

	if (slash == NULL || slash[1] == '\0') {
		return -EINVAL;
	}
	length = slash == path ? 1 : (size_t)(slash - path);
	if (length >= sizeof(parent) || strlen(slash + 1) >= OBJECT_NAME_SIZE) {
		return -ENAMETOOLONG;
	}
	memcpy(parent, path, length);
	parent[length] = '\0';
	strcpy(name, slash + 1);
	return open_plain(parent, O_PATH | O_DIRECTORY);
}

static bool is_same(const struct object *object, int directory, const char *name)
{
	struct stat mine, there;

	return fstat(object->fd, &mine) == 0 &&
	       fstatat(directory, name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
	       mine.st_dev == there.st_dev && mine.st_ino == there.st_ino;
}

static int move_checked(const struct object *object, int from, const char *name, int to_directory,
			const char *to_name)
{
	if (!is_same(object, from, name)) {
		return -ESTALE;
	}
	if (renameat2(from, name, to_directory, to_name, RENAME_NOREPLACE) < 0) {
		return -errno;
	}
	if (is_same(object, to_directory, to_name)) {
		return 0;
	}
	/* Another file took the name between the two calls: it goes back. */
	(void)renameat2(to_directory, to_name, from, name, RENAME_NOREPLACE);
	return -ESTALE;
}

int object_move(const struct object *object, int to_directory, const char *to_name)
{
	char path[OBJECT_PATH_MAX];
	char name[OBJECT_NAME_SIZE];
	int error = object_path(object, path);
	int from;

	if (error != 0) {
		return error;
	}
	from = object_open_parent(path, name);
	if (from < 0) {
		return from;
	}
	error = move_checked(object, from, name, to_directory, to_name);
	close(from);
	return error;
}
