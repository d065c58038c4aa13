/* SPDX-License-Identifier: MIT */
/*
 * Instructions that the switch runs per packet: exact counts, by single steps. The parent process
 * steps the child between two marks; a repeated string instruction counts once for each
 * iteration, as it does in Bochs, whose TSC the other benches read.
 *
 * Counted: notify and all turns, from the kick to the last interrupt. Not counted: the drivers, the
 * transport's part of the kick and of the interrupt.
 */
#include "tests/unit/fake_driver.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS 4U

struct scenario {
	const char *name;
	uint32_t bytes;	   /* payload of a packet */
	uint32_t packets;  /* in a batch */
	uint32_t tx_cut;   /* bytes of the first TX segment (0: one segment) */
	uint32_t rx_cut;   /* ... of RX */
	uint32_t rx_bytes; /* room of a receive buffer, header not counted */
	bool contended;	   /* a second sender has packets waiting */
	bool refused;	   /* no rule permits it */
};

/* Shared with the parent. */
static volatile struct {
	bool counting;
} * shared;

static const struct scenario scenarios[] = {
	{"64 B lone", 64, 1, 0, 0, 4096, false, false},
	{"64 B x 32", 64, 32, 0, 0, 4096, false, false},
	{"64 B lone, header apart, indirect TX", 64, 1, 44, 44, 4096, false, false},
	{"64 B x 32, header apart, indirect TX", 64, 32, 44, 44, 4096, false, false},
	{"64 B x 32, receiver refills (round robin)", 64, 32, 0, 0, 4096, true, false},
	{"64 B lone, refused", 64, 1, 0, 0, 4096, false, true},
	{"4 KiB lone", 4096, 1, 0, 0, 4096, false, false},
	{"4 KiB x 32", 4096, 32, 0, 0, 4096, false, false},
	{"64 KiB lone, one buffer", 65536, 1, 0, 0, 65536, false, false},
	{"64 KiB x 4, one buffer each", 65536, 4, 0, 0, 65536, false, false},
	{"64 KiB lone, in buffers of 4 KiB", 65536, 1, 0, 0, 4096, false, false},
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* What a vCPU loop does after a kick. */
static void counted_kick(struct fake_guest *g, uint16_t queue)
{
	shared->counting = true;
	raise(SIGTRAP);
	vsock_device_ops.notify(g->port, queue);
	while (vsock_switch_has_work(g->port)) {
		vsock_switch_turn(g->port);
	}
	shared->counting = false;
}

static void post_buffers(struct fake_guest *g, const struct scenario *s)
{
	uint32_t room = s->rx_bytes + VSOCK_HEADER_SIZE;
	uint32_t lengths[3] = {room, 0, 0};

	if (s->rx_cut != 0) {
		lengths[0] = s->rx_cut;
		lengths[1] = room - s->rx_cut;
	}
	while (fake_post(g, VSOCK_QUEUE_RX, lengths, false) >= 0) {
	}
}

static void drain(struct fake_guest *g)
{
	static uint8_t payload[VSOCK_PART_MAX];
	struct vsock_header header;

	while (fake_receive(g, &header, payload, sizeof(payload)) >= 0) {
	}
	fake_reclaim_all(g);
}

static void send_batch(struct fake_guest *from, struct fake_guest *to, const struct scenario *s)
{
	struct vsock_header header = fake_rw(to, s->bytes);
	uint32_t lengths[3] = {s->tx_cut, VSOCK_HEADER_SIZE + s->bytes - s->tx_cut, 0};

	for (uint32_t i = 0; i < s->packets; i++) {
		if (fake_send(from, &header, NULL, s->tx_cut != 0 ? lengths : NULL) < 0) {
			die("send");
		}
	}
}

static void start(const struct scenario *s)
{
	uint16_t entries = s->bytes > 4096 || s->rx_bytes > 4096 ? 16 : 64;

	entries = s->rx_cut != 0 ? 128 : entries;
	fake_setup(3, NULL);
	for (unsigned i = 0; i < 3; i++) {
		if (fake_start(&fake_guests[i], FAKE_FEATURES_ALL,
			       s->bytes > s->rx_bytes ? 32 : entries, s->rx_bytes + 64, entries,
			       s->bytes + 64) != 0) {
			die("start");
		}
	}
}

static void run(const struct scenario *s)
{
	struct fake_guest *a = &fake_guests[0];
	struct fake_guest *b = &fake_guests[1];
	struct fake_guest *c = &fake_guests[2];

	start(s);
	if (!s->refused) {
		fake_permit(a, b);
		fake_permit(c, b);
	}
	for (unsigned round = 0; round < ROUNDS; round++) {
		send_batch(a, b, s);
		if (s->contended) {
			send_batch(c, b, s);
			fake_kick(c, VSOCK_QUEUE_TX);
			fake_kick(a, VSOCK_QUEUE_TX);
			fake_run();
			post_buffers(b, s);
			counted_kick(b, VSOCK_QUEUE_RX);
		} else {
			post_buffers(b, s);
			post_buffers(a, s);
			counted_kick(a, VSOCK_QUEUE_TX);
		}
		for (unsigned i = 0; i < 3; i++) {
			drain(&fake_guests[i]);
		}
	}
	fake_teardown();
}

/* Steps until the child clears the flag; the steps so far. */
static unsigned long count_steps(pid_t child)
{
	unsigned long steps = 0;
	int status;

	while (shared->counting) {
		if (ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) != 0 ||
		    waitpid(child, &status, 0) != child || !WIFSTOPPED(status)) {
			die("single step");
		}
		steps++;
	}
	return steps;
}

static unsigned long measure(const struct scenario *s)
{
	unsigned long last = 0;
	pid_t child = fork();
	int status;

	if (child == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) {
			die("ptrace");
		}
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		run(s);
		_exit(0);
	}
	/* The last round counts: the first ones touch what is cold. */
	while (waitpid(child, &status, 0) == child && WIFSTOPPED(status)) {
		if (shared->counting) {
			last = count_steps(child);
		}
		ptrace(PTRACE_CONT, child, NULL, NULL);
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		die("scenario failed");
	}
	return last;
}

/* The marks themselves: a scenario in which nothing runs between them. */
static unsigned long measure_marks(void)
{
	unsigned long steps = 0;
	pid_t child = fork();
	int status;

	if (child == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		shared->counting = true;
		raise(SIGTRAP);
		shared->counting = false;
		_exit(0);
	}
	while (waitpid(child, &status, 0) == child && WIFSTOPPED(status)) {
		if (shared->counting) {
			steps = count_steps(child);
		}
		ptrace(PTRACE_CONT, child, NULL, NULL);
	}
	return steps;
}

int main(void)
{
	unsigned long marks;

	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED) {
		die("mmap");
	}
	alarm(600); /* the children die with their tracer */
	marks = measure_marks();
	printf("%-45s %12s %12s %12s\n", "switch, instructions per packet", "all", "copying",
	       "the rest");
	for (size_t i = 0; i < ARRAY_COUNT(scenarios); i++) {
		const struct scenario *s = &scenarios[i];
		uint32_t packets = s->contended ? 2 * s->packets : s->packets;
		unsigned long each = (measure(s) - marks) / packets;
		unsigned long copying = s->refused ? 0 : s->bytes / 8;

		printf("%-45s %12lu %12lu %12lu\n", s->name, each, copying, each - copying);
	}
	return 0;
}
