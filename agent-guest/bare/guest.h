/* SPDX-License-Identifier: MIT */
/*
 * The mini OS of the bare-metal guest as a whole: file system, file layer, processes, tasks and the
 * thin agent bound to them. It runs in a partition (main.c) and, for the tests, on the host.
 * One thread, one struct guest at a time.
 */
#ifndef AGENT_BARE_GUEST_H
#define AGENT_BARE_GUEST_H

#include "agent-guest/bare/process.h"
#include "agent-guest/bare/ramfs.h"
#include "agent-guest/bare/task.h"
#include "agent-guest/bare/vfs.h"
#include "agent-guest/core/agent.h"

/* What the mini OS needs of the machine. */
struct guest_machine {
	struct agent_time (*now)(void *context);
	void (*print)(void *context, const char *line); /* one line, without its end */
	void *context;
};

struct guest {
	struct guest_machine machine;
	struct ramfs fs;
	struct ramfs_node *quarantine;
	uint64_t quarantine_last;
	struct vfs vfs;
	struct process_table processes;
	struct task_table tasks;
	unsigned failures; /* expectations that did not hold */
	struct agent agent;
};

/* An empty guest whose agent looks for the manager. 0, or -ENOSPC. config is kept by value; its
 * strings stay. verbs and events are set here where they are 0 to all that this OS can do. */
int guest_init(struct guest *guest, const struct guest_machine *machine,
	       const struct agent_config *config);
void guest_destroy(struct guest *guest);

/* Puts an archive's files below the directory `at`, by reference: the archive must stay. The number
 * of files, or -errno (-EBADMSG: broken archive). */
int guest_load_archive(struct guest *guest, const char *at, const void *archive, size_t size);

/* Starts the workload: a script that is no file. 0, or -EINVAL, said on the console with its line.
 */
int guest_start_workload(struct guest *guest, const char *name, const char *text, size_t size);

/* Runs what can run now; true while there is more to run at once. */
bool guest_run(struct guest *guest);
/* When guest_run or agent_tick is due next without any input, on agent_time.us. */
uint64_t guest_next_deadline(const struct guest *guest);
/* Has the workload ended? */
bool guest_is_done(const struct guest *guest);

/* Counters by name, for check and wait; false: there is none of this name. */
bool guest_counter(const struct guest *guest, const char *name, uint64_t *value);

__attribute__((format(printf, 2, 3))) void guest_print(struct guest *guest, const char *format,
						       ...);

/* The functions behind the agent's access verbs (access_ops.c); `os` is struct guest. */
extern const struct agent_os_ops guest_agent_ops;

#endif
