// SPDX-License-Identifier: MIT
/*
 * pulse CID PORT: a bystander. Exchanges messages with an echo server without end and checks each
 * byte that comes back. Ends, with failure, at the first error, reset or long silence.
 */
#include "appliance/runtime/mux.h"

#include "tests/guests/attack/attack.h"

#include <errno.h>
#include <linux/vm_sockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define MESSAGE_MAX   4096U
#define LOCAL_PORT    5555U /* known to the attacker */
#define CONNECT_TRIES 100
#define CONNECT_PAUSE 10000U /* microseconds */
#define SILENCE_MAX   2	     /* seconds */

static volatile uint64_t secret[8192];
static uint8_t out[MESSAGE_MAX], in[MESSAGE_MAX];

__attribute__((noreturn)) static void fail(const char *what, unsigned int number)
{
	printf("pulse: FAILED %s, message %u: %s\n", what, number, strerror(errno));
	exit(1);
}

static int connect_to(unsigned int cid, unsigned int port)
{
	struct sockaddr_vm local = {
		.svm_family = AF_VSOCK,
		.svm_cid = VMADDR_CID_ANY,
		.svm_port = LOCAL_PORT,
	};
	struct sockaddr_vm address = {
		.svm_family = AF_VSOCK,
		.svm_cid = cid,
		.svm_port = port,
	};

	for (int i = 0; i < CONNECT_TRIES; i++) {
		int fd = socket(AF_VSOCK, SOCK_STREAM, 0);

		if (fd >= 0 && bind(fd, (struct sockaddr *)&local, sizeof(local)) == 0 &&
		    connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
			return fd;
		}
		close(fd);
		usleep(CONNECT_PAUSE);
	}
	fail("no connection", 0);
}

static void exchange(int fd, unsigned int number)
{
	static const size_t sizes[] = {1, 64, 100, 700, 1500, MESSAGE_MAX};
	size_t size = sizes[number % ARRAY_COUNT(sizes)];

	for (size_t i = 0; i < size; i++) {
		out[i] = (uint8_t)(i * 7 + number);
	}
	if (send(fd, out, size, MSG_NOSIGNAL) != (ssize_t)size) {
		fail("not sent", number);
	}
	if (recv(fd, in, size, MSG_WAITALL) != (ssize_t)size) {
		fail("not echoed", number);
	}
	if (memcmp(in, out, size) != 0) {
		fail("another content", number);
	}
}

int main(int argc, char **argv)
{
	struct timeval limit = {.tv_sec = SILENCE_MAX};
	int fd;

	if (argc < 3) {
		return 2;
	}
	for (size_t i = 0; i < ARRAY_COUNT(secret); i++) {
		secret[i] = ATTACK_SECRET;
	}
	fd = connect_to((unsigned int)atoi(argv[1]), (unsigned int)atoi(argv[2]));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	for (unsigned int number = 0;; number++) {
		exchange(fd, number);
	}
}
