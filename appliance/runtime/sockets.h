/* SPDX-License-Identifier: MIT */
/*
 * File descriptors of sockets, for syscalls.c. Programs include <sys/socket.h>.
 */
#ifndef APPLIANCE_RUNTIME_SOCKETS_H
#define APPLIANCE_RUNTIME_SOCKETS_H

#define SOCKETS_FIRST 3
#define SOCKETS_MAX   256

/* As close(), fcntl(): -1 with errno. */
int sockets_close(int fd);
int sockets_control(int fd, int command, int value);
/* At the end of the program. */
void sockets_close_all(void);

#endif
