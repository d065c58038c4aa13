/* SPDX-License-Identifier: MIT */
/*
 * The functions behind the agent's access verbs, on the file system itself and so without
 * notifications. A `file` is a held node. The quarantine is the directory VFS_QUARANTINE, closed to
 * programs; an id is a path in it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent-guest/bare/guest.h"

#define MODE_FILE      0100644U
#define MODE_DIRECTORY 0040755U

static void ops_decide(void *os, uint64_t cookie, const struct agent_decision *decision)
{
	struct guest *guest = os;

	vfs_decide(&guest->vfs, cookie, decision);
}

static void ops_log(void *os, const char *line)
{
	guest_print(os, "agent: %s", line);
}

/* ---- objects ---- */

static int ops_open_path(void *os, const char *path, void **file)
{
	struct guest *guest = os;
	struct ramfs_node *node;
	int error = ramfs_find(&guest->fs, path, &node);

	if (error == 0) {
		ramfs_hold(node);
		*file = node;
	}
	return error;
}

static int ops_open_event(void *os, uint64_t cookie, void **file)
{
	struct guest *guest = os;

	(void)cookie; /* there is one thread, so it is the one that is being told of */
	if (guest->vfs.asking == NULL) {
		return -ENOENT;
	}
	ramfs_hold(guest->vfs.asking);
	*file = guest->vfs.asking;
	return 0;
}

static void ops_hold(void *os, void *file)
{
	(void)os;
	ramfs_hold(file);
}

static void ops_close(void *os, void *file)
{
	(void)os;
	ramfs_release(file);
}

/* ---- contents ---- */

static int64_t ops_read(void *os, void *file, uint64_t offset, void *buffer, size_t size,
			const void **data)
{
	const struct ramfs_node *node = file;

	(void)os;
	(void)buffer; /* all contents are in memory */
	return node->is_directory ? -EISDIR : (int64_t)ramfs_read(node, offset, size, data);
}

static uint64_t now_us(const struct guest *guest)
{
	return guest->machine.now(guest->machine.context).us;
}

static int64_t ops_write(void *os, void *file, uint64_t offset, const void *data, size_t size,
			 bool truncate)
{
	struct ramfs_node *node = file;
	int error = ramfs_write(node, offset, data, size, now_us(os));

	if (error == 0 && truncate) {
		error = ramfs_truncate(node, (size_t)offset + size, now_us(os));
	}
	return error != 0 ? error : (int64_t)size;
}

static void fill_stat(const struct guest *guest, const struct ramfs_node *node,
		      struct agent_stat *stat)
{
	bool is_quarantined = node != guest->quarantine && ramfs_is_below(node, guest->quarantine);

	*stat = (struct agent_stat){.size = node->size,
				    .mtime_us = node->mtime_us,
				    .mode = node->is_directory ? MODE_DIRECTORY : MODE_FILE};
	stat->flags = (node->is_directory ? MUX_STAT_DIRECTORY : 0) |
		      (is_quarantined ? MUX_STAT_QUARANTINED : 0);
	snprintf(stat->name, sizeof(stat->name), "%s", node->name);
}

static int ops_stat(void *os, void *file, struct agent_stat *stat)
{
	fill_stat(os, file, stat);
	return 0;
}

/* The cursor is the id of the last entry told, as entries may come and go meanwhile. */
static int ops_list(void *os, void *file, uint64_t *cursor, struct agent_stat *entry)
{
	const struct ramfs_node *directory = file;
	const struct ramfs_node *best = NULL;

	if (!directory->is_directory) {
		return -ENOTDIR;
	}
	for (const struct ramfs_node *node = directory->child; node != NULL; node = node->next) {
		if (node->id > *cursor && (best == NULL || node->id < best->id)) {
			best = node;
		}
	}
	if (best == NULL) {
		return 0;
	}
	*cursor = best->id;
	fill_stat(os, best, entry);
	return 1;
}

/* ---- names ---- */

static int ops_remove(void *os, void *file)
{
	struct guest *guest = os;

	return file == guest->quarantine ? -EBUSY : ramfs_remove(&guest->fs, file);
}

