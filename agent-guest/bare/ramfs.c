/* SPDX-License-Identifier: MIT */
/* The tree of the file system in memory: see ramfs.h. Contents are in ramfs_data.c. */
#include "agent-guest/bare/ramfs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- nodes ---- */

static struct ramfs_node *new_node(struct ramfs *fs, const char *name, size_t length,
				   bool is_directory)
{
	struct ramfs_node *node = calloc(1, sizeof(*node));

	if (node == NULL) {
		return NULL;
	}
	node->name = malloc(length + 1);
	if (node->name == NULL) {
		free(node);
		return NULL;
	}
	memcpy(node->name, name, length);
	node->name[length] = '\0';
	node->is_directory = is_directory;
	node->references = 1;
	node->id = ++fs->last_id;
	node->version = 1;
	return node;
}

void ramfs_hold(struct ramfs_node *node)
{
	node->references++;
}

void ramfs_release(struct ramfs_node *node)
{
	if (--node->references > 0) {
		return;
	}
	if (node->capacity > 0) {
		free((void *)(uintptr_t)node->data);
	}
	free(node->origin);
	free(node->name);
	free(node);
}

static void link_node(struct ramfs *fs, struct ramfs_node *node, struct ramfs_node *parent)
{
	node->parent = parent;
	node->next = parent->child;
	parent->child = node;
	fs->files += node->is_directory ? 0 : 1;
}

static void unlink_node(struct ramfs *fs, struct ramfs_node *node)
{
	struct ramfs_node **at = &node->parent->child;

	while (*at != node) {
		at = &(*at)->next;
	}
	*at = node->next;
	node->next = NULL;
	node->parent = NULL;
	fs->files -= node->is_directory ? 0 : 1;
}

int ramfs_init(struct ramfs *fs)
{
	*fs = (struct ramfs){0};
	fs->root = new_node(fs, "", 0, true);
	return fs->root != NULL ? 0 : -ENOSPC;
}

void ramfs_destroy(struct ramfs *fs)
{
	struct ramfs_node *node = fs->root;

	/* Always the first leaf: its removal makes its parent one in the end. */
	while (node != NULL) {
		struct ramfs_node *parent = node->parent;

		if (node->child != NULL) {
			node = node->child;
			continue;
		}
		if (parent != NULL) {
			unlink_node(fs, node);
		}
		ramfs_release(node);
		node = parent;
	}
	fs->root = NULL;
}

/* ---- paths ---- */

/* The next component: its length, 0 at the end, or -errno. */
static int next_component(const char **path, const char **name)
{
	size_t length = 0;

	while (**path == '/') {
		(*path)++;
	}
	*name = *path;
	while ((*name)[length] != '\0' && (*name)[length] != '/') {
		length++;
	}
	if (length > RAMFS_NAME_MAX) {
		return -ENAMETOOLONG;
	}
	if ((length == 1 || length == 2) && strncmp(*name, "..", length) == 0) {
		return -EINVAL;
	}
	*path = *name + length;
	return (int)length;
}

static bool is_last(const char *rest)
{
	while (*rest == '/') {
		rest++;
	}
	return *rest == '\0';
}

static int check_path(const char *path)
{
	if (path[0] != '/') {
		return -EINVAL;
	}
	return strlen(path) > RAMFS_PATH_MAX ? -ENAMETOOLONG : 0;
}

struct ramfs_node *ramfs_child(const struct ramfs_node *directory, const char *name, size_t length)
{
	struct ramfs_node *node = directory->child;

	while (node != NULL &&
	       (strncmp(node->name, name, length) != 0 || node->name[length] != '\0')) {
		node = node->next;
	}
	return node;
}

/* Walks to the last component: its directory, and its name (length 0: the path is the root). */
static int find_parent(const struct ramfs *fs, const char *path, struct ramfs_node **parent,
		       const char **name)
{
	struct ramfs_node *at = fs->root;
	int length = check_path(path);

	if (length < 0) {
		return length;
	}
	for (;;) {
		length = next_component(&path, name);
		if (length < 0) {
			return length;
		}
		if (!at->is_directory) {
			return -ENOTDIR;
		}
		if (length == 0 || is_last(path)) {
			*parent = at;
			return length;
		}
		at = ramfs_child(at, *name, (size_t)length);
		if (at == NULL) {
			return -ENOENT;
		}
	}
}

int ramfs_find(const struct ramfs *fs, const char *path, struct ramfs_node **node)
{
	struct ramfs_node *parent;
	const char *name;
	int length = find_parent(fs, path, &parent, &name);

	if (length < 0) {
		return length;
	}
	*node = length == 0 ? fs->root : ramfs_child(parent, name, (size_t)length);
	return *node != NULL ? 0 : -ENOENT;
}

