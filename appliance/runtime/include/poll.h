/* SPDX-License-Identifier: MIT */
/*
 * poll() of a bare-metal partition: the event loop of services and agents. It runs the vsock
 * driver, and halts the CPU until a packet, a finished transmission or the timeout.
 */
#ifndef RUNTIME_POLL_H
#define RUNTIME_POLL_H

typedef unsigned int nfds_t;

struct pollfd {
	int fd; /* negative: ignored */
	short events;
	short revents;
};

#define POLLIN	   0x0001 /* recv() or accept() does not block (data, end of stream, or an error) */
#define POLLOUT	   0x0004 /* send() does not block; a connect() has ended */
#define POLLERR	   0x0008 /* an error is pending (SO_ERROR) */
#define POLLHUP	   0x0010 /* both directions are shut */
#define POLLNVAL   0x0020 /* no such descriptor */
#define POLLRDNORM 0x0040
#define POLLWRNORM 0x0100
#define POLLRDHUP  0x2000 /* the peer sends no more */

/* Descriptors with events, or 0 when timeout_ms passed (negative: no limit; 0: only look). */
int poll(struct pollfd *fds, nfds_t count, int timeout_ms);

#endif
