/* SPDX-License-Identifier: MIT */
/*
 * What the hypervisor counts for each partition, in the table at the end. partitions_bare.c asks it
 * by hypercalls; partitions_host.c stands in where the manager runs as an ordinary process.
 */
#ifndef APPLIANCE_MANAGER_PARTITIONS_H
#define APPLIANCE_MANAGER_PARTITIONS_H

#include <stdbool.h>
#include <stdint.h>

/* Did the partition with this CID end by a fault or with an exit code other than 0? */
bool partitions_has_failed(uint32_t cid);

/* Prints the table of partitions. */
void partitions_print(void);

#endif
