/* SPDX-License-Identifier: MIT */
/*
 * The file layer that the guest's programs use: the file system in memory with notification hooks.
 *
 * OPEN, EXECUTE and DELETE are told to the agent before they happen, CREATE, WRITE (close after a
 * change), CLOSE and RENAME after. Each may wait for a verdict; denied, the call gives -EACCES.
 * What was told before then has not happened; what was told after stays as it is.
 *
 * A call that may wait is a struct that is started by vfs_start and carried on by vfs_advance until
 * it is done, so that only the task that made it waits. Programs never get at the quarantine
 * directory: -EACCES. Other errors are those of ramfs.h. One thread at a time.
 */
#ifndef AGENT_BARE_VFS_H
#define AGENT_BARE_VFS_H

#include "agent-guest/bare/ramfs.h"
#include "agent-guest/core/agent.h"

#define VFS_QUARANTINE "/.quarantine"

enum vfs_action { VFS_OPEN, VFS_CLOSE, VFS_MKDIR, VFS_RENAME, VFS_DELETE, VFS_EXECUTE };

#define VFS_CREATE    (1U << 0) /* open: create the file if it is not there */
#define VFS_EXCLUSIVE (1U << 1) /* with CREATE: it must not be there */
#define VFS_TRUNCATE  (1U << 2)

struct vfs_file {
	struct ramfs_node *node; /* NULL: not open */
	bool is_dirty;
};

/* How the agent ruled, where a service had a say (cause != NONE). */
struct vfs_ruling {
	enum agent_cause cause;
	uint64_t ticks;
	char service[AGENT_NAME_MAX];
	char text[128];
};

struct vfs_call {
	/* Set by the caller; the strings stay until the call is done. */
	enum vfs_action action;
	uint32_t flags;
	uint32_t pid;
	uint64_t start_us;     /* when pid started */
	const char *process;   /* image of pid */
	const char *path;      /* not for CLOSE */
	const char *path2;     /* RENAME: the new name */
	struct vfs_file *file; /* OPEN: to fill; CLOSE: to close */

	/* Outcome: 0 or -errno. */
	int result;
	struct vfs_ruling ruling;
	struct ramfs_node *node; /* EXECUTE: the image, held until vfs_end */

	/* Private. */
	unsigned stage;
	bool is_waiting;
	bool is_denied;
	uint64_t cookie;
	struct vfs_call *next;
	char name[RAMFS_PATH_MAX + 1];
};

struct vfs {
	struct ramfs *fs;
	struct agent *agent;
	struct agent_time (*now)(void *clock);
	void *clock;
	uint64_t cookie;
	struct vfs_call *waiting;
	struct ramfs_node *asking; /* object of the notification that is being made */
	char path[RAMFS_PATH_MAX + 1];
};

void vfs_init(struct vfs *vfs, struct ramfs *fs, struct agent *agent,
	      struct agent_time (*now)(void *clock), void *clock);

/* Starts the call; then vfs_advance until it says true. A call that is not done must not go away.
 */
void vfs_start(struct vfs *vfs, struct vfs_call *call);
bool vfs_advance(struct vfs *vfs, struct vfs_call *call);
/* Gives back what a call that is done holds. */
void vfs_end(struct vfs_call *call);

/* Reading and writing raise no notification; a change is told at close. */
size_t vfs_read(const struct vfs_file *file, uint64_t offset, size_t size, const void **data);
int vfs_write(struct vfs *vfs, struct vfs_file *file, uint64_t offset, const void *data,
	      size_t size);

/* The agent decided about the call with this cookie (agent_os_ops.decide). */
void vfs_decide(struct vfs *vfs, uint64_t cookie, const struct agent_decision *decision);

/* Tells the agent of a process that started or stopped: a report, nothing waits. */
void vfs_tell_process(struct vfs *vfs, enum mux_event_kind kind, uint32_t pid, uint64_t start_us,
		      const char *image);

#endif
