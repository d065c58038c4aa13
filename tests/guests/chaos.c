/* SPDX-License-Identifier: MIT */
/*
 * chaos restart|stop CID KIBIBYTES [TIMES]: restarts or stops a partition when it has received so
 * many more kibibytes, TIMES times. Needs the manager right. Exit code 0 when all was done.
 */
#include "appliance/runtime/mux.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOK_US 2000U

static uint64_t received(uint32_t cid)
{
	struct mux_stats stats;
	int result = mux_stats(cid, &stats);

	if (result < 0) {
		printf("chaos: statistics of CID %u: %s\n", (unsigned int)cid, strerror(-result));
		exit(1);
	}
	return stats.rx_bytes;
}

int main(int argc, char **argv)
{
	bool is_stop = argc > 3 && strcmp(argv[1], "stop") == 0;
	uint32_t cid = argc > 3 ? (uint32_t)strtoul(argv[2], NULL, 0) : 0;
	uint64_t step = argc > 3 ? strtoull(argv[3], NULL, 0) << 10 : 0;
	unsigned long times = argc > 4 ? strtoul(argv[4], NULL, 0) : 1;

	if (step == 0) {
		printf("usage: chaos restart|stop CID KIBIBYTES [TIMES]\n");
		return 2;
	}
	for (uint64_t next = step; times > 0; next += step, times--) {
		int result;

		while (received(cid) < next) {
			usleep(LOOK_US);
		}
		result = mux_partition_control(cid,
					       is_stop ? MUX_CONTROL_STOP : MUX_CONTROL_RESTART);
		printf("chaos: %s of CID %u: %s\n", argv[1], (unsigned int)cid,
		       result == 0 ? "done" : strerror(-result));
		if (result != 0) {
			return 1;
		}
	}
	return 0;
}
