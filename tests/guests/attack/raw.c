// SPDX-License-Identifier: MIT
/* See raw.h. */
#include "tests/guests/attack/raw.h"

#include "tests/guests/attack/attack.h"

#include <string.h>

#define PCI_COMMAND    0x80000804U /* 00:01.0 */
#define COMMAND_IO     0x405U
#define COMMAND_MEMORY 0x407U
#define SOURCE_PORT    77U
#define CREDIT	       0x10000U
#define WAIT_TICKS     (6 * mux_tsc_khz())

volatile struct raw_queue raw_queues[3];
uint8_t raw_out[RAW_BUFFER] __attribute__((aligned(4096)));
uint8_t raw_in[8][4096] __attribute__((aligned(4096)));
const uint8_t *raw_payload;
static uint16_t used_seen[3];

void raw_decode(bool memory)
{
	attack_out32(0xcf8, PCI_COMMAND);
	attack_out32(0xcfc, memory ? COMMAND_MEMORY : COMMAND_IO);
}

uint8_t raw_status(void)
{
	return attack_in8(RAW_STATUS);
}

void raw_reset(void)
{
	raw_decode(true);
	attack_out8(RAW_STATUS, 0);
	for (size_t i = 0; i < ARRAY_COUNT(raw_queues); i++) {
		memset((void *)(uintptr_t)&raw_queues[i], 0, sizeof(raw_queues[i]));
		used_seen[i] = 0;
	}
}

void raw_negotiate(uint64_t features)
{
	raw_reset();
	attack_out8(RAW_STATUS, 3);
	attack_out32(RAW_DRIVER_FEATURE_SELECT, 0);
	attack_out32(RAW_DRIVER_FEATURE, (uint32_t)features);
	attack_out32(RAW_DRIVER_FEATURE_SELECT, 1);
	attack_out32(RAW_DRIVER_FEATURE, (uint32_t)(features >> 32));
	attack_out8(RAW_STATUS, RAW_STATUS_READY);
}

static void out64(uint16_t port, uint64_t value)
{
	attack_out32(port, (uint32_t)value);
	attack_out32((uint16_t)(port + 4), (uint32_t)(value >> 32));
}

void raw_enable(uint16_t queue, uint16_t size, uint64_t descriptors, uint64_t available,
		uint64_t used)
{
	attack_out16(RAW_QUEUE_SELECT, queue);
	attack_out16(RAW_QUEUE_SIZE, size);
	out64(RAW_QUEUE_DESCRIPTORS, descriptors);
	out64(RAW_QUEUE_AVAILABLE, available);
	out64(RAW_QUEUE_USED, used);
	attack_out16(RAW_QUEUE_ENABLE, 1);
}

static uint64_t address_of(const volatile void *data)
{
	return (uint64_t)(uintptr_t)data;
}

void raw_enable_all(void)
{
	for (uint16_t i = 0; i < 3; i++) {
		volatile struct raw_queue *q = &raw_queues[i];

		raw_enable(i, RAW_SIZE, address_of(q->desc), address_of(&q->avail_flags),
			   address_of(&q->used_flags));
	}
}

void raw_start(uint64_t features)
{
	raw_negotiate(features);
	raw_enable_all();
	attack_out8(RAW_STATUS, RAW_STATUS_OK);
	for (uint16_t i = 0; i < ARRAY_COUNT(raw_in); i++) {
		raw_describe(RAW_RX, i, address_of(raw_in[i]), sizeof(raw_in[i]), RAW_WRITE, 0);
		raw_give(RAW_RX, i);
	}
}

void raw_kick(uint16_t queue)
{
	attack_out16((uint16_t)(RAW_NOTIFY + 4 * queue), queue);
}

void raw_give(uint16_t queue, uint16_t head)
{
	volatile struct raw_queue *q = &raw_queues[queue];

	q->avail[q->avail_index % RAW_SIZE] = head;
	__asm__ volatile("" : : : "memory");
	q->avail_index++;
	raw_kick(queue);
}

void raw_describe(uint16_t queue, uint16_t index, uint64_t address, uint32_t length, uint16_t flags,
		  uint16_t next)
{
	volatile struct raw_desc *desc = &raw_queues[queue].desc[index];

	desc->address = address;
	desc->length = length;
	desc->flags = flags;
	desc->next = next;
}

struct virtio_vsock_packet raw_packet(uint64_t cid, uint32_t port, uint16_t operation)
{
	return (struct virtio_vsock_packet){
		.source_cid = mux_cid(),
		.destination_cid = cid,
		.source_port = SOURCE_PORT,
		.destination_port = port,
		.type = VIRTIO_VSOCK_TYPE_STREAM,
		.operation = operation,
		.buffer_size = CREDIT,
	};
}

static bool wait_used(uint16_t queue)
{
	uint64_t end = mux_tsc() + WAIT_TICKS;

	while (raw_queues[queue].used_index == used_seen[queue]) {
		if (mux_tsc() > end) {
			return false;
		}
		mux_yield();
	}
	used_seen[queue]++;
	return true;
}

bool raw_send(const struct virtio_vsock_packet *packet, uint32_t length)
{
	memcpy(raw_out, packet, sizeof(*packet));
	raw_describe(RAW_TX, 0, address_of(raw_out), (uint32_t)sizeof(*packet) + length, 0, 0);
	raw_give(RAW_TX, 0);
	return wait_used(RAW_TX);
}

bool raw_receive(struct virtio_vsock_packet *packet)
{
	uint16_t entry = used_seen[RAW_RX] % RAW_SIZE;
	uint16_t id;

	if (!wait_used(RAW_RX)) {
		return false;
	}
	id = (uint16_t)raw_queues[RAW_RX].used[entry].id;
	memcpy(packet, raw_in[id % ARRAY_COUNT(raw_in)], sizeof(*packet));
	raw_payload = raw_in[id % ARRAY_COUNT(raw_in)] + sizeof(*packet);
	raw_give(RAW_RX, id);
	return true;
}
