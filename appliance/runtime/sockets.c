// SPDX-License-Identifier: MIT
/*
 * POSIX sockets over the socket core: descriptors, blocking, timeouts, errno. While a call waits,
 * the driver runs (vsock_port_wait).
 */
#include "appliance/runtime/sockets.h"
#include "appliance/runtime/runtime.h"
#include "appliance/runtime/vsock_port.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

struct descriptor {
	struct vsock_socket *socket; /* NULL: free */
	bool is_nonblocking;
	uint64_t receive_timeout_us, send_timeout_us; /* 0: none */
};

static struct descriptor table[SOCKETS_MAX];

/* -1 with errno for what failed, else the result. */
static long result_of(long result)
{
	if (result < 0) {
		errno = (int)-result;
		return -1;
	}
	return result;
}

static int status_of(int status)
{
	return (int)result_of(status);
}

static struct descriptor *descriptor_of(int fd)
{
	if (fd >= 0 && fd < SOCKETS_FIRST) {
		errno = ENOTSOCK;
		return NULL;
	}
	if (fd < SOCKETS_FIRST || fd >= SOCKETS_FIRST + SOCKETS_MAX ||
	    table[fd - SOCKETS_FIRST].socket == NULL) {
		errno = EBADF;
		return NULL;
	}
	return &table[fd - SOCKETS_FIRST];
}

static int descriptor_open(struct vsock_socket *socket, bool is_nonblocking)
{
	for (int i = 0; i < SOCKETS_MAX; i++) {
		if (table[i].socket == NULL) {
			table[i] = (struct descriptor){
				.socket = socket,
				.is_nonblocking = is_nonblocking,
			};
			return i + SOCKETS_FIRST;
		}
	}
	vsock_socket_close(socket);
	vsock_port_flush();
	return status_of(-EMFILE);
}

int socket(int domain, int type, int protocol)
{
	int kind = type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct vsock_stack *stack;
	struct vsock_socket *new;

	if (domain != AF_VSOCK) {
		return status_of(-EAFNOSUPPORT);
	}
	if (kind != SOCK_STREAM && kind != SOCK_SEQPACKET) {
		return status_of(-EPROTONOSUPPORT);
	}
	if (protocol != 0) {
		return status_of(-EPROTONOSUPPORT);
	}
	stack = vsock_port_start();
	if (stack == NULL) {
		return -1;
	}
	new = vsock_socket_create(stack, kind == SOCK_STREAM ? VIRTIO_VSOCK_TYPE_STREAM
							     : VIRTIO_VSOCK_TYPE_SEQPACKET);
	if (new == NULL) {
		return status_of(-ENOMEM);
	}
	return descriptor_open(new, (type & SOCK_NONBLOCK) != 0);
}

int sockets_close(int fd)
{
	struct descriptor *descriptor = descriptor_of(fd);

	if (descriptor == NULL) {
		return -1;
	}
	vsock_socket_close(descriptor->socket);
	descriptor->socket = NULL;
	vsock_port_flush();
	return 0;
}

void sockets_close_all(void)
{
	for (int i = 0; i < SOCKETS_MAX; i++) {
		if (table[i].socket != NULL) {
			sockets_close(i + SOCKETS_FIRST);
		}
	}
}

int sockets_control(int fd, int command, int value)
{
	struct descriptor *descriptor = descriptor_of(fd);

	if (descriptor == NULL) {
		return -1;
	}
	switch (command) {
	case F_GETFL: return O_RDWR | (descriptor->is_nonblocking ? O_NONBLOCK : 0);
	case F_SETFL: descriptor->is_nonblocking = (value & O_NONBLOCK) != 0; return 0;
	case F_GETFD:
	case F_SETFD: return 0;
	default: return status_of(-EINVAL);
	}
}

static int check_address(const struct sockaddr *address, socklen_t length, struct sockaddr_vm *out)
{
	if (address == NULL || length < sizeof(*out)) {
		return -EINVAL;
	}
	memcpy(out, address, sizeof(*out));
	return out->svm_family == AF_VSOCK ? 0 : -EAFNOSUPPORT;
}

