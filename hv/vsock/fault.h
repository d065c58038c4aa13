/* SPDX-License-Identifier: MIT */
/*
 * What a driver can do wrong with its queues. Any of these stops its port until it resets the
 * device; docs/switch.md explains each. No state, no lock.
 */
#ifndef HV_VSOCK_FAULT_H
#define HV_VSOCK_FAULT_H

enum vsock_fault {
	VSOCK_FAULT_NONE = 0,
	/* queue_enable (virtio 1.2, 2.7) */
	VSOCK_FAULT_QUEUE_SIZE,
	VSOCK_FAULT_QUEUE_ALIGNMENT,
	VSOCK_FAULT_QUEUE_ADDRESS,
	VSOCK_FAULT_QUEUE_MISSING,
	VSOCK_FAULT_QUEUE_LATE,
	/* available ring (2.7.6) */
	VSOCK_FAULT_AVAIL_JUMP,
	VSOCK_FAULT_HEAD_RANGE,
	VSOCK_FAULT_HEAD_BUSY,
	/* descriptors (2.7.5) */
	VSOCK_FAULT_NEXT_RANGE,
	VSOCK_FAULT_LOOP,
	VSOCK_FAULT_SEGMENTS,
	VSOCK_FAULT_LENGTH_ZERO,
	VSOCK_FAULT_LENGTH_TOTAL,
	VSOCK_FAULT_ADDRESS,
	VSOCK_FAULT_ADDRESS_WRAP,
	VSOCK_FAULT_NOT_READABLE,
	VSOCK_FAULT_NOT_WRITABLE,
	/* indirect tables (2.7.5.3) */
	VSOCK_FAULT_INDIRECT_FEATURE,
	VSOCK_FAULT_INDIRECT_NEXT,
	VSOCK_FAULT_INDIRECT_LENGTH,
	VSOCK_FAULT_INDIRECT_ADDRESS,
	VSOCK_FAULT_INDIRECT_NESTED,
	/* buffers (5.10.6) */
	VSOCK_FAULT_TX_SHORT,
	VSOCK_FAULT_RX_SHORT,
	VSOCK_FAULT_COUNT,
};

/* A few words for the log, never NULL. */
const char *vsock_fault_text(enum vsock_fault fault);

#endif
