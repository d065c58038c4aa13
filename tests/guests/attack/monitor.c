// SPDX-License-Identifier: MIT
/*
 * monitor CID...: lets one attack partition after the other make all its attacks, restarts those
 * that hang, and measures how far the bystanders get meanwhile. Ends the machine: with success when
 * nobody but the attackers suffered.
 *
 * A bystander must never stand still, and during an attack that lasts it must keep at least half of
 * its undisturbed progress, as far as it shares nothing but the CPU with the attacker.
 */
#include "appliance/runtime/mux.h"

#include <errno.h>
#include <linux/vm_sockets.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORT	      1U
#define SAMPLE_MS     2
#define BASE_TICKS    (200 * mux_tsc_khz())
#define LONG_TICKS    (100 * mux_tsc_khz()) /* attacks that last so long are measured */
#define SILENCE_TICKS (30 * mux_tsc_khz())  /* of a bystander: an error */
#define HANG_TICKS    (440 * mux_tsc_khz()) /* of an attack */
#define SHARE_MIN     50U		    /* percent */
#define BYSTANDERS    2U

struct bystander {
	uint32_t cid;
	bool is_measured; /* shares no server with the attacker */
	uint64_t packets; /* at the last look */
	uint64_t moved;	  /* TSC at which they last changed */
	uint64_t base;	  /* packets in BASE_TICKS with no attacker */
};

static struct bystander bystanders[BYSTANDERS] = {
	{.cid = 21, .is_measured = true},
	{.cid = 23},
};
static bool has_failed;

/* The attack that runs. */
static struct {
	uint32_t cid;
	uint64_t number; /* restarts of its partition */
	uint64_t start;
	uint64_t packets[BYSTANDERS];
	unsigned int hangs;
} current;

static struct mux_stats stats_of(uint32_t cid)
{
	struct mux_stats stats = {0};

	if (mux_stats(cid, &stats) != 0) {
		printf("monitor: FAILED no counters of CID %u\n", (unsigned)cid);
		has_failed = true;
	}
	return stats;
}

static void look(struct bystander *b)
{
	uint64_t packets = stats_of(b->cid).rx_packets;
	uint64_t now = mux_tsc();

	if (packets != b->packets || b->moved == 0) {
		b->packets = packets;
		b->moved = now;
	} else if (now - b->moved > SILENCE_TICKS) {
		printf("monitor: FAILED CID %u stands still for %u ticks, attack %u of CID %u\n",
		       (unsigned)b->cid, (unsigned)(now - b->moved), (unsigned)current.number,
		       (unsigned)current.cid);
		has_failed = true;
		b->moved = now;
	}
}

static void look_at_all(void)
{
	for (uint32_t i = 0; i < BYSTANDERS; i++) {
		look(&bystanders[i]);
	}
}

static void begin(uint64_t number)
{
	current.number = number;
	current.start = mux_tsc();
	for (uint32_t i = 0; i < BYSTANDERS; i++) {
		current.packets[i] = bystanders[i].packets;
	}
}

/* Percent of a bystander's undisturbed progress since `begin`. */
static unsigned int share(uint32_t i, uint64_t ticks)
{
	uint64_t packets = bystanders[i].packets - current.packets[i];

	return (unsigned int)(packets * 100 * BASE_TICKS / (bystanders[i].base * ticks));
}

static void end(void)
{
	uint64_t ticks = mux_tsc() - current.start;

	if (ticks < LONG_TICKS) {
		return;
	}
	printf("monitor: attack %02u of CID %u lasted %u ticks: bystanders at %u %% and %u %%\n",
	       (unsigned)current.number, (unsigned)current.cid, (unsigned)ticks, share(0, ticks),
	       share(1, ticks));
	for (uint32_t i = 0; i < BYSTANDERS; i++) {
		if (bystanders[i].is_measured && share(i, ticks) < SHARE_MIN) {
			printf("monitor: FAILED CID %u got too little\n",
			       (unsigned)bystanders[i].cid);
			has_failed = true;
		}
	}
}

static void measure_base(void)
{
	uint64_t start;

	look_at_all();
	start = mux_tsc();
	begin(0);
	while (mux_tsc() - start < BASE_TICKS) {
		usleep(SAMPLE_MS * 1000);
		look_at_all();
	}
	for (uint32_t i = 0; i < BYSTANDERS; i++) {
		bystanders[i].base = (bystanders[i].packets - current.packets[i]) * BASE_TICKS /
				     (mux_tsc() - start);
		printf("monitor: CID %u receives %u packets in %u ticks\n",
		       (unsigned)bystanders[i].cid, (unsigned)bystanders[i].base,
		       (unsigned)BASE_TICKS);
		if (bystanders[i].base == 0) {
			printf("monitor: FAILED no base\n");
			mux_machine_off(1);
		}
	}
}

