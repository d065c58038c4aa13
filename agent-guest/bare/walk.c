/* SPDX-License-Identifier: MIT */
/* The walk command: touches every file below a directory. See commands.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent-guest/bare/commands.h"

#define PROGRESS_FILES 50U
#define TURN_FILES     8U /* before the agent's links and other tasks get their turn */

static int take_down(struct task_walk *walk, struct ramfs_node *node)
{
	size_t room = 64;
	struct ramfs_node **grown;

	while (room <= walk->count) {
		room *= 2;
	}
	/* The list has a power of two of places: it is full where count is one. */
	if (walk->node == NULL || (walk->count >= 64 && (walk->count & (walk->count - 1)) == 0)) {
		grown = realloc(walk->node, room * sizeof(struct ramfs_node *));
		if (grown == NULL) {
			return -ENOMEM;
		}
		walk->node = grown;
	}
	ramfs_hold(node);
	walk->node[walk->count++] = node;
	return 0;
}

static void release(struct task_walk *walk)
{
	for (size_t i = 0; i < walk->count; i++) {
		ramfs_release(walk->node[i]);
	}
	free(walk->node);
	*walk = (struct task_walk){0};
}

static int compare_paths(const void *left, const void *right)
{
	const struct ramfs_node *const *a = left;
	const struct ramfs_node *const *b = right;

	return (*a)->id < (*b)->id ? -1 : (*a)->id > (*b)->id;
}

/* All files below the directory, in the order of their creation. */
static int collect(struct guest *guest, struct task *task)
{
	struct ramfs_node *top;
	struct ramfs_node *node;
	int error = ramfs_find(&guest->fs, task->line.argv[0], &top);

	task->walk = (struct task_walk){0};
	if (error != 0) {
		return error;
	}
	for (node = top; node != NULL && error == 0; node = ramfs_next(top, node)) {
		if (!node->is_directory && node->origin == NULL) {
			error = take_down(&task->walk, node);
		}
	}
	if (task->walk.count > 0) {
		qsort(task->walk.node, task->walk.count, sizeof(task->walk.node[0]), compare_paths);
	}
	return error;
}

static bool touch(struct guest *guest, struct task *task)
{
	const char *how = task->line.argv[1];

	if (strcmp(how, "exec") == 0) {
		return commands_execute(guest, task, task->path, true);
	}
	if (strcmp(how, "write") == 0) {
		return commands_touch(guest, task, task->path, SCRIPT_WALK);
	}
	return commands_touch(guest, task, task->path,
			      strcmp(how, "read") == 0 ? SCRIPT_READ : SCRIPT_OPEN);
}

static void tell_count(struct guest *guest, const struct task *task, const char *lead)
{
	const struct task_walk *walk = &task->walk;

	guest_print(guest, "walk %s %s: %s%zu files, %zu ok, %zu denied, %zu failed",
		    task->line.argv[0], task->line.argv[1], lead, walk->at, walk->ok, walk->denied,
		    walk->failed);
}

static void count(struct guest *guest, struct task *task)
{
	struct task_walk *walk = &task->walk;

	switch (script_result_of(task->error)) {
	case SCRIPT_OK: walk->ok++; break;
	case SCRIPT_DENIED: walk->denied++; break;
	default: walk->failed++; break;
	}
	walk->at++;
	if (task->error != 0) {
		commands_tell(guest, task, task->line.argv[1], task->path);
	}
	if (walk->at % PROGRESS_FILES == 0 && walk->at < walk->count) {
		tell_count(guest, task, "so far ");
	}
}

static bool end(struct guest *guest, struct task *task, int error)
{
	tell_count(guest, task, "");
	task->walked = task->walk.at;
	task->walk_denied = task->walk.denied;
	task->walk_failed = task->walk.failed;
	task->result = error;
	if (task->walk.denied > 0) {
		task->result = -EACCES;
	} else if (task->walk.failed > 0) {
		task->result = -EIO;
	}
	release(&task->walk);
	return true;
}

bool walk_run(struct guest *guest, struct task *task)
{
	struct task_walk *walk = &task->walk;

	if (walk->node == NULL) {
		int error = collect(guest, task);

		if (error != 0 || walk->count == 0) {
			return end(guest, task, error);
		}
	}
	while (walk->at < walk->count) {
		if (task->stage == 0) {
			task->error = 0;
			task->ruling.cause = AGENT_CAUSE_NONE;
			/* One that was quarantined or deleted meanwhile is passed over. */
			if (walk->node[walk->at]->origin != NULL ||
			    ramfs_path(walk->node[walk->at], task->path) != 0) {
				walk->at++;
				continue;
			}
		}
		if (!touch(guest, task)) {
			return false;
		}
		task->stage = 0;
		count(guest, task);
		if (task->process->stop_wanted) {
			break;
		}
		if (walk->at % TURN_FILES == 0) {
			task->has_yielded = true;
			return false;
		}
	}
	return end(guest, task, 0);
}
