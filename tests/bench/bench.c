/* SPDX-License-Identifier: MIT */
/*
 * Messages between two partitions, counted by ring 0 itself.
 *   bench serve PORT [poll]              answers what `drive` asks for
 *   bench drive CID PORT [poll]          measures, prints lines `BENCH name value`, and ends the
 * machine
 *
 * The first byte of a message says what the server does with it: 'e' echo it, 's' drop it, 'a' drop
 * it and answer with one byte. Counts are sums over both partitions, from MUX_HC_STATS; in Bochs
 * one TSC tick is one instruction. `poll`: the drivers poll, so that nobody halts.
 */
#include "appliance/runtime/mux.h"

#include <errno.h>
#include <linux/vm_sockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SIZE_MAX_BYTES 65536U
#define MSR_APIC_BASE  0x1bU
#define EXIT_ROUNDS    1000U
#define CONNECT_TRIES  100
#define CONNECT_PAUSE  50000U /* microseconds */

static uint8_t buffer[SIZE_MAX_BYTES];
static uint32_t server_cid;

struct counts {
	uint64_t messages; /* one-way messages with payload */
	uint64_t payload;
	uint64_t exits, ring0, switching, copied, kicks, packets;
};

static void die(const char *what)
{
	printf("bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void add_stats(struct counts *counts, uint32_t cid, int sign)
{
	struct mux_stats stats;
	uint64_t factor = (uint64_t)(int64_t)sign;

	if (mux_stats(cid, &stats) < 0) {
		die("stats (the manifest must give the manager right)");
	}
	counts->exits += factor * stats.exits;
	counts->ring0 += factor * stats.ring0_ticks;
	counts->switching += factor * stats.switch_ticks;
	counts->copied += factor * stats.copied_bytes;
	counts->kicks += factor * stats.kicks;
	counts->packets += factor * stats.tx_packets;
}

static void counts_begin(struct counts *counts)
{
	memset(counts, 0, sizeof(*counts));
	add_stats(counts, server_cid, -1);
	add_stats(counts, 0, -1);
}

/* The call that reads this side's counters at the end is an exit too, the only one of the four that
 * lies between the readings. */
static void counts_end(struct counts *counts, uint64_t messages, uint64_t size)
{
	add_stats(counts, 0, 1);
	add_stats(counts, server_cid, 1);
	counts->exits -= 1;
	counts->messages = messages;
	counts->payload = messages * size;
}

static void print_value(const char *name, size_t size, const char *unit, uint64_t value,
			uint64_t per)
{
	printf("BENCH %s-%zu %s %llu.%02llu\n", name, size, unit, (unsigned long long)(value / per),
	       (unsigned long long)(value * 100 / per % 100));
}

static void counts_print(const struct counts *counts, const char *name, size_t size)
{
	print_value(name, size, "exits/message", counts->exits, counts->messages);
	print_value(name, size, "ring0-ticks/message", counts->ring0, counts->messages);
	print_value(name, size, "switch-ticks/message", counts->switching, counts->messages);
	print_value(name, size, "kicks/message", counts->kicks, counts->messages);
	print_value(name, size, "packets/message", counts->packets, counts->messages);
	print_value(name, size, "copied/payload", counts->copied, counts->payload);
}

static void send_all(int fd, size_t size, int flags)
{
	if (send(fd, buffer, size, flags) != (ssize_t)size) {
		die("send");
	}
}

static void receive(int fd)
{
	if (recv(fd, buffer, sizeof(buffer), 0) <= 0) {
		die("recv");
	}
}

static void ping_pong(int fd, size_t size, unsigned int rounds)
{
	struct counts counts;

	buffer[0] = 'e';
	send_all(fd, size, 0);
	receive(fd);
	counts_begin(&counts);
	for (unsigned int i = 0; i < rounds; i++) {
		buffer[0] = 'e';
		send_all(fd, size, 0);
		receive(fd);
	}
	counts_end(&counts, 2ULL * rounds, size);
	counts_print(&counts, "idle", size);
}

static void stream(int fd, size_t size, unsigned int batches, unsigned int batch, const char *name)
{
	struct counts counts;

	counts_begin(&counts);
	for (unsigned int i = 0; i < batches; i++) {
		for (unsigned int j = 1; j <= batch; j++) {
			bool is_last = i + 1 == batches && j == batch;

			buffer[0] = is_last ? 'a' : 's';
			send_all(fd, size, j == batch ? 0 : MSG_MORE);
		}
	}
	receive(fd);
	counts_end(&counts, (uint64_t)batches * batch, size);
	counts_print(&counts, name, size);
}

static int open_socket(void)
{
	int fd = socket(AF_VSOCK, SOCK_SEQPACKET, 0);

	if (fd < 0) {
		die("socket");
	}
	return fd;
}

static int connect_server(unsigned int port)
{
	struct sockaddr_vm address = {
		.svm_family = AF_VSOCK, .svm_cid = server_cid, .svm_port = port};

	for (int i = 0; i < CONNECT_TRIES; i++) {
		int fd = open_socket();

		if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
			return fd;
		}
		close(fd);
		usleep(CONNECT_PAUSE);
	}
	die("connect");
	return -1;
}

static void exit_by_cpuid(void)
{
	uint32_t eax = MUX_CPUID_SIGNATURE, ebx, ecx = 0, edx;

	__asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
}

static void exit_by_hypercall(void)
{
	mux_abi_version();
}

static void exit_by_msr(void)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(MSR_APIC_BASE));
}

