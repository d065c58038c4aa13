// SPDX-License-Identifier: MIT
/*
 * The driver's ring and the vsock driver over it, against a device that the test plays: event index
 * across the wrap of indices, completions out of order, buffers shared among destinations, and a
 * device that names buffers which it does not have.
 */
#include "drivers/virtio_ring.h"
#include "drivers/virtio_vsock.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SIZE 8

static struct virtio_ring ring;
static void *memory;

static int setup(void **state)
{
	(void)state;
	memory = aligned_alloc(16, virtio_ring_bytes(SIZE));
	memset(memory, 0, virtio_ring_bytes(SIZE));
	virtio_ring_init(&ring, memory, SIZE);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(memory);
	return 0;
}

/* The device's side. */
static uint16_t device_available_index(void)
{
	return ring.available[1];
}

static void device_use(struct virtio_ring *r, uint32_t id, uint32_t length)
{
	uint16_t index = r->used_header[1];

	r->used[index % r->size] = (struct virtio_ring_used){id, length};
	r->used_header[1] = (uint16_t)(index + 1);
}

static uint16_t used_event(void)
{
	return ring.available[2 + SIZE];
}

static void published_only_when_told(void **state)
{
	(void)state;
	*ring.available_event = 100;
	virtio_ring_add(&ring, 3);
	virtio_ring_add(&ring, 5);
	assert_int_equal(device_available_index(), 0);
	assert_false(virtio_ring_publish(&ring));
	assert_int_equal(device_available_index(), 2);
	assert_int_equal(ring.available[2], 3);
	assert_int_equal(ring.available[3], 5);
	/* Nothing new: never a kick. */
	*ring.available_event = 1;
	assert_false(virtio_ring_publish(&ring));
}

static void kicks_when_the_event_is_passed(void **state)
{
	uint16_t id;
	uint32_t length;

	(void)state;
	/* Three times round the 16-bit index. */
	for (unsigned int i = 0; i < 200000; i++) {
		bool wanted = i % 3 == 0;

		*ring.available_event = (uint16_t)(wanted ? i : i + 1);
		virtio_ring_add(&ring, (uint16_t)(i % SIZE));
		assert_int_equal(virtio_ring_publish(&ring), wanted);
		assert_int_equal(device_available_index(), (uint16_t)(i + 1));
		device_use(&ring, i % SIZE, i);
		assert_true(virtio_ring_take(&ring, &id, &length));
		assert_int_equal(id, i % SIZE);
		assert_int_equal(length, i);
	}
}

/* The event may lie anywhere in a batch; behind it or before it there is no kick. */
static void kicks_once_per_batch(void **state)
{
	(void)state;
	for (int event = -3; event <= 6; event++) {
		memset(memory, 0, virtio_ring_bytes(SIZE));
		virtio_ring_init(&ring, memory, SIZE);
		*ring.available_event = (uint16_t)event;
		for (uint16_t i = 0; i < 4; i++) {
			virtio_ring_add(&ring, i);
		}
		assert_int_equal(virtio_ring_publish(&ring), event >= 0 && event < 4);
	}
}

static void arm_sees_what_came_before(void **state)
{
	uint16_t id;
	uint32_t length;

	(void)state;
	virtio_ring_add(&ring, 0);
	virtio_ring_add(&ring, 1);
	virtio_ring_publish(&ring);
	assert_true(virtio_ring_arm(&ring));
	assert_int_equal(used_event(), 0);
	device_use(&ring, 1, 9);
	assert_false(virtio_ring_arm(&ring));
	assert_true(virtio_ring_take(&ring, &id, &length));
	assert_int_equal(id, 1);
	assert_true(virtio_ring_arm(&ring));
	assert_int_equal(used_event(), 1);
}

