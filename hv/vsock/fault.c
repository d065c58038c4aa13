/* SPDX-License-Identifier: MIT */
/*
 * Texts of the faults. No state, no lock.
 */
#include "hv/vsock/fault.h"

#include "hv/types.h"

static const char *const texts[VSOCK_FAULT_COUNT] = {
	[VSOCK_FAULT_NONE] = "no fault",
	[VSOCK_FAULT_QUEUE_SIZE] = "queue size is no power of two in range",
	[VSOCK_FAULT_QUEUE_ALIGNMENT] = "ring misaligned",
	[VSOCK_FAULT_QUEUE_ADDRESS] = "ring out of RAM",
	[VSOCK_FAULT_QUEUE_MISSING] = "driver ready without both queues",
	[VSOCK_FAULT_QUEUE_LATE] = "queue enabled while the device runs",
	[VSOCK_FAULT_AVAIL_JUMP] = "available index jumped by more than the queue size",
	[VSOCK_FAULT_HEAD_RANGE] = "head out of the table",
	[VSOCK_FAULT_HEAD_BUSY] = "head is still in use",
	[VSOCK_FAULT_NEXT_RANGE] = "next out of the table",
	[VSOCK_FAULT_LOOP] = "chain loops",
	[VSOCK_FAULT_SEGMENTS] = "chain has too many segments",
	[VSOCK_FAULT_LENGTH_ZERO] = "length is 0",
	[VSOCK_FAULT_LENGTH_TOTAL] = "chain is longer than 4 GiB",
	[VSOCK_FAULT_ADDRESS] = "address out of RAM",
	[VSOCK_FAULT_ADDRESS_WRAP] = "address and length overflow",
	[VSOCK_FAULT_NOT_READABLE] = "buffer is not for the device to read",
	[VSOCK_FAULT_NOT_WRITABLE] = "buffer is not for the device to write",
	[VSOCK_FAULT_INDIRECT_FEATURE] = "indirect table was not negotiated",
	[VSOCK_FAULT_INDIRECT_NEXT] = "indirect descriptor has a next one",
	[VSOCK_FAULT_INDIRECT_LENGTH] = "length of the indirect table",
	[VSOCK_FAULT_INDIRECT_ADDRESS] = "indirect table out of RAM",
	[VSOCK_FAULT_INDIRECT_NESTED] = "indirect table in an indirect table",
	[VSOCK_FAULT_TX_SHORT] = "packet is shorter than its header",
	[VSOCK_FAULT_RX_SHORT] = "buffer has no room for a header and a byte of payload",
};

const char *vsock_fault_text(enum vsock_fault fault)
{
	const char *text = (unsigned)fault < VSOCK_FAULT_COUNT ? texts[fault] : NULL;

	return text != NULL ? text : "unknown fault";
}
