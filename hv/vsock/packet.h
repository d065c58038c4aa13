/* SPDX-License-Identifier: MIT */
/*
 * Format of a vsock packet (virtio 1.2, 5.10.6). Little-endian, as x86-64 is.
 */
#ifndef HV_VSOCK_PACKET_H
#define HV_VSOCK_PACKET_H

#include <stddef.h>
#include <stdint.h>

#define VSOCK_HEADER_SIZE 44U

struct vsock_header {
	uint64_t src_cid;
	uint64_t dst_cid;
	uint32_t src_port;
	uint32_t dst_port;
	uint32_t len; /* payload bytes that follow the header */
	uint16_t type;
	uint16_t op;
	uint32_t flags;
	uint32_t buf_alloc;
	uint32_t fwd_cnt;
} __attribute__((packed, aligned(4)));

_Static_assert(sizeof(struct vsock_header) == VSOCK_HEADER_SIZE, "vsock_header");
_Static_assert(offsetof(struct vsock_header, len) == 24, "vsock_header.len");
_Static_assert(offsetof(struct vsock_header, fwd_cnt) == 40, "vsock_header.fwd_cnt");

enum vsock_type {
	VSOCK_TYPE_STREAM = 1,
	VSOCK_TYPE_SEQPACKET = 2,
};

enum vsock_op {
	VSOCK_OP_REQUEST = 1,
	VSOCK_OP_RESPONSE = 2,
	VSOCK_OP_RST = 3,
	VSOCK_OP_SHUTDOWN = 4,
	VSOCK_OP_RW = 5,
	VSOCK_OP_CREDIT_UPDATE = 6,
	VSOCK_OP_CREDIT_REQUEST = 7,
};

/* Flags of RW on SEQPACKET: last part of a message, of a record. */
#define VSOCK_SEQ_EOM (1U << 0)
#define VSOCK_SEQ_EOR (1U << 1)

/* Feature bits of the device (5.10.3) and of every split-ring device (6). */
#define VSOCK_F_STREAM	     (1ULL << 0)
#define VSOCK_F_SEQPACKET    (1ULL << 1)
#define VIRTIO_F_INDIRECT    (1ULL << 28)
#define VIRTIO_F_EVENT_INDEX (1ULL << 29)
#define VIRTIO_F_VERSION_1   (1ULL << 32)

enum vsock_queue {
	VSOCK_QUEUE_RX = 0,
	VSOCK_QUEUE_TX = 1,
	VSOCK_QUEUE_EVENT = 2,
	VSOCK_QUEUE_COUNT = 3,
};

#endif
