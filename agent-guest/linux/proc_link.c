/* SPDX-License-Identifier: MIT */
/* Links of proc(5): see proc_link.h. */
#include "agent-guest/linux/proc_link.h"

#include <stdio.h>
#include <unistd.h>

void proc_link_of(int fd, char link[PROC_LINK_MAX])
{
	snprintf(link, PROC_LINK_MAX, "/proc/self/fd/%d", fd);
}

size_t proc_link_read(const char *link, char *text, size_t size)
{
	ssize_t length = readlink(link, text, size - 1);

	text[length > 0 ? length : 0] = '\0';
	return length > 0 ? (size_t)length : 0;
}

size_t proc_link_path(int fd, char *path, size_t size)
{
	char link[PROC_LINK_MAX];

	proc_link_of(fd, link);
	return proc_link_read(link, path, size);
}
