// SPDX-License-Identifier: MIT
/*
 * sink reads|stops|empty: a receiver on port 9000 that reads all, one that accepts a connection and
 * never reads, and one whose driver gives the device no receive buffers.
 */
#include "tests/guests/attack/attack.h"
#include "tests/guests/attack/raw.h"

#include <linux/vm_sockets.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORT 9000U

static void receive(bool reads)
{
	static uint8_t data[65536];
	struct sockaddr_vm address = {
		.svm_family = AF_VSOCK,
		.svm_cid = VMADDR_CID_ANY,
		.svm_port = PORT,
	};
	int listener = socket(AF_VSOCK, SOCK_STREAM, 0);
	int fd;

	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(listener, 1) != 0) {
		printf("sink: FAILED to listen\n");
		return;
	}
	fd = accept(listener, NULL, NULL);
	while (reads && recv(fd, data, sizeof(data), 0) > 0) {
	}
}

int main(int argc, char **argv)
{
	const char *kind = argc > 1 ? argv[1] : "";

	if (strcmp(kind, "empty") == 0) {
		raw_negotiate(RAW_FEATURES);
		raw_enable_all();
		attack_out8(RAW_STATUS, RAW_STATUS_OK);
	} else {
		receive(strcmp(kind, "reads") == 0);
	}
	for (;;) {
		sleep(1000);
	}
}
