// SPDX-License-Identifier: MIT
/*
 * serve PORT: sends back what it receives. No client can make it wait: what one does not take stays
 * in that client's buffer, and one that takes nothing is read no further.
 */
#include "appliance/runtime/mux.h"

#include "tests/guests/attack/attack.h"

#include <linux/vm_sockets.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS_MAX 16
#define BUFFER	    8192U

struct client {
	uint32_t first, last; /* bytes to send back */
	uint8_t data[BUFFER];
};

static struct pollfd fds[1 + CLIENTS_MAX];
static struct client clients[1 + CLIENTS_MAX];
static nfds_t count = 1;
static volatile uint64_t secret[8192];

static int open_listener(unsigned int port)
{
	struct sockaddr_vm address = {
		.svm_family = AF_VSOCK,
		.svm_cid = VMADDR_CID_ANY,
		.svm_port = port,
	};
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(fd, 8) != 0) {
		printf("serve: FAILED to listen\n");
		exit(1);
	}
	return fd;
}

static void accept_client(void)
{
	int fd = accept4(fds[0].fd, NULL, NULL, SOCK_NONBLOCK);

	if (fd < 0) {
		return;
	}
	if (count == 1 + CLIENTS_MAX) {
		close(fd);
		return;
	}
	clients[count].first = 0;
	clients[count].last = 0;
	fds[count++] = (struct pollfd){.fd = fd, .events = POLLIN};
}

/* False: the client is gone. */
static bool serve_client(nfds_t index)
{
	struct client *c = &clients[index];
	ssize_t done;

	if (c->first == c->last) {
		done = recv(fds[index].fd, c->data, BUFFER, 0);
		if (done <= 0) {
			return false;
		}
		c->first = 0;
		c->last = (uint32_t)done;
	}
	done = send(fds[index].fd, c->data + c->first, c->last - c->first,
		    MSG_NOSIGNAL | MSG_DONTWAIT);
	if (done > 0) {
		c->first += (uint32_t)done;
	}
	fds[index].events = c->first == c->last ? POLLIN : POLLOUT;
	return done >= 0 || (fds[index].revents & (POLLERR | POLLHUP)) == 0;
}

static void drop_client(nfds_t index)
{
	close(fds[index].fd);
	count--;
	fds[index] = fds[count];
	memcpy(&clients[index], &clients[count], sizeof(clients[index]));
}

int main(int argc, char **argv)
{
	for (size_t i = 0; i < ARRAY_COUNT(secret); i++) {
		secret[i] = ATTACK_SECRET;
	}
	fds[0] = (struct pollfd){.fd = open_listener((unsigned int)atoi(argv[argc - 1])),
				 .events = POLLIN};
	for (;;) {
		if (poll(fds, count, -1) < 0) {
			printf("serve: FAILED to wait\n");
			return 1;
		}
		for (nfds_t i = count; i-- > 1;) {
			if (fds[i].revents != 0 && !serve_client(i)) {
				drop_client(i);
			}
		}
		if (fds[0].revents != 0) {
			accept_client();
		}
	}
}
