// SPDX-License-Identifier: MIT
/*
 * echo-server PORT [stream|seqpacket] [BUFFER]: sends back what it receives, for any number of
 * clients at once, with a receive buffer of that many bytes for each (1 MiB). Ends when a client
 * sends the 4 bytes "quit" alone.
 */
#ifdef __linux__
#include "tests/guests/linux/mux.h"
#else
#include "appliance/runtime/mux.h"
#endif

#include <errno.h>
#include <linux/vm_sockets.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS_MAX 100
#define BUFFER_SIZE 0x100000U

static uint8_t buffer[BUFFER_SIZE];
static struct pollfd fds[1 + CLIENTS_MAX];
static nfds_t fd_count;

static int open_listener(unsigned int port, int type, uint64_t size)
{
	struct sockaddr_vm address = {
		.svm_family = AF_VSOCK,
		.svm_cid = VMADDR_CID_ANY,
		.svm_port = port,
	};
	int fd = socket(AF_VSOCK, type, 0);

	if (fd < 0 ||
	    setsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_BUFFER_MAX_SIZE, &size, sizeof(size)) != 0 ||
	    setsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_BUFFER_SIZE, &size, sizeof(size)) != 0 ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(fd, CLIENTS_MAX) != 0) {
		printf("echo-server: cannot listen: %s\n", strerror(errno));
		exit(1);
	}
	return fd;
}

static void accept_client(void)
{
	struct sockaddr_vm peer;
	socklen_t length = sizeof(peer);
	int fd = accept(fds[0].fd, (struct sockaddr *)&peer, &length);

	if (fd < 0) {
		return;
	}
	if (fd_count == 1 + CLIENTS_MAX) {
		close(fd);
		return;
	}
	printf("echo-server: client CID %u port %u\n", peer.svm_cid, peer.svm_port);
	fds[fd_count++] = (struct pollfd){.fd = fd, .events = POLLIN};
}

static void drop_client(nfds_t index)
{
	close(fds[index].fd);
	fds[index] = fds[--fd_count];
}

/* False: the client is gone. */
static bool serve_client(int fd)
{
	ssize_t got = recv(fd, buffer, sizeof(buffer), 0);
	ssize_t done = 0;

	if (got == 4 && memcmp(buffer, "quit", 4) == 0) {
		printf("echo-server: done\n");
		exit(0);
	}
	if (got < 0) {
		printf("echo-server: client lost: %s\n", strerror(errno));
	}
	if (got <= 0) {
		return false;
	}
	while (done < got) {
		ssize_t sent = send(fd, buffer + done, (size_t)(got - done), MSG_NOSIGNAL);

		if (sent <= 0) {
			return false;
		}
		done += sent;
	}
	return true;
}

int main(int argc, char **argv)
{
	unsigned int port = argc > 1 ? (unsigned int)atoi(argv[1]) : 9000;
	int type = argc > 2 && strcmp(argv[2], "seqpacket") == 0 ? SOCK_SEQPACKET : SOCK_STREAM;
	uint64_t size = argc > 3 ? strtoul(argv[3], NULL, 0) : BUFFER_SIZE;

	fds[0] = (struct pollfd){.fd = open_listener(port, type, size), .events = POLLIN};
	fd_count = 1;
	printf("echo-server: listening on port %u\n", port);
	for (;;) {
		if (poll(fds, fd_count, -1) < 0) {
			return 1;
		}
		for (nfds_t i = fd_count; i-- > 1;) {
			if (fds[i].revents != 0 && !serve_client(fds[i].fd)) {
				drop_client(i);
			}
		}
		if (fds[0].revents != 0) {
			accept_client();
		}
	}
}
