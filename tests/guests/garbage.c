/* SPDX-License-Identifier: MIT */
/*
 * garbage CID PORT [CID PORT]...: sends every kind of malformed agent-service message to each of
 * these, one connection a kind, and expects that the other end closes that connection (after an
 * ERROR, perhaps) within a time limit; a service, that it welcomes a good one before. Prints
 * `garbage NN to CID C: NAME: ok` or `: FAILED why`. Exit code 0 when all were refused.
 */
#include "appliance/runtime/mux.h"
#include "muxvisor/protocol.h"

#include <errno.h>
#include <linux/vm_sockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define CONNECT_TRIES 100
#define CONNECT_PAUSE 100000U /* microseconds */
#define CLOSE_SECONDS 30

#define BODY 24 /* where a message's body begins */

/* A message as bytes, and what of it is sent. */
struct message {
	uint8_t bytes[MUX_HEADER_SIZE + 4096];
	size_t size;
};

static void put(struct message *m, size_t at, uint64_t value, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		m->bytes[at + i] = (uint8_t)(value >> (8 * i));
	}
}

static void header(struct message *m, uint16_t type, uint32_t length)
{
	put(m, 0, MUX_PROTOCOL_MAGIC, 4);
	put(m, 4, MUX_PROTOCOL_VERSION, 1);
	put(m, 6, type, 2);
	put(m, 12, length, 4);
	m->size = MUX_HEADER_SIZE + length;
}

/* A good HELLO of an agent named "x": role, reserved, verbs, granted, events, port, two strings. */
static void hello(struct message *m)
{
	memset(m, 0, sizeof(*m));
	header(m, MUX_MSG_HELLO, 4 + 4 + 8 + 8 + 8 + 4 + 3 + 3);
	put(m, 16, 1, 8); /* request id */
	put(m, BODY, MUX_ROLE_AGENT, 4);
	put(m, BODY + 36, 1, 2);
	m->bytes[BODY + 38] = 'x';
	put(m, BODY + 39, 1, 2);
	m->bytes[BODY + 41] = '1';
}

static void no_body(struct message *m)
{
	header(m, MUX_MSG_HELLO, 0);
}

static void bytes_behind(struct message *m)
{
	put(m, 12, m->size - MUX_HEADER_SIZE + 7, 4);
	m->size += 7;
}

static void body_cut_short(struct message *m)
{
	put(m, 12, 11, 4);
	m->size = MUX_HEADER_SIZE + 11;
}

static void heartbeat_first(struct message *m)
{
	memset(m, 0, sizeof(*m));
	header(m, MUX_MSG_HEARTBEAT, 16);
}

static void counters_without_end(struct message *m)
{
	memset(m, 0, sizeof(*m));
	header(m, MUX_MSG_HEARTBEAT, 16);
	put(m, BODY + 8, 0xffff, 2);
}

static void noise(struct message *m)
{
	uint32_t state = 12345;

	m->size = sizeof(m->bytes);
	for (size_t i = 0; i < m->size; i++) {
		state = state * 1664525 + 1013904223;
		m->bytes[i] = (uint8_t)(state >> 24);
	}
}

/* What is put where in a good HELLO, or how it is made into something else. */
static const struct {
	const char *name;
	size_t at;
	uint64_t value;
	size_t size;
	void (*spoil)(struct message *m);
} kinds[] = {
	{"wrong magic", 0, 0x41414141, 4, NULL},
	{"wrong version", 4, 99, 1, NULL},
	{"reserved byte in the header", 5, 1, 1, NULL},
	{"unknown type", 6, 0x7777, 2, NULL},
	{"unknown flags", 8, 0xffff, 2, NULL},
	{"length of 4 GiB", 12, 0xffffffff, 4, NULL},
	{"length over the limit", 12, MUX_BODY_MAX + 1, 4, NULL},
	{"unknown role", BODY, 3, 4, NULL},
	{"reserved field in the body", BODY + 4, 1, 4, NULL},
	{"string past the end", BODY + 36, 0xffff, 2, NULL},
	{"NUL in a string", BODY + 38, 0, 1, NULL},
	{"HELLO without a body", 0, 0, 0, no_body},
	{"VERDICT before HELLO", 6, MUX_MSG_VERDICT, 2, NULL},
	{"bytes behind the last field", 0, 0, 0, bytes_behind},
	{"body cut short", 0, 0, 0, body_cut_short},
	{"HEARTBEAT before HELLO", 0, 0, 0, heartbeat_first},
	{"HEARTBEAT with more counters than bytes", 0, 0, 0, counters_without_end},
	{"noise", 0, 0, 0, noise},
};

