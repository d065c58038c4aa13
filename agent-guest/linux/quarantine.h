/* SPDX-License-Identifier: MIT */
/*
 * The quarantine: directories that root alone can enter, one on each file system that is watched,
 * as moving a file keeps it the same object. In it a file has mode 0 and belongs to root, and
 * beside it lies a record ("ID.meta") of what it was. Main thread only.
 */
#ifndef AGENT_LINUX_QUARANTINE_H
#define AGENT_LINUX_QUARANTINE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent-guest/linux/config.h"
#include "agent-guest/linux/object.h"

#define QUARANTINE_DIRECTORIES_MAX (CONFIG_WATCHES_MAX + 1U)
/* In the root of a mount other than the configured directory's. */
#define QUARANTINE_NAME ".muxvisor-quarantine"

struct quarantine_directory {
	char path[CONFIG_PATH_MAX];
	int fd;
	uint64_t mount;
};

struct quarantine {
	unsigned count;
	uint32_t serial;
	struct quarantine_directory directory[QUARANTINE_DIRECTORIES_MAX];
};

/* Makes the configured directory if it is missing, and finds those of the watched mounts, of which
 * one that is not usable is only logged: whoever owns a mount's root can put anything there. 0;
 * -EPERM: others than root may enter the configured one; or what the system gives. */
int quarantine_init(struct quarantine *quarantine, const struct config *config);

/* id[AGENT_ID_MAX] is a path. -EISDIR, -EINVAL: not a regular file; -EEXIST: it is in quarantine;
 * -ENOSPC: too many mounts; what object_move gives. */
int quarantine_put(struct quarantine *quarantine, struct object *object, char *id);

/* Back to where it was, or to `to`. -EINVAL: not in quarantine; -EEXIST: something is there;
 * -EPERM: `to` is in a quarantine. */
int quarantine_restore(struct quarantine *quarantine, const char *id, const char *to);

/* Removes the very file that the object is. */
int quarantine_remove(struct quarantine *quarantine, struct object *object);

/* Is the path in a quarantine, or a quarantine itself? */
bool quarantine_has(const struct quarantine *quarantine, const char *path);
/* Is this open directory a quarantine, by whatever path it was reached? */
bool quarantine_is(const struct quarantine *quarantine, int directory);

#endif
