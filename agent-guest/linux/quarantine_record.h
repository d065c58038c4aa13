/* SPDX-License-Identifier: MIT */
/*
 * What is kept of a file in quarantine, so that RESTORE brings it back as it was: readable
 * `key=value` lines; in the path, '\' and control characters are written as \xHH. Pure functions,
 * no locking.
 */
#ifndef AGENT_LINUX_QUARANTINE_RECORD_H
#define AGENT_LINUX_QUARANTINE_RECORD_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "agent-guest/core/limits.h"

#define QUARANTINE_CAPABILITY_MAX 64U
#define QUARANTINE_RECORD_MAX	  8192U /* as text */

struct quarantine_record {
	char path[AGENT_PATH_MAX];
	uint32_t mode; /* permission bits */
	uint32_t uid;
	uint32_t gid;
	struct timespec atime;
	struct timespec mtime;
	size_t capability_size; /* of the security.capability attribute; 0: none */
	uint8_t capability[QUARANTINE_CAPABILITY_MAX];
};

/* Length of the text, without its NUL. */
size_t quarantine_record_encode(const struct quarantine_record *record,
				char text[QUARANTINE_RECORD_MAX]);

/* 0; -EINVAL: not such a text, or something is missing. */
int quarantine_record_decode(struct quarantine_record *record, const char *text);

#endif
