/* SPDX-License-Identifier: MIT */
/*
 * What the hypervisor counts for each partition, in the table at the end. partitions_bare.c asks it
 * by hypercalls; partitions_host.c stands in where the manager runs as an ordinary process.
 */
#ifndef APPLIANCE_MANAGER_PARTITIONS_H
#define APPLIANCE_MANAGER_PARTITIONS_H

#include <stdint.h>

enum partitions_end {
	PARTITIONS_UNKNOWN, /* no hypervisor, or no such CID */
	PARTITIONS_RUNNING,
	PARTITIONS_SUCCEEDED, /* exit code 0 */
	PARTITIONS_FAILED,    /* a fault, or another exit code */
};

/* How the partition with this CID ended. */
enum partitions_end partitions_end_of(uint32_t cid);

/* Prints the table of partitions. */
void partitions_print(void);

#endif
