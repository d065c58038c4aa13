/* SPDX-License-Identifier: MIT */
/*
 * Error numbers of ring 0: functions return them negated. The values are Linux's, so that a log
 * line reads the same to everybody.
 */
#ifndef HV_LIBC_ERRNO_H
#define HV_LIBC_ERRNO_H

#define EPERM	   1
#define ENOENT	   2
#define EIO	   5
#define ENXIO	   6
#define E2BIG	   7
#define EBADF	   9
#define EAGAIN	   11
#define ENOMEM	   12
#define EACCES	   13
#define EFAULT	   14
#define EBUSY	   16
#define EEXIST	   17
#define ENODEV	   19
#define EINVAL	   22
#define ENOSPC	   28
#define ERANGE	   34
#define ENOSYS	   38
#define ENOMSG	   42
#define EPROTO	   71
#define EBADMSG	   74
#define EOVERFLOW  75
#define EMSGSIZE   90
#define EOPNOTSUPP 95
#define EADDRINUSE 98
#define ENOBUFS	   105
#define ETIMEDOUT  110
#define EALREADY   114

#endif
