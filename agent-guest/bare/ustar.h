/* SPDX-License-Identifier: MIT */
/*
 * Reader of tar archives in memory: POSIX ustar with its name prefix, pax records of long names
 * (path=), and GNU's long names (type 'L'). Regular files, directories and hard links count; other
 * entries are passed over. It checks checksums and bounds, and allocates nothing.
 */
#ifndef AGENT_BARE_USTAR_H
#define AGENT_BARE_USTAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define USTAR_NAME_MAX 1024U

enum ustar_type { USTAR_FILE, USTAR_DIRECTORY, USTAR_HARD_LINK };

struct ustar_entry {
	enum ustar_type type;
	const uint8_t *data; /* in the archive */
	size_t size;
	char name[USTAR_NAME_MAX + 1];
	char link[USTAR_NAME_MAX + 1]; /* HARD_LINK: the name of the file */
};

struct ustar {
	const uint8_t *data;
	size_t size;
	size_t at;
	uint64_t skipped; /* entries of other kinds */
};

void ustar_open(struct ustar *archive, const void *data, size_t size);

/* The next entry: 1, or 0 at the end; -EBADMSG: broken archive; -ENAMETOOLONG. */
int ustar_next(struct ustar *archive, struct ustar_entry *entry);

#endif
