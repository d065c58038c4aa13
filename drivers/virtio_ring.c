// SPDX-License-Identifier: MIT
/*
 * The driver's side of a split virtqueue with event index (virtio 1.2, 2.7).
 *
 * Ordering: entries before the available index (release, the device's acquire of it pairs), the
 * used index before its entries (acquire, pairs with the device's release). Between writing an
 * index and reading the other side's event, and between writing an event and reading the other
 * side's index, stands a full barrier, so that one of both sides always notices
 * (2.7.13.4.1, 2.7.14).
 */
#include "drivers/virtio_ring.h"

#include <stdatomic.h>

#define RING_FLAGS   0U
#define RING_INDEX   1U
#define RING_ENTRIES 2U

static uint16_t load_acquire(const uint16_t *field)
{
	return __atomic_load_n(field, __ATOMIC_ACQUIRE);
}

static void store_release(uint16_t *field, uint16_t value)
{
	__atomic_store_n(field, value, __ATOMIC_RELEASE);
}

size_t virtio_ring_available_offset(uint16_t size)
{
	return sizeof(struct virtio_ring_descriptor) * size;
}

size_t virtio_ring_used_offset(uint16_t size)
{
	size_t end = virtio_ring_available_offset(size) + sizeof(uint16_t) * (3U + size);

	return (end + 15) & ~(size_t)15;
}

size_t virtio_ring_bytes(uint16_t size)
{
	size_t end = virtio_ring_used_offset(size) + sizeof(uint16_t) * 3U +
		     sizeof(struct virtio_ring_used) * size;

	return (end + 15) & ~(size_t)15;
}

void virtio_ring_init(struct virtio_ring *ring, void *memory, uint16_t size)
{
	uint8_t *base = memory;
	uint8_t *used = base + virtio_ring_used_offset(size);

	*ring = (struct virtio_ring){
		.size = size,
		.descriptor = memory,
		.available = (void *)(base + virtio_ring_available_offset(size)),
		.used_header = (void *)used,
		.used = (void *)(used + 4),
		.available_event = (void *)(used + 4 + sizeof(struct virtio_ring_used) * size),
	};
	/* No interrupt before the first arm: the event lies behind the first index for as long as
	 * possible. */
	ring->available[RING_ENTRIES + size] = 0xffff;
}

void virtio_ring_add(struct virtio_ring *ring, uint16_t id)
{
	ring->owned[id / 64] |= 1ULL << (id % 64);
	ring->available[RING_ENTRIES + (ring->available_next & (ring->size - 1))] = id;
	ring->available_next++;
}

bool virtio_ring_publish(struct virtio_ring *ring)
{
	uint16_t old = ring->published;
	uint16_t new = ring->available_next;
	uint16_t event;

	if (old == new) {
		return false;
	}
	store_release(&ring->available[RING_INDEX], new);
	ring->published = new;
	atomic_thread_fence(memory_order_seq_cst);
	event = load_acquire(ring->available_event);
	return (uint16_t)(new - event - 1) < (uint16_t)(new - old);
}

bool virtio_ring_has_used(const struct virtio_ring *ring)
{
	return load_acquire(&ring->used_header[RING_INDEX]) != ring->used_next && !ring->is_broken;
}

bool virtio_ring_take(struct virtio_ring *ring, uint16_t *id, uint32_t *length)
{
	struct virtio_ring_used entry;

	if (!virtio_ring_has_used(ring)) {
		return false;
	}
	entry = ring->used[ring->used_next & (ring->size - 1)];
	if (entry.id >= ring->size || (ring->owned[entry.id / 64] >> (entry.id % 64) & 1) == 0) {
		ring->is_broken = true;
		return false;
	}
	ring->owned[entry.id / 64] &= ~(1ULL << (entry.id % 64));
	ring->used_next++;
	*id = (uint16_t)entry.id;
	*length = entry.length;
	return true;
}

bool virtio_ring_arm(struct virtio_ring *ring)
{
	__atomic_store_n(&ring->available[RING_ENTRIES + ring->size], ring->used_next,
			 __ATOMIC_RELAXED);
	atomic_thread_fence(memory_order_seq_cst);
	return !virtio_ring_has_used(ring);
}
