/* SPDX-License-Identifier: MIT */
/*
 * Configuration of newlib for bare-metal partitions, read by each of its headers: POSIX types for
 * read and write, and the clocks that the runtime has.
 */
#ifndef RUNTIME_SYS_CONFIG_H
#define RUNTIME_SYS_CONFIG_H

#define _READ_WRITE_RETURN_TYPE _ssize_t
#define _POSIX_TIMERS		1
#define _POSIX_MONOTONIC_CLOCK	200112L

#include_next <sys/config.h>

#endif
