// SPDX-License-Identifier: MIT
/*
 * The guest's driver of a virtio-vsock device (virtio 1.2, 5.10).
 *
 * Transmit buffers are shared by dynamic threshold: a destination may have as many packets in
 * flight as there are buffers free. One that takes no packets so keeps at most half of them, two at
 * most two thirds, and there is always room for the others.
 */
#include "drivers/virtio_vsock.h"

#include <errno.h>
#include <string.h>

#define HEADER ((uint32_t)sizeof(struct virtio_vsock_packet))

static uint16_t ring_size_for(uint32_t count)
{
	uint16_t size = 2;

	while (size < count) {
		size = (uint16_t)(size * 2);
	}
	return size;
}

static uint32_t stride_for(uint32_t payload)
{
	return (HEADER + payload + 15) & ~15U;
}

static bool config_is_valid(const struct virtio_vsock_config *config)
{
	return config->rx_count >= 2 && config->rx_count <= VIRTIO_RING_SIZE_MAX &&
	       config->tx_count >= 4 && config->tx_count <= VIRTIO_RING_SIZE_MAX &&
	       config->rx_payload >= 1 && config->rx_payload <= VIRTIO_VSOCK_PAYLOAD_MAX &&
	       config->tx_payload >= 1 && config->tx_payload <= VIRTIO_VSOCK_PAYLOAD_MAX &&
	       ring_size_for(config->rx_count) <= config->queue_size_max[VIRTIO_VSOCK_QUEUE_RX] &&
	       ring_size_for(config->tx_count) <= config->queue_size_max[VIRTIO_VSOCK_QUEUE_TX] &&
	       config->queue_size_max[VIRTIO_VSOCK_QUEUE_EVENT] >= VIRTIO_VSOCK_EVENTS;
}

size_t virtio_vsock_memory_size(const struct virtio_vsock_config *config)
{
	if (!config_is_valid(config)) {
		return 0;
	}
	return virtio_ring_bytes(ring_size_for(config->rx_count)) +
	       virtio_ring_bytes(ring_size_for(config->tx_count)) +
	       virtio_ring_bytes(VIRTIO_VSOCK_EVENTS) + 16 +
	       (size_t)config->rx_count * stride_for(config->rx_payload) +
	       (size_t)config->tx_count * stride_for(config->tx_payload);
}

/* Where in the block the next part goes. */
struct cursor {
	uint8_t *memory;
	uint64_t gpa;
};

static struct cursor cursor_take(struct cursor *cursor, size_t bytes)
{
	struct cursor taken = *cursor;

	cursor->memory += bytes;
	cursor->gpa += bytes;
	return taken;
}

static void init_ring(struct virtio_vsock *vsock, uint16_t queue, uint16_t size,
		      struct cursor *cursor)
{
	struct cursor block = cursor_take(cursor, virtio_ring_bytes(size));

	virtio_ring_init(&vsock->ring[queue], block.memory, size);
	vsock->gpa[queue] = block.gpa;
}

static void init_descriptors(struct virtio_ring *ring, uint32_t count, uint64_t gpa,
			     uint32_t stride, uint32_t length, uint16_t flags)
{
	for (uint32_t i = 0; i < count; i++) {
		ring->descriptor[i] = (struct virtio_ring_descriptor){
			.address = gpa + (uint64_t)i * stride,
			.length = length,
			.flags = flags,
		};
	}
}

static void fill_ring(struct virtio_ring *ring, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		virtio_ring_add(ring, (uint16_t)i);
	}
}

static void init_buffers(struct virtio_vsock *vsock, const struct virtio_vsock_config *config,
			 struct cursor *cursor)
{
	struct cursor rx = cursor_take(cursor, (size_t)config->rx_count * vsock->rx_stride);
	struct cursor tx = cursor_take(cursor, (size_t)config->tx_count * vsock->tx_stride);
	struct cursor event = cursor_take(cursor, 16);
	struct virtio_ring *ring = vsock->ring;