static int ops_quarantine(void *os, void *file, char *id)
{
	struct guest *guest = os;
	struct ramfs_node *node = file;
	static char path[RAMFS_PATH_MAX + 1];
	char *origin;
	int error = ramfs_path(node, path);

	if (error != 0) {
		return error;
	}
	if (node->is_directory) {
		return -EISDIR;
	}
	if (node->origin != NULL) {
		return -EEXIST;
	}
	origin = strdup(path);
	if (origin == NULL) {
		return -ENOSPC;
	}
	snprintf(id, AGENT_ID_MAX, "%s/%06llu", VFS_QUARANTINE,
		 (unsigned long long)++guest->quarantine_last);
	error = ramfs_rename(&guest->fs, node, id);
	if (error != 0) {
		free(origin);
		return error;
	}
	node->origin = origin;
	guest_print(guest, "%s: quarantined as %s", origin, id);
	return 0;
}

static int ops_restore(void *os, const char *id, const char *to)
{
	struct guest *guest = os;
	struct ramfs_node *node;
	struct ramfs_node *there;
	int error = ramfs_find(&guest->fs, id, &node);

	if (error != 0 || node->origin == NULL) {
		return error != 0 ? error : -EINVAL;
	}
	to = to[0] != '\0' ? to : node->origin;
	if (ramfs_find(&guest->fs, to, &there) == 0) {
		return -EEXIST;
	}
	error = ramfs_rename(&guest->fs, node, to);
	if (error == 0) {
		guest_print(guest, "%s: restored as %s", id, to);
		free(node->origin);
		node->origin = NULL;
	}
	return error;
}

static int ops_create(void *os, const char *path, bool directory)
{
	struct guest *guest = os;
	struct ramfs_node *node;

	return ramfs_create(&guest->fs, path, directory, now_us(guest), &node);
}

static int ops_rename(void *os, void *file, const char *to)
{
	struct guest *guest = os;
	struct ramfs_node *node = file;

	if (node == guest->quarantine || node->origin != NULL) {
		return -EPERM; /* RESTORE is the way out */
	}
	return ramfs_rename(&guest->fs, node, to);
}

/* ---- processes ---- */

static int ops_process_next(void *os, uint64_t *cursor, struct agent_process *process)
{
	const struct guest *guest = os;
	const struct process *best = NULL;

	for (unsigned i = 0; i < PROCESS_MAX; i++) {
		const struct process *at = &guest->processes.process[i];

		if (at->pid > *cursor && (best == NULL || at->pid < best->pid)) {
			best = at;
		}
	}
	if (best == NULL) {
		return 0;
	}
	*cursor = best->pid;
	*process = (struct agent_process){.pid = best->pid,
					  .parent = best->parent,
					  .start_us = best->start_us,
					  .image = best->image};
	return 1;
}

/* Process numbers are not used again, but for a start that is not this one's the answer is the same
 * as elsewhere. */
static int ops_process_control(void *os, enum mux_verb verb, const struct agent_process_name *name,
			       char *image)
{
	struct guest *guest = os;
	struct process *process =
		name->pid != 0 ? process_find(&guest->processes, name->pid) : NULL;

	if (process == NULL) {
		return -ESRCH;
	}
	if (!agent_process_is(name, process->start_us)) {
		return -ESTALE;
	}
	snprintf(image, AGENT_PATH_MAX, "%s", process->image);
	if (process->pid == PROCESS_FIRST_PID) {
		return -EOPNOTSUPP;
	}
	if (verb == MUX_VERB_PROCESS_KILL) {
		return process_stop(&guest->processes, process->pid);
	}
	process->is_paused = verb == MUX_VERB_PROCESS_STOP;
	return 0;
}

const struct agent_os_ops guest_agent_ops = {
	.decide = ops_decide,
	.log = ops_log,
	.open_path = ops_open_path,
	.open_event = ops_open_event,
	.hold = ops_hold,
	.close = ops_close,
	.read = ops_read,
	.write = ops_write,
	.stat = ops_stat,
	.list = ops_list,
	.remove = ops_remove,
	.quarantine = ops_quarantine,
	.create = ops_create,
	.rename = ops_rename,
	.restore = ops_restore,
	.process_next = ops_process_next,
	.process_control = ops_process_control,
};
