/* SPDX-License-Identifier: MIT */
/*
 * A guest with a virtio-vsock driver, for host tests of the switch: its RAM is a byte array, its
 * rings lie there, and it follows the driver's rules unless a test breaks them by hand.
 *
 * It also supplies what the switch calls: virtio_pci_queue_interrupt, virtio_pci_needs_reset and
 * log_warn.
 */
#ifndef TESTS_UNIT_FAKE_DRIVER_H
#define TESTS_UNIT_FAKE_DRIVER_H

#include "hv/vsock/packet.h"
#include "hv/vsock/port.h"
#include "hv/vsock/switch.h"

#define FAKE_RAM_LOW	  (8U << 20) /* from GPA 0 */
#define FAKE_RAM_HIGH	  0x10000U   /* from GPA 4 GiB */
#define FAKE_HIGH_GPA	  0x100000000ULL
#define FAKE_FEATURES	  (VIRTIO_F_VERSION_1 | VSOCK_F_STREAM | VSOCK_F_SEQPACKET)
#define FAKE_FEATURES_ALL (FAKE_FEATURES | VIRTIO_F_EVENT_INDEX | VIRTIO_F_INDIRECT)
#define FAKE_GUESTS_MAX	  8U
#define FAKE_SEGMENTS_MAX 24U

struct virtio_pci {
	unsigned interrupts[VSOCK_QUEUE_COUNT];
	unsigned needs_reset;
};

struct fake_desc {
	uint64_t address;
	uint32_t length;
	uint16_t flags;
	uint16_t next;
};

struct fake_used {
	uint32_t id;
	uint32_t length;
};

struct fake_queue {
	uint16_t size;
	uint16_t number;
	struct fake_desc *desc; /* these point into the RAM */
	uint16_t *avail;	/* flags, index, ring, used_event */
	uint16_t *used;		/* flags, index, ring, avail_event */
	uint64_t gpa;		/* of the descriptor table; avail and used at + 4 KiB, + 8 KiB */
	uint64_t buffers;	/* GPA of the buffer of head 0 */
	uint64_t indirect;	/* GPA of the indirect table of head 0 */
	uint32_t stride;	/* from one head's buffer to the next */
	uint16_t avail_index;
	uint16_t used_seen;
	uint16_t kicked; /* avail_index at the last decision about a kick */
	uint16_t free_count;
	uint16_t free[VIRTQ_SIZE_MAX];
	uint8_t chain[VIRTQ_SIZE_MAX]; /* descriptors of the chain at this head */
	uint16_t chain_desc[VIRTQ_SIZE_MAX][FAKE_SEGMENTS_MAX];
	uint32_t length[VIRTQ_SIZE_MAX][FAKE_SEGMENTS_MAX]; /* of its buffers; 0 ends */
};

struct fake_guest {
	struct vsock_port *port;
	struct virtio_pci transport;
	struct guest_mem mem;
	void *port_memory;
	uint8_t *low;
	uint8_t *high;
	uint32_t cid;
	uint64_t features;
	struct fake_queue queue[VSOCK_QUEUE_COUNT];
};

extern struct fake_guest fake_guests[FAKE_GUESTS_MAX];
extern char fake_log[512];	/* last line of log_warn */
extern unsigned fake_log_count; /* lines of log_warn */

/* A fresh switch with `count` guests of CIDs 2, 3, ... and weights[] (NULL: 1), all down; and frees
 * everything. */
void fake_setup(uint32_t count, const uint32_t *weights);
void fake_teardown(void);

/* The driver comes up with these queue sizes; buffers of a TX head hold tx_stride bytes, of an RX
 * head rx_stride. Returns the first error. */
int fake_start(struct fake_guest *g, uint64_t features, uint16_t rx_size, uint32_t rx_stride,
	       uint16_t tx_size, uint32_t tx_stride);
/* 128 entries, 4 KiB + header each, all features. */
void fake_start_default(struct fake_guest *g);
/* The driver writes status 0. */
void fake_reset(struct fake_guest *g);

/* Permits source to connect to all ports of destination. */
void fake_permit(const struct fake_guest *source, const struct fake_guest *destination);

void *fake_ram(const struct fake_guest *g, uint64_t gpa);

/* Makes head available as it is. */
void fake_publish(struct fake_queue *q, uint16_t head);
/* Builds a chain of buffers of these lengths (ended by 0) and makes it available; -1 when there are
 * not enough free descriptors. Returns the head. */
int fake_post(struct fake_guest *g, uint16_t queue, const uint32_t *lengths, bool indirect);
/* Receive buffers of one segment; returns how many were posted. */
unsigned fake_post_rx(struct fake_guest *g, uint32_t size, unsigned count);
/* Tells the device, if it wants to be told. Returns whether it did. */
bool fake_kick(struct fake_guest *g, uint16_t queue);

/* A packet from g; header->len counts, src_cid 0 becomes g's. `lengths` (NULL: one segment) cuts
 * header + payload. Returns the head or -1. No kick. */
int fake_send(struct fake_guest *g, const struct vsock_header *header, const void *payload,
	      const uint32_t *lengths);
/* The same with one segment, a kick, and all turns run. */
int fake_send_now(struct fake_guest *g, const struct vsock_header *header, const void *payload);

/* Next packet for g: payload length, or -1 when there is none. Checks that no byte of the buffer
 * past the used length was touched. The descriptors are free again, not reposted. */
int64_t fake_receive(struct fake_guest *g, struct vsock_header *header, void *payload,
		     uint32_t room);
/* Takes a finished head of TX, or -1. */
int fake_reclaim(struct fake_guest *g);
unsigned fake_reclaim_all(struct fake_guest *g);

/* Runs turns of all ports until none has work; fails the test when that never ends. */
void fake_run(void);

struct mux_stats fake_stats(const struct fake_guest *g);

/* A RW header on STREAM. */
struct vsock_header fake_rw(const struct fake_guest *to, uint32_t length);
/* Byte at `index` of a test's payload number `seed`. */
uint8_t fake_byte(uint64_t seed, uint64_t index);

#endif