static void give_address(uint32_t cid, uint32_t port, struct sockaddr *address, socklen_t *length)
{
	struct sockaddr_vm full = {
		.svm_family = AF_VSOCK,
		.svm_port = port,
		.svm_cid = cid,
	};

	if (address != NULL && length != NULL) {
		memcpy(address, &full, *length < sizeof(full) ? *length : sizeof(full));
		*length = sizeof(full);
	}
}

int bind(int fd, const struct sockaddr *address, socklen_t length)
{
	struct descriptor *descriptor = descriptor_of(fd);
	struct sockaddr_vm wanted;
	int error;

	if (descriptor == NULL) {
		return -1;
	}
	error = check_address(address, length, &wanted);
	if (error != 0) {
		return status_of(error);
	}
	if (wanted.svm_cid != VMADDR_CID_ANY && wanted.svm_cid != descriptor->socket->stack->cid) {
		return status_of(-EADDRNOTAVAIL);
	}
	return status_of(vsock_socket_bind(descriptor->socket, wanted.svm_port));
}

int listen(int fd, int backlog)
{
	struct descriptor *descriptor = descriptor_of(fd);

	if (descriptor == NULL) {
		return -1;
	}
	return status_of(
		vsock_socket_listen(descriptor->socket, backlog < 1 ? 1U : (uint32_t)backlog));
}

/* End of a wait that starts now: 0 for one that must not wait at all. */
static uint64_t wait_until(const struct descriptor *descriptor, int flags, uint64_t timeout_us)
{
	if (descriptor->is_nonblocking || (flags & MSG_DONTWAIT) != 0) {
		return 0;
	}
	return timeout_us == 0 ? IDLE_FOREVER : clock_now_us() + timeout_us;
}

/* One turn of waiting. False: time is up. */
static bool wait_more(uint64_t until)
{
	if (until != IDLE_FOREVER && clock_now_us() >= until) {
		return false;
	}
	vsock_port_wait(until);
	return true;
}

int accept4(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
	struct descriptor *descriptor = descriptor_of(fd);
	struct vsock_socket *child;
	uint64_t until;
	int error;

	if (descriptor == NULL) {
		return -1;
	}
	vsock_port_pump();
	error = vsock_socket_accept(descriptor->socket, &child);
	if (error == -EAGAIN) {
		until = wait_until(descriptor, 0, descriptor->receive_timeout_us);
		while (error == -EAGAIN && until != 0 && wait_more(until)) {
			error = vsock_socket_accept(descriptor->socket, &child);
		}
	}
	if (error != 0) {
		return status_of(error);
	}
	give_address(child->peer_cid, child->peer_port, address, length);
	return descriptor_open(child, (flags & SOCK_NONBLOCK) != 0);
}

int accept(int fd, struct sockaddr *address, socklen_t *length)
{
	return accept4(fd, address, length, 0);
}

int connect(int fd, const struct sockaddr *address, socklen_t length)
{
	struct descriptor *descriptor = descriptor_of(fd);
	struct sockaddr_vm peer;
	int error;

	if (descriptor == NULL) {
		return -1;
	}
	error = check_address(address, length, &peer);
	if (error == 0) {
		error = vsock_socket_connect(descriptor->socket, peer.svm_cid, peer.svm_port);
		vsock_port_flush();
	}
	if (error == -EALREADY && !descriptor->is_nonblocking) {
		error = -EINPROGRESS; /* was nonblocking when it began; now wait for it */
	}
	if (error != -EINPROGRESS || descriptor->is_nonblocking) {
		return status_of(error);
	}
	/* The core ends it after its connect timeout. */
	while (descriptor->socket->state == VSOCK_CONNECTING) {
		vsock_port_wait(IDLE_FOREVER);
	}
	return status_of(-vsock_socket_take_error(descriptor->socket));
}

/* Bytes of one message or stretch of stream that were sent; the first error only when none were. */
static long send_all(struct descriptor *descriptor, const uint8_t *data, size_t size,
		     uint32_t flags, uint64_t until)
{
	struct vsock_socket *socket = descriptor->socket;
	size_t done = 0;

	for (;;) {
		long sent = vsock_socket_send(socket, data + done, size - done, flags);

		if (sent >= 0) {
			done += (size_t)sent;
			if (done == size || (until == 0 && done != 0)) {
				return (long)done;
			}
			continue;
		}
		if (sent == -EAGAIN && until != 0 && wait_more(until)) {
			continue;
		}
		if (done != 0 && socket->type == VIRTIO_VSOCK_TYPE_STREAM) {
			return (long)done;
		}
		if (done != 0 && sent == -EAGAIN) {
			/* Half a message is out and the time is up: nothing can mend that. */
			vsock_socket_abort(socket, 0);
			return -ETIMEDOUT;
		}
		return sent;
	}
}

