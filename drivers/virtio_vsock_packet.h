/* SPDX-License-Identifier: MIT */
/*
 * The packet header of virtio-vsock and its constants (virtio 1.2, 5.10.6), as the guest's driver
 * and sockets use them. Little-endian, packed: every field lies naturally aligned but the last four
 * bytes of the total of 44.
 */
#ifndef DRIVERS_VIRTIO_VSOCK_PACKET_H
#define DRIVERS_VIRTIO_VSOCK_PACKET_H

#include <stdint.h>

struct virtio_vsock_packet {
	uint64_t source_cid;
	uint64_t destination_cid;
	uint32_t source_port;
	uint32_t destination_port;
	uint32_t length; /* payload bytes that follow the header */
	uint16_t type;
	uint16_t operation;
	uint32_t flags;
	uint32_t buffer_size;	/* buf_alloc: the sender's receive buffer */
	uint32_t forward_count; /* fwd_cnt: bytes that left the sender's receive buffer, modulo 2^32
				 */
} __attribute__((packed, aligned(4)));

_Static_assert(sizeof(struct virtio_vsock_packet) == 44, "virtio_vsock_packet");

#define VIRTIO_VSOCK_TYPE_STREAM    1U
#define VIRTIO_VSOCK_TYPE_SEQPACKET 2U

#define VIRTIO_VSOCK_OP_REQUEST	       1U
#define VIRTIO_VSOCK_OP_RESPONSE       2U
#define VIRTIO_VSOCK_OP_RESET	       3U
#define VIRTIO_VSOCK_OP_SHUTDOWN       4U
#define VIRTIO_VSOCK_OP_DATA	       5U
#define VIRTIO_VSOCK_OP_CREDIT_UPDATE  6U
#define VIRTIO_VSOCK_OP_CREDIT_REQUEST 7U

/* Flags of VIRTIO_VSOCK_OP_SHUTDOWN (5.10.6.6): hints about both directions, permanent. */
#define VIRTIO_VSOCK_SHUTDOWN_RECEIVE (1U << 0) /* its sender receives no more */
#define VIRTIO_VSOCK_SHUTDOWN_SEND    (1U << 1) /* its sender sends no more */
#define VIRTIO_VSOCK_SHUTDOWN_BOTH    3U

/* Flags of VIRTIO_VSOCK_OP_DATA on SEQPACKET (5.10.6.6.1). */
#define VIRTIO_VSOCK_END_OF_MESSAGE (1U << 0)
#define VIRTIO_VSOCK_END_OF_RECORD  (1U << 1)

#define VIRTIO_VSOCK_EVENT_TRANSPORT_RESET 0U

#endif
