// SPDX-License-Identifier: MIT
/*
 * Messages of 0 bytes to 1 MiB across receive buffers of any size: whole, and in order.
 *
 *   transfer receive PORT stream|seqpacket RX_SIZE [RX_COUNT]
 *   transfer send CID PORT stream|seqpacket TX_SIZE [TX_COUNT]
 *
 * The sender sends each size of a fixed list several times, each message with its own content; the
 * receiver checks length and content, and answers at the end with one byte. On SOCK_STREAM each
 * message has a length of 4 bytes in front. Exit code 0: everything was as it should be.
 */
#include "appliance/runtime/mux.h"

#include <errno.h>
#include <linux/vm_sockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MESSAGE_MAX   0x100000U
#define BUFFER_SIZE   (2 * MESSAGE_MAX)
#define REPEATS	      2
#define CONNECT_TRIES 50
#define CONNECT_PAUSE 100000U /* microseconds */

static const uint32_t sizes[] = {0,    1,    2,	   63,	  64,	 65,	127,   1000,
				 4095, 4096, 4097, 10000, 65535, 65536, 65537, MESSAGE_MAX};
#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

static uint8_t message[MESSAGE_MAX + 1]; /* one more, to see a message that is too long */
static int type;

__attribute__((noreturn)) static void fail(const char *what, uint32_t number)
{
	printf("transfer: message %u: %s: %s\n", number, what, strerror(errno));
	exit(1);
}

static uint32_t content(uint32_t number, uint32_t word)
{
	return number * 2654435761U ^ word * 40503U;
}

static void fill(uint32_t number, uint32_t size)
{
	for (uint32_t i = 0; i < size; i += 4) {
		uint32_t word = content(number, i);

		memcpy(message + i, &word, size - i < 4 ? size - i : 4);
	}
}

static bool is_filled(uint32_t number, uint32_t size)
{
	for (uint32_t i = 0; i < size; i += 4) {
		uint32_t word = content(number, i);

		if (memcmp(message + i, &word, size - i < 4 ? size - i : 4) != 0) {
			return false;
		}
	}
	return true;
}

static int open_socket(void)
{
	uint64_t size = BUFFER_SIZE;
	int fd = socket(AF_VSOCK, type, 0);

	if (fd < 0 ||
	    setsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_BUFFER_MAX_SIZE, &size, sizeof(size)) != 0 ||
	    setsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_BUFFER_SIZE, &size, sizeof(size)) != 0) {
		fail("no socket", 0);
	}
	return fd;
}

static void receive_message(int fd, uint32_t number, uint32_t expected)
{
	uint32_t size = sizeof(message);
	ssize_t got;

	if (type == SOCK_STREAM) {
		if (recv(fd, &size, sizeof(size), MSG_WAITALL) != sizeof(size) ||
		    size != expected) {
			fail("wrong length in front", number);
		}
		if (size == 0) {
			return;
		}
	}
	got = recv(fd, message, size, type == SOCK_STREAM ? MSG_WAITALL : 0);
	if (got != (ssize_t)expected) {
		printf("transfer: %zd bytes instead of %u\n", got, expected);
		fail("wrong length", number);
	}
	if (!is_filled(number, expected)) {
		fail("wrong content", number);
	}
}

static int run_receiver(unsigned int port)
{
	struct sockaddr_vm address = {
		.svm_family = AF_VSOCK,
		.svm_cid = VMADDR_CID_ANY,
		.svm_port = port,
	};
	int listener = open_socket();
	int fd;

	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(listener, 1) != 0) {
		fail("cannot listen", 0);
	}
	fd = accept(listener, NULL, NULL);
	if (fd < 0) {
		fail("accept", 0);
	}
	for (uint32_t i = 0; i < REPEATS * SIZES; i++) {
		receive_message(fd, i, sizes[i % SIZES]);
	}
	if (send(fd, "k", 1, 0) != 1) {
		fail("answer", 0);
	}
	if (recv(fd, message, sizeof(message), 0) != 0) {
		fail("more than was sent", 0);
	}
	close(fd);
	return 0;
}

static void send_message(int fd, uint32_t number, uint32_t size)
{
	fill(number, size);
	if (type == SOCK_STREAM &&
	    send(fd, &size, sizeof(size), MSG_NOSIGNAL | MSG_MORE) != sizeof(size)) {
		fail("send length", number);
	}
	if (send(fd, message, size, MSG_NOSIGNAL) != (ssize_t)size) {
		fail("send", number);
	}
}

static int run_sender(unsigned int cid, unsigned int port)
{
	struct sockaddr_vm address = {
		.svm_family = AF_VSOCK,
		.svm_cid = cid,
		.svm_port = port,
	};
	int fd = open_socket();

	for (int i = 0; connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0; i++) {
		if (i == CONNECT_TRIES) {
			fail("connect", 0);
		}
		usleep(CONNECT_PAUSE);
	}
	for (uint32_t i = 0; i < REPEATS * SIZES; i++) {
		send_message(fd, i, sizes[i % SIZES]);
	}
	if (recv(fd, message, 1, 0) != 1 || message[0] != 'k') {
		fail("no answer", 0);
	}
	close(fd);
	return 0;
}

static uint32_t number_at(int argc, char **argv, int index, uint32_t otherwise)
{
	return index < argc ? (uint32_t)strtoul(argv[index], NULL, 0) : otherwise;
}

int main(int argc, char **argv)
{
	struct mux_vsock_config config = MUX_VSOCK_CONFIG_DEFAULT;
	bool is_sender = argc > 1 && strcmp(argv[1], "send") == 0;
	int last = is_sender ? 4 : 3;
	struct mux_vsock_counters counters;
	int code;

	if (argc <= last) {
		printf("usage: transfer receive PORT TYPE RX_SIZE | send CID PORT TYPE TX_SIZE\n");
		return 2;
	}
	type = strcmp(argv[last], "seqpacket") == 0 ? SOCK_SEQPACKET : SOCK_STREAM;
	if (is_sender) {
		config.tx_buffer_size = number_at(argc, argv, last + 1, config.tx_buffer_size);
		config.tx_buffer_count = number_at(argc, argv, last + 2, config.tx_buffer_count);
	} else {
		config.rx_buffer_size = number_at(argc, argv, last + 1, config.rx_buffer_size);
		config.rx_buffer_count = number_at(argc, argv, last + 2, config.rx_buffer_count);
	}
	if (mux_vsock_configure(&config) != 0) {
		printf("transfer: buffer sizes out of range\n");
		return 2;
	}
	code = is_sender ? run_sender(number_at(argc, argv, 2, 0), number_at(argc, argv, 3, 0))
			 : run_receiver(number_at(argc, argv, 2, 0));
	mux_vsock_get_counters(&counters);
	printf("transfer: %s done, packets out %llu in %llu, kicks %llu, halts %llu\n", argv[1],
	       (unsigned long long)counters.tx_packets, (unsigned long long)counters.rx_packets,
	       (unsigned long long)counters.kicks, (unsigned long long)counters.halts);
	return code;
}
