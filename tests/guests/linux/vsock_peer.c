// SPDX-License-Identifier: MIT
/*
 * vsock-peer COMMAND...: what the test of standard vsock programs needs beyond socat: many
 * connections at once, the errno and the time of a refusal, peers that die with data in flight,
 * message boundaries. Linux only. Exit code 0: as it should be.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CHUNK		 65536U
#define CONNECTIONS_MAX	 256U
#define EXCHANGE	 5000U /* bytes each way and connection: more than one packet */
#define REFUSED_WITHIN	 1000U /* milliseconds */
#define EXCHANGE_TIMEOUT 20000

static uint8_t out[CHUNK], in[CHUNK];

static __attribute__((noreturn)) void fail(const char *what)
{
	printf("vsock-peer: %s: %s\n", what, strerror(errno));
	exit(1);
}

static unsigned int number(const char *text)
{
	return (unsigned int)strtoul(text, NULL, 0);
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000U + (uint64_t)now.tv_nsec / 1000000U;
}

static void fill(uint8_t *bytes, size_t size, uint64_t *state)
{
	for (size_t i = 0; i < size; i += sizeof(*state)) {
		size_t part = size - i < sizeof(*state) ? size - i : sizeof(*state);

		*state ^= *state << 13;
		*state ^= *state >> 7;
		*state ^= *state << 17;
		memcpy(bytes + i, state, part);
	}
}

static struct sockaddr_vm address_of(unsigned int cid, unsigned int port)
{
	return (struct sockaddr_vm){.svm_family = AF_VSOCK, .svm_cid = cid, .svm_port = port};
}

static int open_socket(int type)
{
	int fd = socket(AF_VSOCK, type, 0);

	if (fd < 0) {
		fail("no socket");
	}
	return fd;
}

static int connect_to(char **argv, int type)
{
	struct sockaddr_vm address = address_of(number(argv[0]), number(argv[1]));
	int fd = open_socket(type);

	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		fail("connect");
	}
	return fd;
}

static int listen_on(char **argv)
{
	struct sockaddr_vm address = address_of(VMADDR_CID_ANY, number(argv[0]));
	int fd = open_socket(SOCK_STREAM);

	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, 8) != 0) {
		fail("listen");
	}
	return fd;
}

/* pattern SIZE SEED: that many bytes on standard output, the same ones for the same seed. */
static int run_pattern(char **argv)
{
	uint64_t left = strtoull(argv[0], NULL, 0);
	uint64_t state = 0x9e3779b97f4a7c15U * (number(argv[1]) + 1U);

	while (left != 0) {
		size_t size = left < CHUNK ? (size_t)left : CHUNK;

		fill(out, size, &state);
		if (fwrite(out, 1, size, stdout) != size) {
			return 1;
		}
		left -= size;
	}
	return fflush(stdout) == 0 ? 0 : 1;
}

/* One of many connections: sends its own bytes and takes back the same. */
struct exchange {
	uint32_t sent;
	uint32_t received;
	bool is_connected;
};

static struct exchange exchanges[CONNECTIONS_MAX];
static struct pollfd fds[CONNECTIONS_MAX];

static uint8_t byte_of(uint32_t connection, uint32_t offset)
{
	return (uint8_t)(connection * 31U + offset * 7U + (offset >> 8));
}

static void open_all(char **argv, uint32_t count)
{
	struct sockaddr_vm address = address_of(number(argv[0]), number(argv[1]));

	for (uint32_t i = 0; i < count; i++) {
		exchanges[i] = (struct exchange){0, 0, false};
		fds[i] = (struct pollfd){.fd = open_socket(SOCK_STREAM | SOCK_NONBLOCK),
					 .events = POLLOUT};
		if (connect(fds[i].fd, (struct sockaddr *)&address, sizeof(address)) != 0 &&
		    errno != EINPROGRESS) {
			fail("connect");
		}
	}
}