static void bad_ids_break_the_ring(void **state)
{
	static const uint32_t bad[] = {SIZE, 2, 0xffffffff, 0x10000};
	uint16_t id;
	uint32_t length;

	(void)state;
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memset(memory, 0, virtio_ring_bytes(SIZE));
		virtio_ring_init(&ring, memory, SIZE);
		virtio_ring_add(&ring, 0);
		virtio_ring_publish(&ring);
		device_use(&ring, bad[i], 1);
		assert_false(virtio_ring_take(&ring, &id, &length));
		assert_true(ring.is_broken);
		assert_false(virtio_ring_has_used(&ring));
	}
	/* The same buffer twice. */
	memset(memory, 0, virtio_ring_bytes(SIZE));
	virtio_ring_init(&ring, memory, SIZE);
	virtio_ring_add(&ring, 0);
	device_use(&ring, 0, 1);
	device_use(&ring, 0, 1);
	assert_true(virtio_ring_take(&ring, &id, &length));
	assert_false(virtio_ring_take(&ring, &id, &length));
	assert_true(ring.is_broken);
}

/* The vsock driver. */
static struct virtio_vsock vsock;
static void *vsock_memory;
static unsigned int kicks[VIRTIO_VSOCK_QUEUES];
static struct virtio_vsock_config config;
static unsigned int received;

static void count_kick(void *context, uint16_t queue)
{
	(void)context;
	kicks[queue]++;
}

static void vsock_setup(void)
{
	config = (struct virtio_vsock_config){
		.rx_count = 4,
		.rx_payload = 100,
		.tx_count = 12,
		.tx_payload = 50,
		.queue_size_max = {16, 16, 16},
	};
	size_t size = virtio_vsock_memory_size(&config);

	vsock_memory = aligned_alloc(16, size);
	memset(vsock_memory, 0, size);
	memset(kicks, 0, sizeof(kicks));
	received = 0;
	virtio_vsock_init(&vsock, &config, vsock_memory, 0x100000, count_kick, NULL);
	virtio_vsock_start(&vsock);
}

static int send_to(uint32_t cid, uint32_t length)
{
	static uint8_t payload[50];
	struct virtio_vsock_packet packet = {
		.destination_cid = cid,
		.length = length,
		.operation = VIRTIO_VSOCK_OP_DATA,
	};

	return virtio_vsock_send(&vsock, &packet, payload);
}

static void configuration_is_checked(void **state)
{
	(void)state;
	vsock_setup();
	free(vsock_memory);
	config.rx_count = 1;
	assert_int_equal(virtio_vsock_memory_size(&config), 0);
	config.rx_count = 17;
	assert_int_equal(virtio_vsock_memory_size(&config), 0);
	config.rx_count = 16;
	assert_int_not_equal(virtio_vsock_memory_size(&config), 0);
	config.tx_payload = 65537;
	assert_int_equal(virtio_vsock_memory_size(&config), 0);
}

static void descriptors_name_the_buffers(void **state)
{
	(void)state;
	vsock_setup();
	for (unsigned int i = 0; i < 4; i++) {
		struct virtio_ring_descriptor *d = &vsock.ring[0].descriptor[i];

		assert_int_equal(d->address - 0x100000,
				 (uint64_t)(vsock.rx_buffer - (uint8_t *)vsock_memory) +
					 (uint64_t)i * vsock.rx_stride);
		assert_int_equal(d->length, 144);
		assert_int_equal(d->flags, VIRTIO_RING_DEVICE_WRITES);
	}
	free(vsock_memory);
}

static void stuck_destination_leaves_room(void **state)
{
	unsigned int first = 0, second = 0;

	(void)state;
	vsock_setup();
	assert_int_equal(virtio_vsock_room(&vsock, 7), 6);
	while (send_to(7, 10) == 0) {
		first++;
	}
	assert_int_equal(first, virtio_vsock_room_max(&vsock));
	assert_int_equal(virtio_vsock_room(&vsock, 7), 0);
	assert_int_equal(virtio_vsock_room(&vsock, 8), 3);
	while (send_to(8, 10) == 0) {
		second++;
	}
	assert_int_equal(second, 3);
	assert_true(virtio_vsock_room(&vsock, 9) > 0);
	assert_true(vsock.tx_wanted);
	free(vsock_memory);
}

