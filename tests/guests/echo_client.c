// SPDX-License-Identifier: MIT
/*
 * echo-client CID PORT [stream|seqpacket] [quit]: sends messages of growing sizes to an echo server
 * and compares what comes back. Exit code 0: all equal.
 */
#ifdef __linux__
#include "tests/guests/linux/mux.h"
#else
#include "appliance/runtime/mux.h"
#endif

#include <errno.h>
#include <linux/vm_sockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECT_TRIES 1200
#define BUFFER_SIZE   0x40000U /* the largest message fits */
#define CONNECT_PAUSE 100000U  /* microseconds */

static const size_t sizes[] = {1, 64, 100, 4096, 5000, 65536, 200000};
static uint8_t out[200000], in[200000];

/* The server may start later than we do. */
static int connect_to(unsigned int cid, unsigned int port, int type)
{
	struct sockaddr_vm address = {
		.svm_family = AF_VSOCK,
		.svm_cid = cid,
		.svm_port = port,
	};
	uint64_t buffer = BUFFER_SIZE;

	for (int i = 0; i < CONNECT_TRIES; i++) {
		int fd = socket(AF_VSOCK, type, 0);

		if (fd < 0 || setsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_BUFFER_SIZE, &buffer,
					 sizeof(buffer)) != 0) {
			printf("echo-client: no socket: %s\n", strerror(errno));
			exit(1);
		}
		if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
			return fd;
		}
		close(fd);
		usleep(CONNECT_PAUSE);
	}
	printf("echo-client: cannot connect: %s\n", strerror(errno));
	exit(1);
}

static void fill(size_t size)
{
	for (size_t i = 0; i < size; i++) {
		out[i] = (uint8_t)(i * 7 + size);
	}
}

static bool round_trip(int fd, int type, size_t size)
{
	ssize_t got;

	fill(size);
	if (send(fd, out, size, MSG_NOSIGNAL) != (ssize_t)size) {
		printf("echo-client: send of %zu: %s\n", size, strerror(errno));
		return false;
	}
	got = recv(fd, in, size, type == SOCK_STREAM ? MSG_WAITALL : 0);
	if (got != (ssize_t)size || memcmp(in, out, size) != 0) {
		printf("echo-client: %zu bytes came back as %zd\n", size, got);
		return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	int type = argc > 3 && strcmp(argv[3], "seqpacket") == 0 ? SOCK_SEQPACKET : SOCK_STREAM;
	uint64_t start;
	int fd;

	if (argc < 3) {
		printf("usage: echo-client CID PORT [stream|seqpacket] [quit]\n");
		return 2;
	}
	fd = connect_to((unsigned int)atoi(argv[1]), (unsigned int)atoi(argv[2]), type);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		start = mux_time_us();
		if (!round_trip(fd, type, sizes[i])) {
			return 1;
		}
		printf("echo-client: %zu bytes in %llu us\n", sizes[i],
		       (unsigned long long)(mux_time_us() - start));
	}
	if (argc > 4 && strcmp(argv[4], "quit") == 0) {
		send(fd, "quit", 4, MSG_NOSIGNAL);
	}
	close(fd);
	printf("echo-client: all equal\n");
	return 0;
}