ssize_t send(int fd, const void *data, size_t size, int flags)
{
	struct descriptor *descriptor = descriptor_of(fd);
	uint32_t how = (flags & MSG_EOR) != 0 ? VSOCK_SEND_RECORD : 0;
	uint64_t until;
	long sent;

	if (descriptor == NULL) {
		return -1;
	}
	until = wait_until(descriptor, flags, descriptor->send_timeout_us);
	if (until == 0 && descriptor->socket->type == VIRTIO_VSOCK_TYPE_SEQPACKET) {
		how |= VSOCK_SEND_WHOLE;
	}
	sent = send_all(descriptor, data, size, how, until);
	if (sent == -EAGAIN) {
		/* Perhaps credit waits in the ring: one look, so that a caller that never polls
		 * gets on as well. */
		vsock_port_pump();
		sent = send_all(descriptor, data, size, how, 0);
	}
	if ((flags & MSG_MORE) == 0) {
		vsock_port_flush();
	}
	return result_of(sent);
}

static uint32_t receive_flags(int flags)
{
	return ((flags & MSG_PEEK) != 0 ? VSOCK_RECV_PEEK : 0) |
	       ((flags & MSG_TRUNC) != 0 ? VSOCK_RECV_LENGTH : 0);
}

static long receive_once(struct descriptor *descriptor, uint8_t *data, size_t size, int flags)
{
	struct vsock_socket *socket = descriptor->socket;
	uint32_t how = receive_flags(flags);
	long got = vsock_socket_recv(socket, data, size, how);
	uint64_t until;

	if (got != -EAGAIN) {
		return got;
	}
	vsock_port_pump();
	got = vsock_socket_recv(socket, data, size, how);
	if (got != -EAGAIN) {
		return got;
	}
	until = wait_until(descriptor, flags, descriptor->receive_timeout_us);
	while (got == -EAGAIN && until != 0 && wait_more(until)) {
		got = vsock_socket_recv(socket, data, size, how);
	}
	return got;
}

ssize_t recv(int fd, void *data, size_t size, int flags)
{
	struct descriptor *descriptor = descriptor_of(fd);
	bool whole = (flags & (MSG_WAITALL | MSG_PEEK)) == MSG_WAITALL;
	size_t done = 0;
	long got;

	if (descriptor == NULL) {
		return -1;
	}
	whole = whole && descriptor->socket->type == VIRTIO_VSOCK_TYPE_STREAM;
	do {
		got = receive_once(descriptor, (uint8_t *)data + done, size - done, flags);
		done += got > 0 ? (size_t)got : 0;
	} while (whole && got > 0 && done < size);
	vsock_port_flush();
	return done != 0 ? (ssize_t)done : result_of(got);
}

int shutdown(int fd, int how)
{
	struct descriptor *descriptor = descriptor_of(fd);
	static const uint8_t sides[] = {
		[SHUT_RD] = VIRTIO_VSOCK_SHUTDOWN_RECEIVE,
		[SHUT_WR] = VIRTIO_VSOCK_SHUTDOWN_SEND,
		[SHUT_RDWR] = VIRTIO_VSOCK_SHUTDOWN_BOTH,
	};
	int error;

	if (descriptor == NULL) {
		return -1;
	}
	if (how < SHUT_RD || how > SHUT_RDWR) {
		return status_of(-EINVAL);
	}
	error = vsock_socket_shutdown(descriptor->socket, sides[how]);
	vsock_port_flush();
	return status_of(error);
}

int getsockname(int fd, struct sockaddr *address, socklen_t *length)
{
	struct descriptor *descriptor = descriptor_of(fd);

	if (descriptor == NULL) {
		return -1;
	}
	give_address(descriptor->socket->stack->cid,
		     descriptor->socket->bound ? descriptor->socket->local_port : VMADDR_PORT_ANY,
		     address, length);
	return 0;
}