int ramfs_create(struct ramfs *fs, const char *path, bool is_directory, uint64_t now_us,
		 struct ramfs_node **node)
{
	struct ramfs_node *parent;
	const char *name;
	int length = find_parent(fs, path, &parent, &name);

	if (length < 0) {
		return length;
	}
	if (length == 0 || ramfs_child(parent, name, (size_t)length) != NULL) {
		return -EEXIST;
	}
	*node = new_node(fs, name, (size_t)length, is_directory);
	if (*node == NULL) {
		return -ENOSPC;
	}
	(*node)->mtime_us = now_us;
	link_node(fs, *node, parent);
	return 0;
}

int ramfs_make_path(struct ramfs *fs, const char *path, struct ramfs_node **node)
{
	const char *name;
	int length = check_path(path);

	*node = fs->root;
	while (length >= 0 && (length = next_component(&path, &name)) > 0) {
		struct ramfs_node *child;

		if (!(*node)->is_directory) {
			return -ENOTDIR;
		}
		child = ramfs_child(*node, name, (size_t)length);
		if (child == NULL) {
			child = new_node(fs, name, (size_t)length, true);
			if (child == NULL) {
				return -ENOSPC;
			}
			link_node(fs, child, *node);
		}
		*node = child;
	}
	if (length == 0 && !(*node)->is_directory) {
		return -ENOTDIR;
	}
	return length;
}

int ramfs_remove(struct ramfs *fs, struct ramfs_node *node)
{
	if (node == fs->root) {
		return -EBUSY;
	}
	if (node->parent == NULL) {
		return -ENOENT;
	}
	if (node->child != NULL) {
		return -ENOTEMPTY;
	}
	unlink_node(fs, node);
	ramfs_release(node);
	return 0;
}

/* May `node` take the place of `there`? */
static int check_replace(const struct ramfs_node *node, const struct ramfs_node *there)
{
	if (there->is_directory) {
		return node->is_directory ? -EEXIST : -EISDIR;
	}
	return node->is_directory ? -ENOTDIR : 0;
}

int ramfs_rename(struct ramfs *fs, struct ramfs_node *node, const char *to)
{
	struct ramfs_node *parent;
	struct ramfs_node *there;
	const char *name;
	char *copy;
	int length = find_parent(fs, to, &parent, &name);

	if (length < 0) {
		return length;
	}
	if (length == 0 || node == fs->root) {
		return -EBUSY;
	}
	if (node->parent == NULL) {
		return -ENOENT;
	}
	if (ramfs_is_below(parent, node)) {
		return -EINVAL;
	}
	there = ramfs_child(parent, name, (size_t)length);
	if (there == node) {
		return 0;
	}
	if (there != NULL && check_replace(node, there) != 0) {
		return check_replace(node, there);
	}
	copy = malloc((size_t)length + 1);
	if (copy == NULL) {
		return -ENOSPC;
	}
	memcpy(copy, name, (size_t)length);
	copy[length] = '\0';
	if (there != NULL) {
		unlink_node(fs, there);
		ramfs_release(there);
	}
	unlink_node(fs, node);
	free(node->name);
	node->name = copy;
	link_node(fs, node, parent);
	return 0;
}

/* ---- walking ---- */

bool ramfs_is_linked(const struct ramfs *fs, const struct ramfs_node *node)
{
	return node->parent != NULL || node == fs->root;
}

bool ramfs_is_below(const struct ramfs_node *node, const struct ramfs_node *directory)
{
	while (node != NULL && node != directory) {
		node = node->parent;
	}
	return node != NULL;
}

static bool is_root(const struct ramfs_node *node)
{
	return node->name[0] == '\0';
}

int ramfs_path(const struct ramfs_node *node, char *path)
{
	char *at = path + RAMFS_PATH_MAX;

	*at = '\0';
	if (is_root(node)) {
		memcpy(path, "/", 2);
		return 0;
	}
	for (; node != NULL && !is_root(node); node = node->parent) {
		size_t length = strlen(node->name);

		if (length + 1 > (size_t)(at - path)) {
			return -ENAMETOOLONG;
		}
		at -= length;
		memcpy(at, node->name, length);
		*--at = '/';
	}
	if (node == NULL) {
		return -ENOENT;
	}
	memmove(path, at, strlen(at) + 1);
	return 0;
}

struct ramfs_node *ramfs_next(const struct ramfs_node *top, struct ramfs_node *node)
{
	if (node->child != NULL) {
		return node->child;
	}
	while (node != NULL && node != top && node->next == NULL) {
		node = node->parent;
	}
	return node == NULL || node == top ? NULL : node->next;
}
