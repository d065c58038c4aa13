/* SPDX-License-Identifier: MIT */
/*
 * File system in memory: directories, files, rename, removal while open. A file's bytes can be lent
 * by the caller (a module of the partition); they are copied when they are first changed. It raises
 * no notifications and asks nobody: that is the business of the file layer above (vfs.h).
 *
 * Paths are absolute; "//" counts as "/", and "." and ".." are refused. Errors are negative errno:
 * -ENOENT, -ENOTDIR, -EISDIR, -EEXIST, -EINVAL (bad path), -ENAMETOOLONG, -ENOSPC (memory),
 * -ENOTEMPTY, -EBUSY (the root), -EFBIG. One thread at a time.
 */
#ifndef AGENT_BARE_RAMFS_H
#define AGENT_BARE_RAMFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RAMFS_NAME_MAX 255U
#define RAMFS_PATH_MAX 1024U	  /* characters of a path */
#define RAMFS_SIZE_MAX (1U << 30) /* of a file */

struct ramfs_node {
	char *name;
	struct ramfs_node *parent; /* NULL: the root, or unlinked */
	struct ramfs_node *child;  /* directory: first entry */
	struct ramfs_node *next;   /* in the parent */
	bool is_directory;
	bool is_seen;	     /* a mark for the user of the file system */
	uint32_t references; /* the tree's and those of ramfs_hold */
	uint64_t id;	     /* never 0, never used again */
	uint64_t version;    /* changes with the content */
	uint64_t mtime_us;
	const uint8_t *data;
	size_t size;
	size_t capacity; /* bytes allocated at data; 0: lent */
	char *origin;	 /* where a quarantined file was, else NULL */
};

struct ramfs {
	struct ramfs_node *root;
	uint64_t last_id;
	uint64_t files; /* in the tree */
};

/* 0, or -ENOSPC. */
int ramfs_init(struct ramfs *fs);
/* Frees everything; nothing may be held any more. */
void ramfs_destroy(struct ramfs *fs);

int ramfs_find(const struct ramfs *fs, const char *path, struct ramfs_node **node);
/* The entry of a directory, or NULL. */
struct ramfs_node *ramfs_child(const struct ramfs_node *directory, const char *name, size_t length);

/* A new empty file or directory; its parent must be there. *node is not held. */
int ramfs_create(struct ramfs *fs, const char *path, bool is_directory, uint64_t now_us,
		 struct ramfs_node **node);
/* The directory at `path`, made with its parents where missing. */
int ramfs_make_path(struct ramfs *fs, const char *path, struct ramfs_node **node);
/* Takes the name away; the node lives on while it is held. -ENOTEMPTY: directory with entries. */
int ramfs_remove(struct ramfs *fs, struct ramfs_node *node);
/* Moves a node; a file may replace a file. -EINVAL: a directory into itself. */
int ramfs_rename(struct ramfs *fs, struct ramfs_node *node, const char *to);

/* The file's bytes are those at `data` from now on, which must stay. */
void ramfs_lend(struct ramfs_node *file, const void *data, size_t size);
/* Bytes from offset on that are there, at most size; *data points at them until the next change. */
size_t ramfs_read(const struct ramfs_node *file, uint64_t offset, size_t size, const void **data);
/* Writes; a gap is filled with zeroes. Writing what is there already copies nothing, but still
 * counts as a change. */
int ramfs_write(struct ramfs_node *file, uint64_t offset, const void *data, size_t size,
		uint64_t now_us);
int ramfs_truncate(struct ramfs_node *file, size_t size, uint64_t now_us);

void ramfs_hold(struct ramfs_node *node);
void ramfs_release(struct ramfs_node *node);
bool ramfs_is_linked(const struct ramfs *fs, const struct ramfs_node *node);
/* Is node the directory itself or below it? */
bool ramfs_is_below(const struct ramfs_node *node, const struct ramfs_node *directory);
/* Its path in path[RAMFS_PATH_MAX + 1]; -ENOENT: it is unlinked. */
int ramfs_path(const struct ramfs_node *node, char *path);
/* The node after `node` in a walk over everything below `top`, in depth-first order; start with
 * top itself. NULL at the end. */
struct ramfs_node *ramfs_next(const struct ramfs_node *top, struct ramfs_node *node);

#endif
