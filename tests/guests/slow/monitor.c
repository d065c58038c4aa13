// SPDX-License-Identifier: MIT
/*
 * Measures the progress of the pair 21 -> 20 alone and beside three other pairs, whose receivers
 * read, stop reading, or have no receive buffers. Ends the machine: with success when none
 * costs the pair more than its share.
 */
#include "appliance/runtime/mux.h"

#include <stdio.h>
#include <unistd.h>

#define PAIR	   21U
#define MEASURE_US 200000U
#define SETTLE_US  100000U
#define TOLERANCE  10U /* percent points */
#define RATE_TICKS 1000000000U
#define UNREAD_MAX 0x100000U /* bytes that a receiver which does not read may take */

struct beside {
	const char *name;
	uint32_t sink, pour;
	unsigned int fair;	   /* percent: the pair's part of those that are busy on one CPU */
	unsigned int share;	   /* of the pair, percent */
	uint64_t taken, exchanges; /* bytes by the sink, packets back to the pourer, meanwhile */
};

static struct beside besides[] = {
	{.name = "a receiver that reads", .sink = 40, .pour = 50, .fair = 40},
	{.name = "a receiver that stops reading", .sink = 41, .pour = 51, .fair = 50},
	{.name = "a receiver without buffers", .sink = 42, .pour = 52, .fair = 50},
};
static bool has_failed;

static struct mux_stats stats_of(uint32_t cid)
{
	struct mux_stats stats = {0};

	mux_stats(cid, &stats);
	return stats;
}

/* Packets of the pair per RATE_TICKS. */
static unsigned int measure(void)
{
	struct mux_stats before = stats_of(PAIR), after;

	usleep(MEASURE_US);
	after = stats_of(PAIR);
	return (unsigned int)((after.rx_packets - before.rx_packets) * RATE_TICKS /
			      (after.ticks_now - before.ticks_now));
}

static void require(bool condition, const char *what, const char *beside)
{
	if (!condition) {
		printf("slow: FAILED %s beside %s\n", what, beside);
		has_failed = true;
	}
}

static void measure_beside(struct beside *b, unsigned int alone)
{
	struct mux_stats sink, pour;
	unsigned int packets;

	require(mux_partition_control(b->sink, MUX_CONTROL_START) == 0, "no sink", b->name);
	require(mux_partition_control(b->pour, MUX_CONTROL_START) == 0, "no sender", b->name);
	usleep(SETTLE_US);
	sink = stats_of(b->sink);
	pour = stats_of(b->pour);
	packets = measure();
	b->share = packets * 100 / alone;
	b->taken = stats_of(b->sink).rx_bytes - sink.rx_bytes;
	b->exchanges = stats_of(b->pour).rx_packets - pour.rx_packets;
	printf("slow: beside %s: %u packets, %u %%; its receiver took %u bytes, its sender %u "
	       "packets\n",
	       b->name, packets, b->share, (unsigned)b->taken, (unsigned)b->exchanges);
	require(b->share + TOLERANCE >= b->fair, "the pair got too little", b->name);
	require(b->exchanges > 10, "the sender stands still", b->name);
	mux_partition_control(b->pour, MUX_CONTROL_STOP);
	mux_partition_control(b->sink, MUX_CONTROL_STOP);
	usleep(SETTLE_US);
}

int main(void)
{
	unsigned int alone;

	setvbuf(stdout, NULL, _IOLBF, 0);
	usleep(SETTLE_US);
	alone = measure();
	printf("slow: alone: %u packets in a billion ticks\n", alone);
	if (alone == 0) {
		mux_machine_off(1);
		return 1;
	}
	for (size_t i = 0; i < 3; i++) {
		measure_beside(&besides[i], alone);
	}
	require(besides[0].taken > UNREAD_MAX, "its receiver reads nothing", besides[0].name);
	require(besides[1].taken <= UNREAD_MAX, "its receiver reads", besides[1].name);
	require(stats_of(besides[2].sink).rx_packets == 0, "its receiver receives",
		besides[2].name);
	printf("slow: %s\n", has_failed ? "FAILED" : "no receiver slowed the pair");
	mux_machine_off(has_failed ? 1 : 0);
	return 1;
}
