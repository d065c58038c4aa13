/* SPDX-License-Identifier: MIT */
/* Connecting the agent's links by AF_VSOCK, in a partition or on Linux: see links.h. */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <linux/vm_sockets.h>
#include <unistd.h>

#include "agent-guest/driver/links.h"

int links_connect_vsock(void *context, uint32_t cid, uint32_t port)
{
	struct sockaddr_vm address = {.svm_family = AF_VSOCK, .svm_port = port, .svm_cid = cid};
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0);
	int error = 0;

	(void)context;
	if (fd < 0) {
		return -errno;
	}
	if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0 ||
	    (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 &&
	     errno != EINPROGRESS)) {
		error = -errno;
		close(fd);
	}
	return error != 0 ? error : fd;
}
