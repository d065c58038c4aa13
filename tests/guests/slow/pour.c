// SPDX-License-Identifier: MIT
/*
 * pour socket|raw CID: sends to port 9000 of a sink whatever it takes, and between that exchanges
 * messages with the echo server of CID 22: what waits for the sink must not hold those up.
 */
#include "tests/guests/attack/attack.h"
#include "tests/guests/attack/raw.h"

#include <errno.h>
#include <linux/vm_sockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define PORT	      9000U
#define SERVER	      22U
#define WAITING	      12U /* packets that wait for the sink */
#define CONNECT_TRIES 100
#define BURST	      2U  /* sends to the sink for each exchange */
#define REPORT	      20U /* exchanges */

static uint8_t data[65536], in[100];

__attribute__((noreturn)) static void fail(const char *what)
{
	printf("pour: FAILED %s: %s\n", what, strerror(errno));
	exit(1);
}

static int connect_to(unsigned int cid)
{
	struct timeval limit = {.tv_sec = 2};
	struct sockaddr_vm address = {
		.svm_family = AF_VSOCK,
		.svm_cid = cid,
		.svm_port = PORT,
	};

	for (int i = 0; i < CONNECT_TRIES; i++) {
		int fd = socket(AF_VSOCK, SOCK_STREAM, 0);

		if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
			setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
			return fd;
		}
		close(fd);
		usleep(5000);
	}
	fail("no connection");
}

static void report(unsigned int exchanges)
{
	if (exchanges == REPORT) {
		printf("pour: %u messages came back from the server meanwhile\n", exchanges);
	}
}

static void pour_by_socket(unsigned int cid)
{
	int sink = connect_to(cid), server = connect_to(SERVER);

	for (unsigned int n = 1;; n++) {
		ssize_t sent = 1;

		for (unsigned int i = 0; i < BURST && sent > 0; i++) {
			sent = send(sink, data, sizeof(data), MSG_NOSIGNAL | MSG_DONTWAIT);
		}
		if (sent <= 0 && errno != EAGAIN) {
			fail("the sink is gone");
		}
		if (send(server, data, sizeof(in), MSG_NOSIGNAL) != sizeof(in) ||
		    recv(server, in, sizeof(in), MSG_WAITALL) != sizeof(in)) {
			fail("the server does not answer");
		}
		report(n);
	}
}

/* Requests of connections wait for the sink; others go to the server, which answers. */
static void pour_raw(unsigned int cid)
{
	static uint8_t waiting[64];
	struct virtio_vsock_packet packet = raw_packet(cid, PORT, VIRTIO_VSOCK_OP_REQUEST);
	struct virtio_vsock_packet answer;

	raw_start(RAW_FEATURES);
	memcpy(waiting, &packet, sizeof(packet));
	for (uint16_t head = 1; head <= WAITING; head++) {
		raw_describe(RAW_TX, head, (uint64_t)(uintptr_t)waiting, sizeof(packet), 0, 0);
		raw_give(RAW_TX, head);
	}
	packet.destination_cid = SERVER;
	for (unsigned int n = 1;; n++) {
		packet.source_port = 100 + n;
		packet.operation = VIRTIO_VSOCK_OP_REQUEST;
		if (!raw_send(&packet, 0) || !raw_receive(&answer) || answer.source_cid != SERVER ||
		    answer.operation != VIRTIO_VSOCK_OP_RESPONSE) {
			fail("the server does not answer");
		}
		packet.operation = VIRTIO_VSOCK_OP_RESET;
		raw_send(&packet, 0);
		report(n);
	}
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		return 2;
	}
	usleep(20000); /* the sink starts */
	if (strcmp(argv[1], "raw") == 0) {
		pour_raw((unsigned int)atoi(argv[2]));
	} else {
		pour_by_socket((unsigned int)atoi(argv[2]));
	}
	return 1;
}
