/* SPDX-License-Identifier: MIT */
/*
 * Sockets of a bare-metal partition: the part of POSIX <sys/socket.h> that AF_VSOCK needs, with
 * Linux's names, so that the same source compiles on both. The address is struct sockaddr_vm of
 * <linux/vm_sockets.h>. docs/runtime.md lists every errno.
 *
 * One thread, no locks: no function may be called from an interrupt handler. A call that blocks
 * runs the driver and halts the CPU while there is nothing to do.
 */
#ifndef RUNTIME_SYS_SOCKET_H
#define RUNTIME_SYS_SOCKET_H

#include <stdint.h>
#include <sys/types.h>

typedef uint32_t socklen_t;
typedef uint16_t sa_family_t;

struct sockaddr {
	sa_family_t sa_family;
	char sa_data[14];
};

struct sockaddr_storage {
	sa_family_t ss_family;
	char ss_data[126];
};

#define AF_UNSPEC 0
#define AF_VSOCK  40
#define PF_UNSPEC AF_UNSPEC
#define PF_VSOCK  AF_VSOCK

#define SOCK_STREAM    1
#define SOCK_SEQPACKET 5
#define SOCK_NONBLOCK  0x4000  /* equals O_NONBLOCK */
#define SOCK_CLOEXEC   0x40000 /* accepted, without effect: nothing executes here */

#define SOMAXCONN 128

#define SOL_SOCKET    1
#define SO_TYPE	      3	 /* int, get */
#define SO_ERROR      4	 /* int, get: takes the pending error */
#define SO_SNDBUF     7	 /* int, get: what the peer lets us have in flight */
#define SO_RCVBUF     8	 /* int: as SO_VM_SOCKETS_BUFFER_SIZE */
#define SO_RCVTIMEO   20 /* struct timeval; zero: no limit. Also limits accept() */
#define SO_SNDTIMEO   21 /* struct timeval; zero: no limit */
#define SO_ACCEPTCONN 30 /* int, get */

#define MSG_PEEK     0x02
#define MSG_TRUNC    0x20 /* recv on SEQPACKET: return the message's full length */
#define MSG_DONTWAIT 0x40
#define MSG_EOR	     0x80   /* send on SEQPACKET: end of record */
#define MSG_WAITALL  0x100  /* recv on STREAM: until the buffer is full */
#define MSG_NOSIGNAL 0x4000 /* there are no signals: always so */
#define MSG_MORE     0x8000 /* send: more follows at once; the kick waits for the last */

#define SHUT_RD	  0
#define SHUT_WR	  1
#define SHUT_RDWR 2

int socket(int domain, int type, int protocol);
int bind(int fd, const struct sockaddr *address, socklen_t length);
int listen(int fd, int backlog);
int accept(int fd, struct sockaddr *address, socklen_t *length);
int accept4(int fd, struct sockaddr *address, socklen_t *length, int flags);
int connect(int fd, const struct sockaddr *address, socklen_t length);
ssize_t send(int fd, const void *data, size_t size, int flags);
ssize_t recv(int fd, void *data, size_t size, int flags);
int shutdown(int fd, int how);
int getsockname(int fd, struct sockaddr *address, socklen_t *length);
int getpeername(int fd, struct sockaddr *address, socklen_t *length);
int setsockopt(int fd, int level, int name, const void *value, socklen_t length);
int getsockopt(int fd, int level, int name, void *value, socklen_t *length);

#endif
