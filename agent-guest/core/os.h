/* SPDX-License-Identifier: MIT */
/*
 * What the agent needs of its guest's OS: the functions behind the access verbs, and the way back
 * to operations that wait for a verdict. agent-guest/bare binds them to the mini OS.
 *
 * `os` is the binding's own context. Errors are negative errno with Linux numbers; they go to the
 * service as RESPONSE.status. Paths are absolute and NUL-terminated. A `file` is an open file
 * object (a file or a directory); it stays the same object whatever happens to its name. None of
 * these calls may lead to agent_notify: the agent's own accesses raise no events. All calls are
 * made by the thread that called into the agent, and none may call into the agent again.
 */
#ifndef AGENT_CORE_OS_H
#define AGENT_CORE_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent-guest/core/event.h"

#define AGENT_STAT_NAME_MAX 256U
#define AGENT_ID_MAX	    128U /* quarantine id with NUL */

struct agent_stat {
	uint64_t size;
	uint64_t mtime_us;
	uint32_t mode;
	uint32_t flags; /* MUX_STAT_* */
	char name[AGENT_STAT_NAME_MAX];
};

struct agent_process {
	uint32_t pid;
	uint32_t parent;
	uint64_t start_us; /* tells processes apart that had the same pid */
	const char *image; /* valid until the next call */
};

/* One process: the one that was alive at alive_us, or where that is 0 the one that started at
 * start_us. */
struct agent_process_name {
	uint32_t pid;
	uint64_t start_us;
	uint64_t alive_us;
};

/* Is it the process that has the pid now and started at start_us? */
static inline bool agent_process_is(const struct agent_process_name *name, uint64_t start_us)
{
	return name->alive_us != 0 ? start_us <= name->alive_us : start_us == name->start_us;
}

struct agent_os_ops {
	/* The waiting operation `cookie` goes on or is refused. */
	void (*decide)(void *os, uint64_t cookie, const struct agent_decision *decision);

	/* One line about services that come and go, for people. */
	void (*log)(void *os, const char *line);

	/* The object at a path (quarantine ids are paths too), that of the operation `cookie` that
	 * agent_notify is being told of, and another reference to one that is open: each is given
	 * back with close. */
	int (*open_path)(void *os, const char *path, void **file);
	int (*open_event)(void *os, uint64_t cookie, void **file);
	void (*hold)(void *os, void *file);
	void (*close)(void *os, void *file);

	/* Bytes read (0: at or past the end). *data is `buffer` filled, or the OS's own memory that
	 * stays as it is until the next call. */
	int64_t (*read)(void *os, void *file, uint64_t offset, void *buffer, size_t size,
			const void **data);
	int64_t (*write)(void *os, void *file, uint64_t offset, const void *data, size_t size,
			 bool truncate);
	int (*stat)(void *os, void *file, struct agent_stat *stat);
	/* The entry of a directory at *cursor (0 at first), which moves on: 1, or 0 at the end. */
	int (*list)(void *os, void *file, uint64_t *cursor, struct agent_stat *entry);
	int (*remove)(void *os, void *file);
	/* Moves the file where the guest's programs can't open it; id[AGENT_ID_MAX] names it. */
	int (*quarantine)(void *os, void *file, char *id);

	int (*create)(void *os, const char *path, bool directory);
	int (*rename)(void *os, void *file, const char *to);
	int (*restore)(void *os, const char *id, const char *to); /* to "": where it was */

	/* The process at *cursor (0 at first), which moves on: 1, or 0 at the end. */
	int (*process_next)(void *os, uint64_t *cursor, struct agent_process *process);
	/* Does to that very process what `verb` says (PROCESS_STOP, RESUME, KILL); `image`
	 * [AGENT_PATH_MAX], for the audit, is filled where it is known. -ESRCH: there is no such
	 * process (any more); -ESTALE: another one has its pid; -EOPNOTSUPP: one that may not be
	 * touched (the agent itself, the first one, a part of the kernel). */
	int (*process_control)(void *os, enum mux_verb verb, const struct agent_process_name *name,
			       char *image);
};

#endif
