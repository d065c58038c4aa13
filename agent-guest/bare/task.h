/* SPDX-License-Identifier: MIT */
/*
 * Cooperative tasks, each of which interprets a script. A task runs until its command has to wait:
 * for a verdict, a time, a counter or a child. One thread at a time.
 */
#ifndef AGENT_BARE_TASK_H
#define AGENT_BARE_TASK_H

#include "agent-guest/bare/process.h"
#include "agent-guest/bare/script.h"
#include "agent-guest/bare/vfs.h"

#define TASK_MAX 8U

struct task_loop {
	size_t start;	 /* position after the repeat */
	unsigned number; /* line of the repeat */
	uint64_t left;
};

/* walk: the files below a directory, taken down before the first is touched. */
struct task_walk {
	struct ramfs_node **node;
	size_t count;
	size_t at;
	size_t ok;
	size_t denied;
	size_t failed;
};

struct task {
	struct process *process; /* NULL: free slot */
	struct task *waiter;	 /* who executed it and waits for its end */
	char *script;
	size_t size;
	size_t at;
	struct script_line line;
	struct task_loop loop[SCRIPT_DEPTH];
	unsigned depth;
	bool has_yielded;   /* the command waits for nothing but its next turn */
	bool is_running;    /* the command at `line` is not done yet */
	unsigned stage;	    /* of that command */
	uint64_t wake_us;   /* sleep, wait */
	bool child_is_done; /* exec */
	unsigned child_failures;
	unsigned failures;
	int error;		  /* first error of the command, carried through its close */
	struct vfs_ruling ruling; /* of the command: the denial, else the last one */
	int result;		  /* of the last command */
	struct vfs_call call;
	struct vfs_file file;
	struct vfs_file target; /* copy */
	struct task_walk walk;
	uint64_t walked; /* of the last walk, for check */
	uint64_t walk_denied;
	uint64_t walk_failed;
	char path[RAMFS_PATH_MAX + 1];
};

struct task_table {
	uint32_t used;
	struct task task[TASK_MAX];
};

struct guest;

/* A task that interprets a copy of the script, as this process. NULL: no slot, or no memory. */
struct task *task_start(struct guest *guest, struct process *process, const char *script,
			size_t size);

/* Runs a task until it waits, ends, or has used up its turn. True: something can go on at once. */
bool task_run(struct guest *guest, struct task *task);

#endif