static void note_connected(uint32_t i)
{
	socklen_t length = sizeof(errno);
	int error = 0;

	if (getsockopt(fds[i].fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0 || error != 0) {
		errno = error;
		fail("connection refused");
	}
	exchanges[i].is_connected = true;
	fds[i].events = 0; /* nothing is sent before all are there */
}

static void send_some(uint32_t i)
{
	struct exchange *exchange = &exchanges[i];
	uint32_t size = EXCHANGE - exchange->sent;
	ssize_t sent;

	for (uint32_t k = 0; k < size; k++) {
		out[k] = byte_of(i, exchange->sent + k);
	}
	sent = send(fds[i].fd, out, size, MSG_NOSIGNAL);
	if (sent < 0) {
		fail("send");
	}
	exchange->sent += (uint32_t)sent;
	fds[i].events = exchange->sent == EXCHANGE ? POLLIN : POLLIN | POLLOUT;
}

static void receive_some(uint32_t i)
{
	struct exchange *exchange = &exchanges[i];
	ssize_t got = recv(fds[i].fd, in, EXCHANGE, 0);

	if (got <= 0) {
		fail("connection lost");
	}
	for (ssize_t k = 0; k < got; k++, exchange->received++) {
		if (in[k] != byte_of(i, exchange->received)) {
			errno = EBADMSG;
			fail("another connection's bytes");
		}
	}
	if (exchange->received == EXCHANGE) {
		fds[i].events = 0;
	}
}

/* Until nobody waits for anything any more. */
static void serve_all(uint32_t count, void (*writable)(uint32_t))
{
	bool is_waiting = true;

	while (is_waiting) {
		is_waiting = false;
		for (uint32_t i = 0; i < count; i++) {
			if ((fds[i].revents & POLLIN) != 0) {
				receive_some(i);
			} else if ((fds[i].revents & (POLLOUT | POLLERR | POLLHUP)) != 0) {
				writable(i);
			}
			is_waiting |= fds[i].events != 0;
		}
		if (is_waiting && poll(fds, count, EXCHANGE_TIMEOUT) <= 0) {
			errno = ETIMEDOUT;
			fail("connections hang");
		}
	}
}

/* burst CID PORT CONNECTIONS ROUNDS: all of them are open before the first byte is sent. */
static int run_burst(char **argv)
{
	uint32_t count = number(argv[2]);
	uint32_t rounds = number(argv[3]);

	if (count > CONNECTIONS_MAX) {
		return 2;
	}
	for (uint32_t round = 0; round < rounds; round++) {
		open_all(argv, count);
		serve_all(count, note_connected);
		for (uint32_t i = 0; i < count; i++) {
			fds[i].events = POLLIN | POLLOUT;
			fds[i].revents = 0;
		}
		serve_all(count, send_some);
		for (uint32_t i = 0; i < count; i++) {
			close(fds[i].fd);
		}
	}
	printf("vsock-peer: %u connections at once, %u times\n", count, rounds);
	return 0;
}

/* sequence CID PORT COUNT: one connection after the other. */
static int run_sequence(char **argv)
{
	uint32_t count = number(argv[2]);
	uint64_t state = 1;

	for (uint32_t i = 0; i < count; i++) {
		int fd = connect_to(argv, SOCK_STREAM);
		size_t size = 1 + i % 1000U;

		fill(out, size, &state);
		if (send(fd, out, size, MSG_NOSIGNAL) != (ssize_t)size) {
			fail("send");
		}
		if (recv(fd, in, size, MSG_WAITALL) != (ssize_t)size ||
		    memcmp(in, out, size) != 0) {
			fail("answer");
		}
		close(fd);
	}
	printf("vsock-peer: %u connections in sequence\n", count);
	return 0;
}

/* refused CID PORT: a connection is refused, and soon. */
static int run_refused(char **argv)
{
	struct sockaddr_vm address = address_of(number(argv[0]), number(argv[1]));
	int fd = open_socket(SOCK_STREAM);
	uint64_t start = now_ms();
	int result = connect(fd, (struct sockaddr *)&address, sizeof(address));
	int error = errno;
	uint64_t took = now_ms() - start;

	if (result == 0) {
		printf("vsock-peer: connected\n");
		return 1;
	}
	printf("vsock-peer: refused: %s\n", strerror(error));
	return took < REFUSED_WITHIN && (error == ECONNRESET || error == ECONNREFUSED) ? 0 : 1;
}

/* What the connection's end looks like for a reader: end of file or a reset. */
static int drain(int fd)
{
	ssize_t got;
	uint64_t total = 0;

	while ((got = recv(fd, in, sizeof(in), 0)) > 0) {
		total += (uint64_t)got;
	}
	printf("vsock-peer: end after %s: %s\n", total != 0 ? "data" : "nothing",
	       got == 0 ? "end of file" : strerror(errno));
	return got == 0 || errno == ECONNRESET ? 0 : 1;
}

/* flood CID PORT PAUSE: sends until the peer is gone; with a pause, in microseconds, little enough
 * that credit is never short. */
static int run_flood(char **argv)
{
	int fd = connect_to(argv, SOCK_STREAM);
	unsigned int pause = number(argv[2]);
	size_t size = pause != 0 ? 4096 : sizeof(out);
	uint64_t state = 1;
	int error;

	fill(out, sizeof(out), &state);
	while (send(fd, out, size, MSG_NOSIGNAL) > 0) {
		usleep(pause);
	}
	error = errno;
	printf("vsock-peer: flood ends: %s\n", strerror(error));
	return drain(fd) == 0 && (error == ECONNRESET || error == EPIPE) ? 0 : 1;
}

/* sink PORT: reads everything, and tells how each connection ended. */
static int run_sink(char **argv)
{
	int listener = listen_on(argv);
	int fd;

	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		drain(fd);
		close(fd);
	}
	return 1;
}

