/* SPDX-License-Identifier: MIT */
/* Links of proc(5): what the agent's descriptors and the guest's processes are about. Any thread.
 */
#ifndef AGENT_LINUX_PROC_LINK_H
#define AGENT_LINUX_PROC_LINK_H

#include <stddef.h>

#define PROC_LINK_MAX 32U

/* The link of an own descriptor: a path to the very file, also of an O_PATH descriptor. */
void proc_link_of(int fd, char link[PROC_LINK_MAX]);

/* What a link says, cut to `size` with its NUL; its length, 0 and "" where it cannot be read. */
size_t proc_link_read(const char *link, char *text, size_t size);

/* The path of an own descriptor's file. */
size_t proc_link_path(int fd, char *path, size_t size);

#endif
