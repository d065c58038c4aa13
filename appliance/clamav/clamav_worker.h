/* SPDX-License-Identifier: MIT */
/*
 * A scan process: takes files from the service (clamav_message.h), one after the other, and ends
 * when the service does. It has no descriptor but its socket and the standard ones, and is confined
 * (clamav_confine.h) before it sees the first file.
 */
#ifndef CLAMAV_WORKER_H
#define CLAMAV_WORKER_H

#include "appliance/clamav/clamav_engine.h"

#include <sys/types.h>

struct clamav_worker {
	pid_t parent;
	int fd;
	const uint8_t *window;
	struct clamav_engine *engine;
	const char *directory; /* for what is unpacked */
	uint64_t unpacked_max; /* bytes of a file that it may write */
};

/* In a child of fork(): never returns. Exit status 0: the service has gone; 1: it cannot work. */
_Noreturn void clamav_worker_run(struct clamav_worker worker);

#endif