static void exit_by_port(void)
{
	__asm__ volatile("outb %%al, $0x80" : : "a"(0));
}

/* Ring 0's part of one exit that it answers without anybody else. */
static void measure_exits(void)
{
	static const struct {
		const char *name;
		void (*act)(void);
	} kinds[] = {{"cpuid", exit_by_cpuid},
		     {"hypercall", exit_by_hypercall},
		     {"msr", exit_by_msr},
		     {"port", exit_by_port}};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct counts counts;

		counts_begin(&counts);
		for (unsigned int round = 0; round < EXIT_ROUNDS; round++) {
			kinds[i].act();
		}
		counts_end(&counts, EXIT_ROUNDS, 1);
		printf("BENCH exit-%s ring0-ticks/exit %llu.%02llu\n", kinds[i].name,
		       (unsigned long long)(counts.ring0 / counts.exits),
		       (unsigned long long)(counts.ring0 * 100 / counts.exits % 100));
	}
}

static int drive(unsigned int port)
{
	int fd = connect_server(port);

	measure_exits();
	for (size_t size = 64; size <= SIZE_MAX_BYTES; size = size == 64 ? 4096 : size * 16) {
		ping_pong(fd, size, 200);
		stream(fd, size, size > 4096 ? 50 : 400, 1, "single");
		stream(fd, size, size > 4096 ? 3 : 30, 32, "batch32");
	}
	return 0;
}

static int serve(unsigned int port)
{
	struct sockaddr_vm address = {
		.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = port};
	int listener = open_socket();
	int fd;

	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(listener, 1) != 0) {
		die("listen");
	}
	fd = accept(listener, NULL, NULL);
	for (;;) {
		ssize_t got = recv(fd, buffer, sizeof(buffer), 0);

		if (got <= 0) {
			return 0;
		}
		if (buffer[0] == 'e') {
			send_all(fd, (size_t)got, 0);
		} else if (buffer[0] == 'a') {
			send_all(fd, 1, 0);
		}
	}
}

int main(int argc, char **argv)
{
	struct mux_vsock_config config = MUX_VSOCK_CONFIG_DEFAULT;
	bool is_driver = argc > 3 && strcmp(argv[1], "drive") == 0;

	if (argc < 3 || (!is_driver && strcmp(argv[1], "serve") != 0)) {
		printf("usage: bench serve PORT [poll] | bench drive CID PORT [poll]\n");
		return 2;
	}
	config.rx_buffer_size = SIZE_MAX_BYTES;
	config.tx_buffer_size = SIZE_MAX_BYTES;
	config.busy_poll = strcmp(argv[argc - 1], "poll") == 0;
	if (mux_vsock_configure(&config) != 0) {
		die("configuration of the driver");
	}
	server_cid = is_driver ? (uint32_t)strtoul(argv[2], NULL, 0) : 0;
	return is_driver ? drive((unsigned int)strtoul(argv[3], NULL, 0))
			 : serve((unsigned int)strtoul(argv[2], NULL, 0));
}
