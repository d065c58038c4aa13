/* SPDX-License-Identifier: MIT */
/*
 * The driver's side of a split virtqueue with event index (virtio 1.2, 2.7). One buffer is one
 * descriptor, and stays bound to it: descriptor i always describes buffer i, so that the hot path
 * writes a length and a ring entry, no more.
 *
 * Pure C: the host's tests build it. One thread; the device runs at the same time.
 */
#ifndef DRIVERS_VIRTIO_RING_H
#define DRIVERS_VIRTIO_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VIRTIO_RING_SIZE_MAX 256U

struct virtio_ring_descriptor {
	uint64_t address;
	uint32_t length;
	uint16_t flags;
	uint16_t next;
};

#define VIRTIO_RING_DEVICE_WRITES 2U /* VIRTQ_DESC_F_WRITE */

struct virtio_ring_used {
	uint32_t id;
	uint32_t length;
};

struct virtio_ring {
	uint16_t size; /* power of two */
	struct virtio_ring_descriptor *descriptor;
	uint16_t *available;	       /* flags, index, ring[size], used_event */
	struct virtio_ring_used *used; /* ring[size], behind flags and index */
	uint16_t *used_header;	       /* flags, index */
	uint16_t *available_event;     /* behind used's ring */

	uint16_t available_next; /* entries written; the device sees what is published */
	uint16_t published;
	uint16_t used_next; /* first used entry not yet taken */
	bool is_broken;	    /* the device named a buffer that it does not have */
	uint64_t owned[VIRTIO_RING_SIZE_MAX / 64]; /* bit: the device has the buffer */
};

/* Offsets of the parts within one block of zeroed memory, aligned to 16. */
size_t virtio_ring_bytes(uint16_t size);
size_t virtio_ring_available_offset(uint16_t size);
size_t virtio_ring_used_offset(uint16_t size);

/* memory: virtio_ring_bytes(size) zeroed bytes, aligned to 16. */
void virtio_ring_init(struct virtio_ring *ring, void *memory, uint16_t size);

/* Gives buffer `id`, whose descriptor is written, to the device: seen after publish. */
void virtio_ring_add(struct virtio_ring *ring, uint16_t id);
/* Shows the device what was added. True: it asked for a kick (2.7.13.4.1). */
bool virtio_ring_publish(struct virtio_ring *ring);
/* Takes a used buffer: its id and the bytes that the device wrote. False: none, or broken. */
bool virtio_ring_take(struct virtio_ring *ring, uint16_t *id, uint32_t *length);
/* Used buffers wait. */
bool virtio_ring_has_used(const struct virtio_ring *ring);
/* Asks for an interrupt with the next used buffer. False: one waits already (2.7.9). */
bool virtio_ring_arm(struct virtio_ring *ring);

#endif
