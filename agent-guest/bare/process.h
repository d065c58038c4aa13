/* SPDX-License-Identifier: MIT */
/*
 * The guest's process table. A process is either a task that interprets a script, or an image that
 * this small OS can't run: then it is an entry that stays until it is stopped. Starts and stops are
 * told to the agent. One thread at a time.
 */
#ifndef AGENT_BARE_PROCESS_H
#define AGENT_BARE_PROCESS_H

#include "agent-guest/bare/vfs.h"

#define PROCESS_MAX	  32U
#define PROCESS_IMAGE_MAX (RAMFS_PATH_MAX + 1U)
#define PROCESS_FIRST_PID 1U

struct process {
	uint32_t pid; /* 0: free slot */
	uint32_t parent;
	uint64_t start_us; /* not 0 */
	bool is_task;	   /* a script: its task ends it */
	bool stop_wanted;  /* is_task: to end as soon as nothing waits */
	bool is_paused;	   /* is_task: begins no other command until it may go on */
	char image[PROCESS_IMAGE_MAX];
};

struct process_table {
	struct vfs *vfs;
	uint32_t last_pid;
	uint32_t used;
	struct process process[PROCESS_MAX];
};

void process_init(struct process_table *table, struct vfs *vfs);

/* A new entry, or NULL: the table is full. */
struct process *process_start(struct process_table *table, const char *image, uint32_t parent,
			      bool is_task);
void process_end(struct process_table *table, struct process *process);

/* Ends it: at once, or as soon as its task does not wait. 0; -ESRCH; -EPERM: the first process. */
int process_stop(struct process_table *table, uint32_t pid);

struct process *process_find(struct process_table *table, uint32_t pid);
/* The newest process of this image, or NULL. */
struct process *process_find_image(struct process_table *table, const char *image);

#endif
