/* SPDX-License-Identifier: MIT */
/*
 * The guest's driver of a virtio-vsock device: rings, buffers, packets in and out. It knows no bus:
 * whoever binds it (appliance/runtime/vsock_port.c with drivers/virtio_pci_guest.c, or a host test)
 * hands it memory and a way to kick, and tells the device where the rings are.
 *
 * One thread. Interrupts are not its business: virtio_vsock_arm() asks the device for one, and
 * whoever halts does so after that.
 */
#ifndef DRIVERS_VIRTIO_VSOCK_H
#define DRIVERS_VIRTIO_VSOCK_H

#include "drivers/virtio_ring.h"
#include "drivers/virtio_vsock_packet.h"

#define VIRTIO_VSOCK_QUEUE_RX	 0U
#define VIRTIO_VSOCK_QUEUE_TX	 1U
#define VIRTIO_VSOCK_QUEUE_EVENT 2U
#define VIRTIO_VSOCK_QUEUES	 3U
#define VIRTIO_VSOCK_EVENTS	 4U /* buffers of the event queue */
#define VIRTIO_VSOCK_PAYLOAD_MAX 65536U
#define VIRTIO_VSOCK_CID_SLOTS	 1024U

/* Feature bits: virtio 1.2, 5.10.3 and 6. */
#define VIRTIO_VSOCK_F_STREAM	 (1ULL << 0)
#define VIRTIO_VSOCK_F_SEQPACKET (1ULL << 1)
#define VIRTIO_F_EVENT_IDX	 (1ULL << 29)
#define VIRTIO_F_VERSION_1	 (1ULL << 32)
#define VIRTIO_VSOCK_FEATURES \
	(VIRTIO_VSOCK_F_STREAM | VIRTIO_VSOCK_F_SEQPACKET | VIRTIO_F_EVENT_IDX | VIRTIO_F_VERSION_1)

struct virtio_vsock_config {
	uint32_t rx_count, rx_payload; /* buffers, payload bytes of each */
	uint32_t tx_count, tx_payload;
	uint16_t queue_size_max[VIRTIO_VSOCK_QUEUES]; /* the device's */
};

struct virtio_vsock {
	struct virtio_ring ring[VIRTIO_VSOCK_QUEUES];
	uint64_t gpa[VIRTIO_VSOCK_QUEUES]; /* of each ring's block */
	uint8_t *rx_buffer, *tx_buffer;
	uint32_t *event_buffer;
	uint32_t rx_stride, tx_stride; /* bytes from buffer to buffer */
	uint32_t rx_payload, tx_payload;
	uint16_t tx_free[VIRTIO_RING_SIZE_MAX]; /* stack of free transmit buffers */
	uint16_t tx_free_count, tx_count;
	uint16_t tx_slot[VIRTIO_RING_SIZE_MAX];	    /* destination of each packet in flight */
	uint16_t in_flight[VIRTIO_VSOCK_CID_SLOTS]; /* packets by CID modulo the slots */
	bool tx_wanted;				    /* a packet was refused for lack of room */
	void (*kick)(void *context, uint16_t queue);
	void *context;
	uint64_t tx_packets, tx_bytes, rx_packets, rx_bytes, kicks, rx_dropped;
};

typedef void (*virtio_vsock_handler)(void *context, const struct virtio_vsock_packet *packet,
				     const uint8_t *payload);

/* Bytes of memory that virtio_vsock_init needs; 0: the configuration is out of range (counts 2 and
 * 4 to 256 and within the device's queue sizes, payloads 1..VIRTIO_VSOCK_PAYLOAD_MAX). */
size_t virtio_vsock_memory_size(const struct virtio_vsock_config *config);

/* memory: zeroed, aligned to 16, at guest-physical address gpa. Fills the receive and event rings
 * without telling the device: virtio_vsock_start() does when it is ready (DRIVER_OK). */
void virtio_vsock_init(struct virtio_vsock *vsock, const struct virtio_vsock_config *config,
		       void *memory, uint64_t gpa, void (*kick)(void *context, uint16_t queue),
		       void *context);
void virtio_vsock_start(struct virtio_vsock *vsock);

/* Packets to `cid` that virtio_vsock_send would take now, after looking for finished ones. */
uint32_t virtio_vsock_room(struct virtio_vsock *vsock, uint32_t cid);
/* The most that virtio_vsock_room() ever gives. */
uint32_t virtio_vsock_room_max(const struct virtio_vsock *vsock);
/* Copies a packet into a transmit buffer; the device sees it after flush. -EAGAIN: no buffer for
 * this destination. packet->length <= tx_payload. */
int virtio_vsock_send(struct virtio_vsock *vsock, const struct virtio_vsock_packet *packet,
		      const void *payload);
/* Shows the device what was sent and what receive buffers came back; kicks where it asked. */
void virtio_vsock_flush(struct virtio_vsock *vsock);
/* Hands up to `budget` received packets to the handler; returns how many used buffers it took. */
uint32_t virtio_vsock_receive(struct virtio_vsock *vsock, virtio_vsock_handler handler,
			      void *context, uint32_t budget);
/* True when the device reported a transport reset since the last call (5.10.6.7). */
bool virtio_vsock_take_event(struct virtio_vsock *vsock);
/* Asks for interrupts: packets received, events, and finished transmissions where something was
 * refused for lack of room. False: there is work already, do not halt. */
bool virtio_vsock_arm(struct virtio_vsock *vsock);
/* The device has taken everything that was sent; if not, the next arm asks for an interrupt. */
bool virtio_vsock_is_drained(struct virtio_vsock *vsock);
/* The device broke the rings: it must not be used any more. */
bool virtio_vsock_is_broken(const struct virtio_vsock *vsock);

#endif
