/* SPDX-License-Identifier: MIT */
/*
 * Watches another partition: monitor CID. Prints `BENCH monitor TICKS` when it starts, then once a
 * second `SAMPLE MILLISECONDS EXITS RING0_TICKS` and the exits of each kind (enum mux_exit_kind),
 * all since the start, of the partition with that CID. Needs the manager right. It never ends by
 * itself.
 */
#include "appliance/runtime/mux.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define KINDS (MUX_EXIT_KIND_OTHER + 1)

static void sample(uint32_t cid)
{
	struct mux_stats stats;

	if (mux_stats(cid, &stats) < 0) {
		printf("monitor: no figures of CID %u: the manifest must give the manager right\n",
		       (unsigned int)cid);
		exit(1);
	}
	printf("SAMPLE %llu %llu %llu", (unsigned long long)(stats.ticks_now / mux_tsc_khz()),
	       (unsigned long long)stats.exits, (unsigned long long)stats.ring0_ticks);
	for (int kind = 0; kind < KINDS; kind++) {
		printf(" %llu", (unsigned long long)stats.exits_by_kind[kind]);
	}
	printf("\n");
}

int main(int argc, char **argv)
{
	printf("BENCH monitor %llu\n", (unsigned long long)mux_tsc());
	if (argc != 2) {
		printf("usage: monitor CID\n");
		return 2;
	}
	for (;;) {
		usleep(1000000);
		sample((uint32_t)strtoul(argv[1], NULL, 0));
	}
}
