/* SPDX-License-Identifier: MIT */
/*
 * Marks: which files and directories the kernel tells of, in two fanotify groups. The gate's group
 * has permission events; the group of names has notifications with directory and name
 * (FAN_REPORT_DFID_NAME), always on whole file systems, as mounts can't tell of names. Main thread
 * only.
 */
#ifndef AGENT_LINUX_WATCH_H
#define AGENT_LINUX_WATCH_H

#include "agent-guest/linux/plan.h"

#define WATCH_FILESYSTEMS_MAX	  (CONFIG_WATCHES_MAX + CONFIG_DIRECTORIES_MAX)
#define WATCH_DIRECTORY_MARKS_MAX 16384U /* below the configuration directories */

struct watch_filesystem {
	uint64_t id; /* as events have it */
	int fd;	     /* a directory on it, for open_by_handle_at() */
};

struct watch {
	const struct config *config;
	int permissions;  /* the gate's group; -1: none */
	int names;	  /* the group of names; -1: none */
	struct plan plan; /* whose marks are set */
	unsigned filesystem_count;
	struct watch_filesystem filesystem[WATCH_FILESYSTEMS_MAX];
	unsigned directory_marks;
	uint64_t ignored; /* ignore marks set so far */
	bool can_rename;  /* FAN_RENAME: Linux 5.17 */
};

/* Opens the group of names; `permissions` is the gate's group or -1. 0; or an error, logged, where
 * a watched path is no mount point. */
int watch_init(struct watch *watch, const struct config *config, int permissions);
void watch_close(struct watch *watch);

/* Sets and removes marks so that they are those of the plan. */
void watch_apply(struct watch *watch, const struct plan *plan);

/* A directory came up below a configuration directory: its entries are watched too. */
void watch_add_directory(struct watch *watch, const char *path);

/* The file of that descriptor raises no more permission events of this kind until it changes. */
bool watch_ignore(struct watch *watch, int fd, uint64_t mask);
/* It does again: this one file; all files. */
void watch_notice(struct watch *watch, int directory, const char *name);
void watch_notice_fd(struct watch *watch, int fd, uint64_t mask);
void watch_notice_all(struct watch *watch);

/* Is the path a mount point (and a directory)? 0 or negative errno (-EINVAL: it is not). */
int watch_check_mount(const char *path);

/* The directory on that file system, for handles; -1: unknown. */
int watch_filesystem_fd(const struct watch *watch, uint64_t id);

#endif