int getpeername(int fd, struct sockaddr *address, socklen_t *length)
{
	struct descriptor *descriptor = descriptor_of(fd);

	if (descriptor == NULL) {
		return -1;
	}
	if (descriptor->socket->state != VSOCK_ESTABLISHED &&
	    descriptor->socket->state != VSOCK_CLOSED) {
		return status_of(-ENOTCONN);
	}
	give_address(descriptor->socket->peer_cid, descriptor->socket->peer_port, address, length);
	return 0;
}

static int set_time(uint64_t *out_us, const void *value, socklen_t length)
{
	struct timeval time;

	if (length < sizeof(time)) {
		return -EINVAL;
	}
	memcpy(&time, value, sizeof(time));
	if (time.tv_sec < 0 || time.tv_usec < 0 || time.tv_usec >= 1000000 ||
	    time.tv_sec > 1000000000) {
		return -EDOM;
	}
	*out_us = (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_usec;
	return 0;
}

/* As Linux: a size is clamped to its limits, and a limit moves the size. */
static int set_size(struct vsock_socket *socket, int name, uint64_t size)
{
	size = size < VSOCK_BUFFER_SIZE_LEAST ? VSOCK_BUFFER_SIZE_LEAST : size;
	size = size > VSOCK_BUFFER_SIZE_MOST ? VSOCK_BUFFER_SIZE_MOST : size;
	switch (name) {
	case SO_VM_SOCKETS_BUFFER_MIN_SIZE: socket->option_size_min = size; break;
	case SO_VM_SOCKETS_BUFFER_MAX_SIZE: socket->option_size_max = size; break;
	default: socket->option_size = size; break;
	}
	if (socket->option_size > socket->option_size_max) {
		socket->option_size = socket->option_size_max;
	}
	if (socket->option_size < socket->option_size_min) {
		socket->option_size = socket->option_size_min;
	}
	return 0;
}

static int set_vsock_option(struct vsock_socket *socket, int name, const void *value,
			    socklen_t length)
{
	uint64_t size;

	switch (name) {
	case SO_VM_SOCKETS_BUFFER_SIZE:
	case SO_VM_SOCKETS_BUFFER_MIN_SIZE:
	case SO_VM_SOCKETS_BUFFER_MAX_SIZE:
		if (length < sizeof(size)) {
			return -EINVAL;
		}
		memcpy(&size, value, sizeof(size));
		return set_size(socket, name, size);
	case SO_VM_SOCKETS_CONNECT_TIMEOUT: {
		uint64_t time_us;
		int error = set_time(&time_us, value, length);

		if (error == 0) {
			socket->connect_timeout_us =
				time_us != 0 ? time_us : VSOCK_CONNECT_TIMEOUT_US;
		}
		return error;
	}
	default: return -ENOPROTOOPT;
	}
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t length)
{
	struct descriptor *descriptor = descriptor_of(fd);

	if (descriptor == NULL) {
		return -1;
	}
	if (level == AF_VSOCK) {
		return status_of(set_vsock_option(descriptor->socket, name, value, length));
	}
	if (level == SOL_SOCKET && name == SO_RCVTIMEO) {
		return status_of(set_time(&descriptor->receive_timeout_us, value, length));
	}
	if (level == SOL_SOCKET && name == SO_SNDTIMEO) {
		return status_of(set_time(&descriptor->send_timeout_us, value, length));
	}
	if (level == SOL_SOCKET && name == SO_RCVBUF && length >= sizeof(uint32_t)) {
		uint32_t size;

		memcpy(&size, value, sizeof(size));
		return status_of(set_size(descriptor->socket, SO_VM_SOCKETS_BUFFER_SIZE, size));
	}
	return status_of(-ENOPROTOOPT);
}

static int give_option(void *value, socklen_t *length, const void *option, socklen_t size)
{
	if (*length < size) {
		return -EINVAL;
	}
	memcpy(value, option, size);
	*length = size;
	return 0;
}

static int give_time(void *value, socklen_t *length, uint64_t time_us)
{
	struct timeval time = {
		.tv_sec = (time_t)(time_us / 1000000),
		.tv_usec = (suseconds_t)(time_us % 1000000),
	};

	return give_option(value, length, &time, sizeof(time));
}

static int get_vsock_option(const struct vsock_socket *socket, int name, void *value,
			    socklen_t *length)
{
	switch (name) {
	case SO_VM_SOCKETS_BUFFER_SIZE:
		return give_option(value, length, &socket->option_size, sizeof(uint64_t));
	case SO_VM_SOCKETS_BUFFER_MIN_SIZE:
		return give_option(value, length, &socket->option_size_min, sizeof(uint64_t));
	case SO_VM_SOCKETS_BUFFER_MAX_SIZE:
		return give_option(value, length, &socket->option_size_max, sizeof(uint64_t));
	case SO_VM_SOCKETS_CONNECT_TIMEOUT:
		return give_time(value, length, socket->connect_timeout_us);
	default: return -ENOPROTOOPT;
	}
}

static int get_socket_option(struct descriptor *descriptor, int name, void *value,
			     socklen_t *length)
{
	struct vsock_socket *socket = descriptor->socket;
	int number;

	switch (name) {
	case SO_RCVTIMEO: return give_time(value, length, descriptor->receive_timeout_us);
	case SO_SNDTIMEO: return give_time(value, length, descriptor->send_timeout_us);
	case SO_ERROR: number = vsock_socket_take_error(socket); break;
	case SO_TYPE:
		number = socket->type == VIRTIO_VSOCK_TYPE_STREAM ? SOCK_STREAM : SOCK_SEQPACKET;
		break;
	case SO_ACCEPTCONN: number = socket->state == VSOCK_LISTENING; break;
	case SO_RCVBUF: number = (int)socket->option_size; break;
	case SO_SNDBUF: number = (int)socket->peer_buffer_size; break;
	default: return -ENOPROTOOPT;
	}
	return give_option(value, length, &number, sizeof(number));
}

int getsockopt(int fd, int level, int name, void *value, socklen_t *length)
{
	struct descriptor *descriptor = descriptor_of(fd);

	if (descriptor == NULL) {
		return -1;
	}
	if (level == AF_VSOCK) {
		return status_of(get_vsock_option(descriptor->socket, name, value, length));
	}
	if (level == SOL_SOCKET) {
		return status_of(get_socket_option(descriptor, name, value, length));
	}
	return status_of(-ENOPROTOOPT);
}

static short poll_events(uint32_t ready)
{
	short events = 0;

	if ((ready & VSOCK_READABLE) != 0) {
		events |= POLLIN | POLLRDNORM;
	}
	if ((ready & VSOCK_WRITABLE) != 0) {
		events |= POLLOUT | POLLWRNORM;
	}
	if ((ready & VSOCK_ERROR) != 0) {
		events |= POLLERR;
	}
	if ((ready & VSOCK_HANGUP) != 0) {
		events |= POLLHUP;
	}
	if ((ready & VSOCK_PEER_DONE) != 0) {
		events |= POLLRDHUP;
	}
	return events;
}

static short poll_one(const struct pollfd *entry)
{
	const short always = POLLERR | POLLHUP;
	int saved = errno;
	struct descriptor *descriptor;

	if (entry->fd < 0) {
		return 0;
	}
	if (entry->fd < SOCKETS_FIRST) {
		return entry->fd == 0 ? 0 : (short)(entry->events & (POLLOUT | POLLWRNORM));
	}
	descriptor = descriptor_of(entry->fd);
	if (descriptor == NULL) {
		errno = saved;
		return POLLNVAL;
	}
	return (short)(poll_events(vsock_socket_ready(descriptor->socket)) &
		       (entry->events | always));
}

static int poll_look(struct pollfd *fds, nfds_t count)
{
	int found = 0;

	for (nfds_t i = 0; i < count; i++) {
		fds[i].revents = poll_one(&fds[i]);
		found += fds[i].revents != 0;
	}
	return found;
}

int poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
	uint64_t until = IDLE_FOREVER;
	int found;

	vsock_port_pump();
	found = poll_look(fds, count);
	if (found != 0 || timeout_ms == 0) {
		return found;
	}
	if (timeout_ms > 0) {
		until = clock_now_us() + (uint64_t)timeout_ms * 1000;
	}
	while (found == 0 && wait_more(until)) {
		found = poll_look(fds, count);
	}
	return found;
}
