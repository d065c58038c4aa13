/* SPDX-License-Identifier: MIT */
#include "appliance/manager/partitions.h"

#include <inttypes.h>
#include <stdio.h>

#include "appliance/runtime/mux.h"

static enum partitions_end end_of(const struct mux_partition_info *info)
{
	switch (info->state) {
	case MUX_STATE_EXITED:
		return info->exit_code == 0 ? PARTITIONS_SUCCEEDED : PARTITIONS_FAILED;
	case MUX_STATE_FAULTED: return PARTITIONS_FAILED;
	case MUX_STATE_OFF: return PARTITIONS_UNKNOWN;
	default: return PARTITIONS_RUNNING;
	}
}

enum partitions_end partitions_end_of(uint32_t cid)
{
	struct mux_partition_info info;

	for (uint32_t i = 0; mux_partition_info(i, &info) >= 0; i++) {
		if (info.cid == cid) {
			return end_of(&info);
		}
	}
	return PARTITIONS_UNKNOWN;
}

/* One row. A message is a packet that the switch took from the partition or delivered to it. Exits
 * for the console's characters say nothing about messages, and have a column of their own. */
static void print_row(const char *name, const struct mux_stats *stats)
{
	uint64_t messages = stats->tx_packets + stats->rx_packets;
	uint64_t parts = messages ? messages : 1;
	uint64_t delivered = stats->rx_bytes ? stats->rx_bytes : 1;
	uint64_t console = stats->exits_by_kind[MUX_EXIT_KIND_IO];
	uint64_t exits = (stats->exits - console) * 100 / parts;
	uint64_t copied = stats->copied_bytes * 100 / delivered;

	printf("  %-10.10s %9" PRIu64 " %9" PRIu64 " %9" PRIu64 " %9" PRIu64 " %12" PRIu64
	       " %6" PRIu64 ".%02" PRIu64 " %9" PRIu64 " %10" PRIu64 " %5" PRIu64 ".%02" PRIu64
	       " %8" PRIu64 "\n",
	       name, stats->exits - console, console, stats->tx_packets, stats->rx_packets,
	       stats->tx_bytes + stats->rx_bytes, exits / 100, exits % 100,
	       stats->ring0_ticks / parts, stats->switch_ticks / parts, copied / 100, copied % 100,
	       stats->refused_policy + stats->refused_address);
}

static void add(struct mux_stats *sum, const struct mux_stats *one)
{
	sum->exits += one->exits;
	sum->exits_by_kind[MUX_EXIT_KIND_IO] += one->exits_by_kind[MUX_EXIT_KIND_IO];
	sum->ring0_ticks += one->ring0_ticks;
	sum->switch_ticks += one->switch_ticks;
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

	printf("\n  %-10s %9s %9s %9s %9s %12s %9s %9s %10s %8s %8s\n", "partition", "exits",
	       "console", "sent", "received", "bytes", "exits/msg", "ticks/msg", "switch/msg",
	       "copied/B", "refused");
	for (uint32_t i = 0; mux_partition_info(i, &info) >= 0; i++) {
		if (mux_stats(info.cid, &stats) < 0) {
			continue;
		}
		snprintf(name, sizeof(name), "%.*s", (int)MUX_NAME_SIZE, info.name);
		print_row(name, &stats);
		add(&sum, &stats);
	}
	print_row("all", &sum);
	printf("  (console: exits for console output, not in the others; msg: packet sent or "
	       "received;\n   ticks: in ring 0, of that in the switch; in Bochs a tick is an "
	       "instruction;\n   copied/B: bytes copied per payload byte delivered)\n");
	fflush(stdout);
}
