/* SPDX-License-Identifier: MIT */
/*
 * Error numbers of ring 0: functions return them negated. The values are Linux's, so that a log
 * line reads the same to everybody.
 */
#ifndef HV_LIBC_ERRNO_H
#define HV_LIBC_ERRNO_H

#define ENOENT	2
#define EFAULT	14
#define EBUSY	16
#define EEXIST	17
#define ENODEV	19
#define EINVAL	22
#define ENOSPC	28
#define ENOSYS	38
#define EBADMSG 74

#endif
