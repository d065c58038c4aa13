/* SPDX-License-Identifier: MIT */
/* Log-ons: what programs append to wtmp. Main thread only. */
#ifndef AGENT_LINUX_LOGONS_H
#define AGENT_LINUX_LOGONS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct daemon;

struct logons {
	const char *path;
	int inotify; /* -1: off */
	int file;    /* of wtmp, or -1 */
	int watch;   /* inotify's number for it, or -1 */
	off_t offset;
};

void logons_init(struct logons *logons, const char *path);
/* Turns it on (from the file's end on) or off. */
void logons_apply(struct logons *logons, bool is_wanted);
void logons_take(struct daemon *daemon);

#endif
