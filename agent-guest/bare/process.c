/* SPDX-License-Identifier: MIT */
/* The guest's process table: see process.h. */
#include "agent-guest/bare/process.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void process_init(struct process_table *table, struct vfs *vfs)
{
	memset(table, 0, sizeof(*table));
	table->vfs = vfs;
	table->last_pid = PROCESS_FIRST_PID - 1;
}

struct process *process_start(struct process_table *table, const char *image, uint32_t parent,
			      bool is_task)
{
	struct process *process = process_find(table, 0);

	if (process == NULL) {
		return NULL;
	}
	/* | 1: a start of 0 would say that it is not known. */
	*process = (struct process){.pid = ++table->last_pid,
				    .parent = parent,
				    .start_us = table->vfs->now(table->vfs->clock).us | 1,
				    .is_task = is_task};
	snprintf(process->image, sizeof(process->image), "%s", image);
	table->used++;
	vfs_tell_process(table->vfs, MUX_EVENT_PROCESS_START, process->pid, process->start_us,
			 process->image);
	return process;
}

void process_end(struct process_table *table, struct process *process)
{
	vfs_tell_process(table->vfs, MUX_EVENT_PROCESS_STOP, process->pid, process->start_us,
			 process->image);
	process->pid = 0;
	table->used--;
}

int process_stop(struct process_table *table, uint32_t pid)
{
	struct process *process = pid != 0 ? process_find(table, pid) : NULL;

	if (process == NULL) {
		return -ESRCH;
	}
	if (pid == PROCESS_FIRST_PID) {
		return -EPERM;
	}
	/* Not ended here: this may be an access request, which must not lead to notifications. */
	process->stop_wanted = true;
	return 0;
}

struct process *process_find(struct process_table *table, uint32_t pid)
{
	for (unsigned i = 0; i < PROCESS_MAX; i++) {
		if (table->process[i].pid == pid) {
			return &table->process[i];
		}
	}
	return NULL;
}

struct process *process_find_image(struct process_table *table, const char *image)
{
	struct process *found = NULL;

	for (unsigned i = 0; i < PROCESS_MAX; i++) {
		struct process *process = &table->process[i];

		if (process->pid != 0 && strcmp(process->image, image) == 0 &&
		    (found == NULL || process->pid > found->pid)) {
			found = process;
		}
	}
	return found;
}