static void finished_out_of_order(void **state)
{
	(void)state;
	vsock_setup();
	*vsock.ring[VIRTIO_VSOCK_QUEUE_TX].available_event = 0;
	for (unsigned int i = 0; i < 6; i++) {
		assert_int_equal(send_to(7, i), 0);
	}
	assert_int_equal(kicks[VIRTIO_VSOCK_QUEUE_TX], 0);
	virtio_vsock_flush(&vsock);
	assert_int_equal(kicks[VIRTIO_VSOCK_QUEUE_TX], 1);
	assert_int_equal(send_to(7, 0), -EAGAIN);
	assert_false(virtio_vsock_is_drained(&vsock));
	device_use(&vsock.ring[VIRTIO_VSOCK_QUEUE_TX], 4, 0);
	device_use(&vsock.ring[VIRTIO_VSOCK_QUEUE_TX], 1, 0);
	assert_false(virtio_vsock_arm(&vsock));
	assert_int_equal(send_to(7, 0), 0);
	/* A buffer that is in flight still is not taken again. */
	assert_true(vsock.ring[1].available[2 + 6] == 4 || vsock.ring[1].available[2 + 6] == 1);
	free(vsock_memory);
}

static void count_packet(void *context, const struct virtio_vsock_packet *packet,
			 const uint8_t *payload)
{
	(void)context;
	assert_int_equal(packet->length, 100);
	assert_int_equal(payload[99], 0x55);
	received++;
}

static void broken_packets_are_dropped(void **state)
{
	static const uint32_t length[] = {0, 43, 44, 143, 145, 0xffffffff, 144};
	struct virtio_vsock_packet packet = {.length = 100};

	(void)state;
	vsock_setup();
	for (unsigned int i = 0; i < sizeof(length) / sizeof(length[0]); i++) {
		uint32_t id = i % 4;
		uint8_t *buffer = vsock.rx_buffer + (size_t)id * vsock.rx_stride;

		memcpy(buffer, &packet, sizeof(packet));
		buffer[143] = 0x55;
		device_use(&vsock.ring[VIRTIO_VSOCK_QUEUE_RX], id, length[i]);
		assert_int_equal(virtio_vsock_receive(&vsock, count_packet, NULL, 10), 1);
	}
	assert_int_equal(received, 1);
	assert_int_equal(vsock.rx_dropped, 6);
	/* Every buffer went back to the device. */
	virtio_vsock_flush(&vsock);
	assert_int_equal(vsock.ring[VIRTIO_VSOCK_QUEUE_RX].available[1], 4 + 7);
	free(vsock_memory);
}

static void transport_reset_event(void **state)
{
	(void)state;
	vsock_setup();
	assert_false(virtio_vsock_take_event(&vsock));
	vsock.event_buffer[2] = VIRTIO_VSOCK_EVENT_TRANSPORT_RESET;
	device_use(&vsock.ring[VIRTIO_VSOCK_QUEUE_EVENT], 2, 4);
	assert_true(virtio_vsock_take_event(&vsock));
	assert_false(virtio_vsock_take_event(&vsock));
	vsock.event_buffer[3] = 99;
	device_use(&vsock.ring[VIRTIO_VSOCK_QUEUE_EVENT], 3, 4);
	assert_false(virtio_vsock_take_event(&vsock));
	free(vsock_memory);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(published_only_when_told),
		TEST(kicks_when_the_event_is_passed),
		TEST(kicks_once_per_batch),
		TEST(arm_sees_what_came_before),
		TEST(bad_ids_break_the_ring),
		cmocka_unit_test(configuration_is_checked),
		cmocka_unit_test(descriptors_name_the_buffers),
		cmocka_unit_test(stuck_destination_leaves_room),
		cmocka_unit_test(finished_out_of_order),
		cmocka_unit_test(broken_packets_are_dropped),
		cmocka_unit_test(transport_reset_event),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
