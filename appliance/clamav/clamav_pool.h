/* SPDX-License-Identifier: MIT */
/*
 * The engine that the scanner sees (av_engine.h): scan processes, forked from the service when
 * there is something to scan, each with one file at a time. A scan process that does not end in
 * time, crashes, or says what it may not, is ended, its scan has no result, and the next scan gets
 * a new one. That is why they are processes: libclamav takes hostile files apart, and a thread of
 * it can be neither stopped nor survived.
 *
 * Threads: none; the scan processes' sockets are watched by the access library's loop.
 */
#ifndef CLAMAV_POOL_H
#define CLAMAV_POOL_H

#include "appliance/clamav/clamav_engine.h"

/* directory: where a directory for unpacked files is made, removed at the end. `engine` outlives
 * the pool. NULL: said why. */
struct av_engine *clamav_pool_create(struct clamav_engine *engine, unsigned int scans,
				     const char *directory);
/* After the scanner and the service are destroyed. NULL is allowed. */
void clamav_pool_destroy(struct av_engine *engine);

#endif
