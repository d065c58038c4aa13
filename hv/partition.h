/* SPDX-License-Identifier: MIT */
/*
 * Partitions: built once at boot from the manifest, then started, stopped and restarted on their
 * own.
 *
 * Life: OFF -> RUNNING -> STOPPING -> OFF | EXITED | FAULTED -> (restart) RUNNING. `state` is
 * changed under `control`; the last vCPU to park in STOPPING does the clean-up on its own CPU.
 * Memory is zeroed and filled from the manifest's segments in small steps by vCPU 0's CPU, in its
 * own time slices, so that a start costs other partitions nothing beyond their share (invariant
 * I7).
 */
#ifndef HV_PARTITION_H
#define HV_PARTITION_H

#include <stdatomic.h>

#include "hv/guest_mem.h"
#include "hv/lock.h"
#include "hv/vcpu.h"
#include "hv/vpci/virtio_pci.h"
#include "hv/vuart.h"
#include "muxvisor/manifest.h"

struct vsock_port;

struct partition {
	const struct mux_partition_record *record; /* in the blob, read-only */
	uint32_t index;
	uint32_t cid;
	char name[MUX_NAME_SIZE];
	struct guest_mem mem;
	uint64_t nested_root; /* of its nested page tables, as the backend hands it to the CPU */

	struct spinlock device_lock; /* vpci, vuart, clock_index */
	uint8_t clock_index;	     /* of the real-time clock's register */
	struct vpci vpci;
	struct vuart vuart;
	struct virtio_pci transport; /* of the vsock device */
	struct vsock_port *port;     /* NULL without a vsock device */

	struct spinlock control; /* the following */
	_Atomic uint32_t state;	 /* enum mux_partition_state; read without the lock too */
	uint32_t final_state;	 /* what STOPPING leads to */
	uint32_t exit_code;
	uint32_t restarts;
	bool restart_wanted;	/* by the manager: restart whatever the policy says */
	uint32_t running_vcpus; /* that have not parked yet */

	/* Loading, by vCPU 0's CPU. */
	uint64_t load_zeroed;  /* bytes of memory zeroed so far */
	uint32_t load_segment; /* segment being copied */
	uint64_t load_offset;  /* in it */

	uint32_t vcpu_count;
	struct vcpu *vcpu[MUX_VCPUS_MAX];
};

/* Boot: builds all partitions of the blob, and the switch's ports and policy. Panics when the
 * machine lacks memory or CPUs, with the numbers. */
void partition_build_all(const void *blob);

/* Boot: one more partition, empty, for partition_build_all. The blob has at most
 * MUX_PARTITIONS_MAX. */
struct partition *partition_add(const struct mux_partition_record *record);

uint32_t partition_count(void);
struct partition *partition_get(uint32_t index);
struct partition *partition_find(uint32_t cid); /* NULL: none */

/* Any CPU. -EBUSY: not in a state for that. */
int partition_start(struct partition *partition);
int partition_stop(struct partition *partition, bool restart);

/* The partition ends by itself: exit code, or a fault that ring 0 found. From one of its vCPUs. */
void partition_exit(struct partition *partition, uint32_t code);
void partition_fault(struct partition *partition);

/* Whether its stops and starts are still told, so that one that fails and restarts for ever does
 * not flood the log. Any CPU. */
bool partition_is_logged(const struct partition *partition);

/* One vCPU of a STOPPING partition leaves the CPU; the last one finishes the stop. Owner CPU. */
void partition_park(struct vcpu *vcpu);

/* One step of loading (bounded to LOAD_STEP bytes). True when vCPU 0 is ready to run. */
bool partition_load_step(struct partition *partition);

/* Sums of the counters of all its vCPUs and its port. */
void partition_stats(struct partition *partition, struct mux_stats *stats);

/* Boot table of partitions for the log. */
void partition_log_all(void);

#endif
