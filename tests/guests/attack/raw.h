/* SPDX-License-Identifier: MIT */
/*
 * The vsock device without a driver: registers and rings as they are, so that they can be used
 * wrongly. The device lies where the documentation of the virtual platform says that it starts.
 */
#ifndef TESTS_GUESTS_ATTACK_RAW_H
#define TESTS_GUESTS_ATTACK_RAW_H

#include "drivers/virtio_vsock_packet.h"

#include <stdbool.h>
#include <stdint.h>

#define RAW_IO_BAR     0x2000U
#define RAW_MEMORY_BAR 0xe0000000ULL

/* Common configuration (virtio 1.2, 4.1.4.3), as ports of the I/O BAR. */
#define RAW_DEVICE_FEATURE_SELECT (RAW_IO_BAR + 0x00U)
#define RAW_DEVICE_FEATURE	  (RAW_IO_BAR + 0x04U)
#define RAW_DRIVER_FEATURE_SELECT (RAW_IO_BAR + 0x08U)
#define RAW_DRIVER_FEATURE	  (RAW_IO_BAR + 0x0cU)
#define RAW_STATUS		  (RAW_IO_BAR + 0x14U)
#define RAW_QUEUE_SELECT	  (RAW_IO_BAR + 0x16U)
#define RAW_QUEUE_SIZE		  (RAW_IO_BAR + 0x18U)
#define RAW_QUEUE_VECTOR	  (RAW_IO_BAR + 0x1aU)
#define RAW_QUEUE_ENABLE	  (RAW_IO_BAR + 0x1cU)
#define RAW_QUEUE_DESCRIPTORS	  (RAW_IO_BAR + 0x20U)
#define RAW_QUEUE_AVAILABLE	  (RAW_IO_BAR + 0x28U)
#define RAW_QUEUE_USED		  (RAW_IO_BAR + 0x30U)
#define RAW_NOTIFY		  (RAW_IO_BAR + 0xc0U) /* 4 ports for each queue */

#define RAW_STATUS_OK	       0x0fU /* all that a driver sets */
#define RAW_STATUS_READY       0x0bU /* before DRIVER_OK */
#define RAW_STATUS_NEEDS_RESET 0x40U

#define RAW_FEATURES	     0x100000003ULL /* version 1, stream, seqpacket */
#define RAW_FEATURE_INDIRECT (1ULL << 28)
#define RAW_FEATURE_EVENT    (1ULL << 29)

#define RAW_RX 0U
#define RAW_TX 1U

#define RAW_NEXT     1U
#define RAW_WRITE    2U
#define RAW_INDIRECT 4U

#define RAW_SIZE   16U
#define RAW_BUFFER 0x11000U /* 64 KiB and a header, in 4 KiB steps */

struct raw_desc {
	uint64_t address;
	uint32_t length;
	uint16_t flags, next;
};

struct raw_queue {
	struct raw_desc desc[RAW_SIZE];
	uint16_t avail_flags, avail_index, avail[RAW_SIZE], used_event;
	uint8_t padding[4096 - RAW_SIZE * 18 - 6];
	uint16_t used_flags, used_index;
	struct {
		uint32_t id, length;
	} used[RAW_SIZE];
	uint16_t avail_event;
} __attribute__((aligned(4096)));

extern volatile struct raw_queue raw_queues[3];
extern uint8_t raw_out[RAW_BUFFER], raw_in[8][4096];

/* PCI command register: I/O and bus master, and memory if told. */
void raw_decode(bool memory);
/* Back to status 0; the rings are zeroed. */
void raw_reset(void);
uint8_t raw_status(void);
/* Reset, then up to FEATURES_OK. */
void raw_negotiate(uint64_t features);
void raw_enable(uint16_t queue, uint16_t size, uint64_t descriptors, uint64_t available,
		uint64_t used);
void raw_enable_all(void);
/* The whole start, with 8 receive buffers. */
void raw_start(uint64_t features);
void raw_kick(uint16_t queue);
/* Makes a head available and kicks. */
void raw_give(uint16_t queue, uint16_t head);
/* Writes a descriptor. */
void raw_describe(uint16_t queue, uint16_t index, uint64_t address, uint32_t length, uint16_t flags,
		  uint16_t next);

/* A packet with a good header: stream, to `cid`:`port`, from port 77. */
struct virtio_vsock_packet raw_packet(uint64_t cid, uint32_t port, uint16_t operation);
/* Sends raw_out's first 44 + length bytes, whose header is `packet`. False: it was not taken. */
bool raw_send(const struct virtio_vsock_packet *packet, uint32_t length);
/* Takes the next packet that arrived and gives its buffer back, within a few milliseconds; its
 * payload is in raw_payload. False: none. */
bool raw_receive(struct virtio_vsock_packet *packet);
extern const uint8_t *raw_payload;

#endif
