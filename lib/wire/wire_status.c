/* SPDX-License-Identifier: MIT */
/*
 * Errno numbers on the wire are Linux's. newlib's differ above 34, so the codec translates; on
 * Linux this changes nothing.
 */
#include "lib/wire/wire_io.h"

#include <errno.h>

#define ERRNO_MAX  4095
#define COMMON_MAX 34 /* EPERM .. ERANGE: the same number everywhere */

static const struct {
	int local;
	int wire;
} numbers[] = {
	{ENAMETOOLONG, 36}, {ENOSYS, 38},   {ENOTEMPTY, 39},   {ELOOP, 40},	{ENODATA, 61},
	{EPROTO, 71},	    {EBADMSG, 74},  {EOVERFLOW, 75},   {EILSEQ, 84},	{EOPNOTSUPP, 95},
	{ENOTSUP, 95},	    {ENOBUFS, 105}, {ECONNRESET, 104}, {ENOTCONN, 107}, {ETIMEDOUT, 110},
	{ESTALE, 116},	    {EDQUOT, 122},  {ECANCELED, 125},
};

#define COUNT	 (sizeof(numbers) / sizeof(numbers[0]))
#define IS_LINUX (ENAMETOOLONG == 36)

int32_t wire_status_to_wire(int status)
{
	if (IS_LINUX || status >= -COMMON_MAX) {
		return status;
	}
	for (size_t i = 0; i < COUNT; i++) {
		if (numbers[i].local == -status) {
			return -numbers[i].wire;
		}
	}
	return -EIO;
}

int wire_status_from_wire(int32_t status)
{
	/* What is no errno value at all is refused by whoever looks at the message. */
	if (IS_LINUX || status >= -COMMON_MAX || status < -ERRNO_MAX) {
		return status;
	}
	for (size_t i = 0; i < COUNT; i++) {
		if (numbers[i].wire == -status) {
			return -numbers[i].local;
		}
	}
	return -EIO;
}