static void sample(void)
{
	uint64_t number;

	look_at_all();
	number = stats_of(current.cid).restarts;
	if (number != current.number) {
		end();
		begin(number);
	} else if (mux_tsc() - current.start > HANG_TICKS) {
		end();
		printf("monitor: attack %02u of CID %u hangs\n", (unsigned)number,
		       (unsigned)current.cid);
		current.hangs++;
		mux_partition_control(current.cid, MUX_CONTROL_RESTART);
		begin(number);
	}
}

/* Until the attacker reports with the number of attacks that should hang. */
static void watch(int listener, uint32_t cid)
{
	struct pollfd fd = {.fd = listener, .events = POLLIN};
	uint8_t hangs = 0;
	int peer;

	current.cid = cid;
	current.hangs = 0;
	begin(0);
	if (mux_partition_control(cid, MUX_CONTROL_START) != 0) {
		printf("monitor: FAILED CID %u does not start\n", (unsigned)cid);
		has_failed = true;
		return;
	}
	while (poll(&fd, 1, SAMPLE_MS) == 0) {
		sample();
	}
	peer = accept(listener, NULL, NULL);
	if (peer < 0 || recv(peer, &hangs, 1, 0) != 1 || hangs != current.hangs) {
		printf("monitor: FAILED %u attacks of CID %u hung instead of %u\n", current.hangs,
		       (unsigned)cid, hangs);
		has_failed = true;
	}
	close(peer);
	mux_partition_control(cid, MUX_CONTROL_STOP);
	printf("monitor: CID %u done, %u attacks, %u hung\n", (unsigned)cid,
	       (unsigned)current.number, current.hangs);
}

/* Nobody but the attackers has stopped or restarted. */
static void check_partitions(int argc, char **argv)
{
	struct mux_partition_info info;

	for (uint32_t i = 0; mux_partition_info(i, &info) == 0; i++) {
		bool is_attacker = false;

		for (int a = 1; a < argc; a++) {
			is_attacker |= (uint32_t)atoi(argv[a]) == info.cid;
		}
		if (!is_attacker &&
		    ((info.state != MUX_STATE_RUNNING && info.state != MUX_STATE_OFF) ||
		     info.restarts != 0)) {
			printf("monitor: FAILED %s has suffered\n", info.name);
			has_failed = true;
		}
	}
}

/* What rules have permitted, and rules that come and go. */
static void check_policy(void)
{
	const struct mux_rule_record used = {21, 20, 9000, 9000};
	const struct mux_rule_record extra = {21, 22, 7, 7};
	int64_t count = mux_policy_count(&used);
	bool is_right = count > 0 && mux_policy_count(&extra) == -ENOENT &&
			mux_policy_add(&extra) == 0 && mux_policy_count(&extra) == 0 &&
			mux_policy_add(&extra) == -EEXIST && mux_policy_remove(&extra) == 0 &&
			mux_policy_remove(&extra) == -ENOENT;

	printf("monitor: %srule of CID 21 to 20 permitted %u packets\n", is_right ? "" : "FAILED ",
	       (unsigned)count);
	has_failed |= !is_right;
}

static int open_listener(void)
{
	struct sockaddr_vm address = {
		.svm_family = AF_VSOCK,
		.svm_cid = VMADDR_CID_ANY,
		.svm_port = PORT,
	};
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(fd, 4) != 0) {
		printf("monitor: FAILED to listen\n");
		mux_machine_off(1);
	}
	return fd;
}

int main(int argc, char **argv)
{
	int listener = open_listener();

	setvbuf(stdout, NULL, _IOLBF, 0);
	usleep(50000); /* the bystanders connect */
	measure_base();
	for (int i = 1; i < argc; i++) {
		watch(listener, (uint32_t)atoi(argv[i]));
	}
	begin(0);
	while (mux_tsc() - current.start < 2 * SILENCE_TICKS) {
		usleep(SAMPLE_MS * 1000);
		look_at_all();
	}
	check_partitions(argc, argv);
	check_policy();
	printf("monitor: %s\n", has_failed ? "FAILED" : "everything held");
	mux_machine_off(has_failed ? 1 : 0);
	return 1;
}
