/* SPDX-License-Identifier: MIT */
/*
 * Takes from a scan process what it does not need, so that a hostile file that takes it over can
 * decide about files, and do nothing else: no other user's files or processes, no new sockets (so
 * no vsock), no other programs or processes, no core files.
 */
#ifndef CLAMAV_CONFINE_H
#define CLAMAV_CONFINE_H

#include <stdint.h>
#include <sys/types.h>

/* User and group of scan processes of a service that runs as root. */
#define CLAMAV_CONFINE_USER 65534U

/* For the service, before it forks scan processes: no other process of its user, which they are too
 * unless it runs as root, gets at its memory by way of /proc. Theirs inherit that. 0, or what the
 * kernel says. */
int clamav_confine_service(void);

/* For the calling process, for ever. It is killed when `parent` ends. file_max: bytes of each file
 * that it may write. Returns 0; -ESRCH: the parent has ended; or what the kernel says. */
int clamav_confine_process(pid_t parent, uint64_t file_max);

#endif