/* victim PORT: is killed with data unread. */
static int run_victim(char **argv)
{
	int fd = accept(listen_on(argv), NULL, NULL);

	if (recv(fd, in, 1, 0) == 1) {
		sleep(1); /* the peer fills the buffer */
		raise(SIGKILL);
	}
	return 1;
}

static const size_t messages[] = {1, 10, 4052, 4096, 4097, 3, 60000, 65536, 2};
#define MESSAGES (sizeof(messages) / sizeof(messages[0]))

/* messages CID PORT: many SEQPACKET messages before the first answer is read; all keep their size.
 */
static int run_messages(char **argv)
{
	int fd = connect_to(argv, SOCK_SEQPACKET);
	uint64_t state = 5;
	uint64_t again = 5;

	for (size_t i = 0; i < MESSAGES; i++) {
		fill(out, messages[i], &state);
		if (send(fd, out, messages[i], MSG_NOSIGNAL | MSG_EOR) != (ssize_t)messages[i]) {
			fail("send of a message");
		}
	}
	for (size_t i = 0; i < MESSAGES; i++) {
		ssize_t got = recv(fd, in, sizeof(in), 0);

		fill(out, messages[i], &again);
		if (got != (ssize_t)messages[i] || memcmp(in, out, messages[i]) != 0) {
			printf("vsock-peer: message of %zu bytes comes back as %zd\n", messages[i],
			       got);
			return 1;
		}
	}
	printf("vsock-peer: %zu messages keep their boundaries\n", MESSAGES);
	return 0;
}

static const struct command {
	const char *name;
	int arguments;
	int (*run)(char **argv);
	const char *usage;
} commands[] = {
	{"pattern", 2, run_pattern, "SIZE SEED"},
	{"burst", 4, run_burst, "CID PORT CONNECTIONS ROUNDS"},
	{"sequence", 3, run_sequence, "CID PORT COUNT"},
	{"refused", 2, run_refused, "CID PORT"},
	{"flood", 3, run_flood, "CID PORT PAUSE"},
	{"sink", 1, run_sink, "PORT"},
	{"victim", 1, run_victim, "PORT"},
	{"messages", 2, run_messages, "CID PORT"},
};

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (argc == 2 + commands[i].arguments && strcmp(argv[1], commands[i].name) == 0) {
			return commands[i].run(argv + 2);
		}
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		printf("usage: vsock-peer %s %s\n", commands[i].name, commands[i].usage);
	}
	return 2;
}