	vsock->rx_buffer = rx.memory;
	vsock->tx_buffer = tx.memory;
	vsock->event_buffer = (void *)event.memory;
	init_descriptors(&ring[VIRTIO_VSOCK_QUEUE_RX], config->rx_count, rx.gpa, vsock->rx_stride,
			 HEADER + config->rx_payload, VIRTIO_RING_DEVICE_WRITES);
	init_descriptors(&ring[VIRTIO_VSOCK_QUEUE_TX], config->tx_count, tx.gpa, vsock->tx_stride,
			 0, 0);
	init_descriptors(&ring[VIRTIO_VSOCK_QUEUE_EVENT], VIRTIO_VSOCK_EVENTS, event.gpa, 4, 4,
			 VIRTIO_RING_DEVICE_WRITES);
	fill_ring(&ring[VIRTIO_VSOCK_QUEUE_RX], config->rx_count);
	fill_ring(&ring[VIRTIO_VSOCK_QUEUE_EVENT], VIRTIO_VSOCK_EVENTS);
	for (uint32_t i = 0; i < config->tx_count; i++) {
		vsock->tx_free[i] = (uint16_t)(config->tx_count - 1 - i);
	}
}

void virtio_vsock_init(struct virtio_vsock *vsock, const struct virtio_vsock_config *config,
		       void *memory, uint64_t gpa, void (*kick)(void *context, uint16_t queue),
		       void *context)
{
	struct cursor cursor = {memory, gpa};

	memset(vsock, 0, sizeof(*vsock));
	vsock->rx_payload = config->rx_payload;
	vsock->tx_payload = config->tx_payload;
	vsock->rx_stride = stride_for(config->rx_payload);
	vsock->tx_stride = stride_for(config->tx_payload);
	vsock->tx_count = (uint16_t)config->tx_count;
	vsock->tx_free_count = (uint16_t)config->tx_count;
	vsock->kick = kick;
	vsock->context = context;
	init_ring(vsock, VIRTIO_VSOCK_QUEUE_RX, ring_size_for(config->rx_count), &cursor);
	init_ring(vsock, VIRTIO_VSOCK_QUEUE_TX, ring_size_for(config->tx_count), &cursor);
	init_ring(vsock, VIRTIO_VSOCK_QUEUE_EVENT, VIRTIO_VSOCK_EVENTS, &cursor);
	init_buffers(vsock, config, &cursor);
}

static void publish(struct virtio_vsock *vsock, uint16_t queue)
{
	if (virtio_ring_publish(&vsock->ring[queue])) {
		vsock->kicks++;
		vsock->kick(vsock->context, queue);
	}
}

void virtio_vsock_start(struct virtio_vsock *vsock)
{
	publish(vsock, VIRTIO_VSOCK_QUEUE_EVENT);
	publish(vsock, VIRTIO_VSOCK_QUEUE_RX);
}

void virtio_vsock_flush(struct virtio_vsock *vsock)
{
	publish(vsock, VIRTIO_VSOCK_QUEUE_RX);
	publish(vsock, VIRTIO_VSOCK_QUEUE_TX);
}

/* Finished transmissions, in whatever order the device finished them. */
static void reclaim(struct virtio_vsock *vsock)
{
	uint16_t id;
	uint32_t length;

	while (virtio_ring_take(&vsock->ring[VIRTIO_VSOCK_QUEUE_TX], &id, &length)) {
		vsock->in_flight[vsock->tx_slot[id]]--;
		vsock->tx_free[vsock->tx_free_count++] = id;
	}
}

static uint32_t room_now(const struct virtio_vsock *vsock, uint32_t slot)
{
	uint32_t free = vsock->tx_free_count;
	uint32_t used = vsock->in_flight[slot];

	/* After n more packets used + n <= free - n must hold before the last of them. */
	return free > used ? (free - used + 1) / 2 : 0;
}

uint32_t virtio_vsock_room(struct virtio_vsock *vsock, uint32_t cid)
{
	uint32_t slot = cid % VIRTIO_VSOCK_CID_SLOTS;
	uint32_t room;

	reclaim(vsock);
	room = room_now(vsock, slot);
	if (room == 0) {
		vsock->tx_wanted = true;
	}
	return room;
}

