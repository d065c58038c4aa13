/* SPDX-License-Identifier: MIT */
#include "appliance/manager/partitions.h"

#include <inttypes.h>
#include <stdio.h>

#include "appliance/runtime/mux.h"

bool partitions_has_failed(uint32_t cid)
{
	struct mux_partition_info info;

	for (uint32_t i = 0; mux_partition_info(i, &info) >= 0; i++) {
		if (info.cid == cid) {
			return info.state == MUX_STATE_FAULTED ||
			       (info.state == MUX_STATE_EXITED && info.exit_code != 0);
		}
	}
	return false;
}

/* One row. A message is a packet with payload or without that the switch took or delivered. */
static void print_row(const char *name, const struct mux_stats *stats)
{
	uint64_t messages = stats->tx_packets + stats->rx_packets;
	uint64_t parts = messages ? messages : 1;
	uint64_t delivered = stats->rx_bytes ? stats->rx_bytes : 1;
	uint64_t exits = stats->exits * 100 / parts;
	uint64_t copied = stats->copied_bytes * 100 / delivered;

	printf("  %-10.10s %10" PRIu64 " %9" PRIu64 " %9" PRIu64 " %12" PRIu64 " %6" PRIu64
	       ".%02" PRIu64 " %9" PRIu64 " %5" PRIu64 ".%02" PRIu64 " %8" PRIu64 "\n",
	       name, stats->exits, stats->tx_packets, stats->rx_packets,
	       stats->tx_bytes + stats->rx_bytes, exits / 100, exits % 100,
	       stats->ring0_ticks / parts, copied / 100, copied % 100,
	       stats->refused_policy + stats->refused_address);
}

static void add(struct mux_stats *sum, const struct mux_stats *one)
{
	sum->exits += one->exits;
	sum->ring0_ticks += one->ring0_ticks;
	sum->tx_packets += one->tx_packets;
	sum->rx_packets += one->rx_packets;
	sum->tx_bytes += one->tx_bytes;
	sum->rx_bytes += one->rx_bytes;
	sum->copied_bytes += one->copied_bytes;
	sum->refused_policy += one->refused_policy;
	sum->refused_address += one->refused_address;
}

void partitions_print(void)
{
	struct mux_partition_info info;
	struct mux_stats sum = {0};
	struct mux_stats stats;
	char name[MUX_NAME_SIZE + 1];

	printf("\n  %-10s %10s %9s %9s %12s %9s %9s %8s %8s\n", "partition", "exits", "sent",
	       "received", "bytes", "exits/msg", "ticks/msg", "copied/B", "refused");
	for (uint32_t i = 0; mux_partition_info(i, &info) >= 0; i++) {
		if (mux_stats(info.cid, &stats) < 0) {
			continue;
		}
		snprintf(name, sizeof(name), "%.*s", (int)MUX_NAME_SIZE, info.name);
		print_row(name, &stats);
		add(&sum, &stats);
	}
	print_row("all", &sum);
	printf("  (msg: packets sent and received; ticks in ring 0; copied/B: bytes copied per "
	       "payload byte delivered)\n");
	fflush(stdout);
}