static void spoil(struct message *m, size_t kind)
{
	hello(m);
	put(m, kinds[kind].at, kinds[kind].value, kinds[kind].size);
	if (kinds[kind].spoil != NULL) {
		kinds[kind].spoil(m);
	}
}

static int connect_to(uint32_t cid, uint32_t port)
{
	struct sockaddr_vm address = {.svm_family = AF_VSOCK, .svm_cid = cid, .svm_port = port};
	struct timeval limit = {.tv_sec = CLOSE_SECONDS};

	for (int i = 0; i < CONNECT_TRIES; i++) {
		int fd = socket(AF_VSOCK, SOCK_STREAM, 0);

		if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
			setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
			return fd;
		}
		close(fd);
		usleep(CONNECT_PAUSE);
	}
	return -1;
}

/* NULL when the peer closed the connection. */
static const char *send_garbage(uint32_t cid, uint32_t port, const struct message *m)
{
	uint8_t answer[512];
	int fd = connect_to(cid, port);
	ssize_t got;

	if (fd < 0) {
		return "no connection";
	}
	(void)send(fd, m->bytes, m->size, MSG_NOSIGNAL);
	do {
		got = recv(fd, answer, sizeof(answer), 0);
	} while (got > 0);
	if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ETIMEDOUT)) {
		close(fd);
		return "the connection stays open";
	}
	close(fd);
	return NULL;
}

/* What is not spoiled is welcomed: so it is the spoiling that the others are refused for. */
static bool is_welcomed(uint32_t cid, uint32_t port)
{
	static struct message m;
	uint8_t answer[MUX_HEADER_SIZE];
	int fd = connect_to(cid, port);
	bool result;

	hello(&m);
	result = fd >= 0 && send(fd, m.bytes, m.size, MSG_NOSIGNAL) == (ssize_t)m.size &&
		 recv(fd, answer, sizeof(answer), MSG_WAITALL) == sizeof(answer) &&
		 answer[6] == MUX_MSG_WELCOME;
	close(fd);
	return result;
}

static unsigned int attack(uint32_t cid, uint32_t port)
{
	unsigned int failures = 0;

	/* Not to the manager, which would wait for this guest's end. */
	if (port != MUX_PORT_MANAGER && !is_welcomed(cid, port)) {
		printf("garbage to CID %u: FAILED a good HELLO is not welcomed\n",
		       (unsigned int)cid);
		failures++;
	}

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		static struct message m;
		const char *failure;

		spoil(&m, i);
		failure = send_garbage(cid, port, &m);
		failures += failure != NULL;
		printf("garbage %02u to CID %u: %s: %s%s\n", (unsigned int)i, (unsigned int)cid,
		       kinds[i].name, failure == NULL ? "ok" : "FAILED ",
		       failure == NULL ? "" : failure);
	}
	return failures;
}

int main(int argc, char **argv)
{
	unsigned int failures = 0;

	if (argc < 3 || argc % 2 == 0) {
		printf("usage: garbage CID PORT [CID PORT]...\n");
		return 2;
	}
	for (int i = 1; i + 1 < argc; i += 2) {
		failures += attack((uint32_t)strtoul(argv[i], NULL, 0),
				   (uint32_t)strtoul(argv[i + 1], NULL, 0));
	}
	printf("garbage: %u not refused\n", failures);
	return failures == 0 ? 0 : 1;
}