uint32_t virtio_vsock_room_max(const struct virtio_vsock *vsock)
{
	return (vsock->tx_count + 1U) / 2;
}

int virtio_vsock_send(struct virtio_vsock *vsock, const struct virtio_vsock_packet *packet,
		      const void *payload)
{
	uint32_t slot = (uint32_t)packet->destination_cid % VIRTIO_VSOCK_CID_SLOTS;
	struct virtio_ring *ring = &vsock->ring[VIRTIO_VSOCK_QUEUE_TX];
	uint8_t *buffer;
	uint16_t id;

	if (room_now(vsock, slot) == 0 && virtio_vsock_room(vsock, slot) == 0) {
		return -EAGAIN;
	}
	id = vsock->tx_free[--vsock->tx_free_count];
	buffer = vsock->tx_buffer + (size_t)id * vsock->tx_stride;
	memcpy(buffer, packet, HEADER);
	if (packet->length != 0) {
		memcpy(buffer + HEADER, payload, packet->length);
	}
	ring->descriptor[id].length = HEADER + packet->length;
	vsock->tx_slot[id] = (uint16_t)slot;
	vsock->in_flight[slot]++;
	vsock->tx_packets++;
	vsock->tx_bytes += packet->length;
	virtio_ring_add(ring, id);
	return 0;
}

uint32_t virtio_vsock_receive(struct virtio_vsock *vsock, virtio_vsock_handler handler,
			      void *context, uint32_t budget)
{
	struct virtio_ring *ring = &vsock->ring[VIRTIO_VSOCK_QUEUE_RX];
	uint32_t taken = 0;
	uint32_t length;
	uint16_t id;

	while (taken < budget && virtio_ring_take(ring, &id, &length)) {
		const uint8_t *buffer = vsock->rx_buffer + (size_t)id * vsock->rx_stride;
		const struct virtio_vsock_packet *packet = (const void *)buffer;

		taken++;
		if (length >= HEADER && length - HEADER <= vsock->rx_payload &&
		    packet->length == length - HEADER) {
			vsock->rx_packets++;
			vsock->rx_bytes += packet->length;
			handler(context, packet, buffer + HEADER);
		} else {
			vsock->rx_dropped++;
		}
		virtio_ring_add(ring, id);
	}
	return taken;
}

bool virtio_vsock_take_event(struct virtio_vsock *vsock)
{
	struct virtio_ring *ring = &vsock->ring[VIRTIO_VSOCK_QUEUE_EVENT];
	bool is_reset = false;
	uint32_t length;
	uint16_t id;

	if (!virtio_ring_has_used(ring)) {
		return false;
	}
	while (virtio_ring_take(ring, &id, &length)) {
		is_reset |= length >= 4 &&
			    vsock->event_buffer[id] == VIRTIO_VSOCK_EVENT_TRANSPORT_RESET;
		virtio_ring_add(ring, id);
	}
	publish(vsock, VIRTIO_VSOCK_QUEUE_EVENT);
	return is_reset;
}

bool virtio_vsock_arm(struct virtio_vsock *vsock)
{
	bool may_halt = virtio_ring_arm(&vsock->ring[VIRTIO_VSOCK_QUEUE_RX]);

	may_halt &= virtio_ring_arm(&vsock->ring[VIRTIO_VSOCK_QUEUE_EVENT]);
	if (vsock->tx_wanted) {
		vsock->tx_wanted = false;
		may_halt &= virtio_ring_arm(&vsock->ring[VIRTIO_VSOCK_QUEUE_TX]);
	}
	return may_halt;
}

bool virtio_vsock_is_drained(struct virtio_vsock *vsock)
{
	reclaim(vsock);
	vsock->tx_wanted |= vsock->tx_free_count != vsock->tx_count;
	return vsock->tx_free_count == vsock->tx_count;
}

bool virtio_vsock_is_broken(const struct virtio_vsock *vsock)
{
	return vsock->ring[VIRTIO_VSOCK_QUEUE_RX].is_broken ||
	       vsock->ring[VIRTIO_VSOCK_QUEUE_TX].is_broken ||
	       vsock->ring[VIRTIO_VSOCK_QUEUE_EVENT].is_broken;
}
