/* SPDX-License-Identifier: MIT */
/* The transport over AF_VSOCK, in an appliance partition or on Linux. */
#include "appliance/lib/transport.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <linux/vm_sockets.h>
#include <unistd.h>

#define BACKLOG 64

static int open_socket(void)
{
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0);
	int error;

	if (fd < 0) {
		return -errno;
	}
	if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
		error = -errno;
		close(fd);
		return error;
	}
	return fd;
}

static int close_failed(int fd)
{
	int error = -errno;

	close(fd);
	return error;
}

static int vsock_connect(const struct transport *transport, uint32_t cid, uint32_t port)
{
	struct sockaddr_vm address = {.svm_family = AF_VSOCK, .svm_port = port, .svm_cid = cid};
	int fd = open_socket();

	(void)transport;
	if (fd < 0) {
		return fd;
	}
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 &&
	    errno != EINPROGRESS) {
		return close_failed(fd);
	}
	return fd;
}

static int vsock_listen(const struct transport *transport, uint32_t port)
{
	struct sockaddr_vm address = {
		.svm_family = AF_VSOCK, .svm_port = port, .svm_cid = VMADDR_CID_ANY};
	int fd = open_socket();

	(void)transport;
	if (fd < 0) {
		return fd;
	}
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(fd, BACKLOG) < 0) {
		return close_failed(fd);
	}
	return fd;
}

static int vsock_accept(const struct transport *transport, int listener, uint32_t *cid)
{
	struct sockaddr_vm address = {.svm_family = AF_VSOCK};
	socklen_t length = sizeof(address);
	int fd = accept(listener, (struct sockaddr *)&address, &length);

	(void)transport;
	if (fd < 0) {
		return -errno;
	}
	if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
		return close_failed(fd);
	}
	*cid = address.svm_cid;
	return fd;
}

const struct transport transport_vsock = {
	.connect = vsock_connect,
	.listen = vsock_listen,
	.accept = vsock_accept,
};
