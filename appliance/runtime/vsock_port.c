// SPDX-License-Identifier: MIT
/*
 * The partition's vsock port: finds the virtio device, gives it rings, and runs driver and sockets.
 */
#include "appliance/runtime/vsock_port.h"
#include "appliance/runtime/runtime.h"
#include "drivers/virtio_pci_guest.h"
#include "drivers/virtio_vsock.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#define VSOCK_DEVICE_ID 19U
#define RECEIVE_BUDGET	VIRTIO_RING_SIZE_MAX
#define DRAIN_US	1000000U

static struct virtio_pci_guest device;
static struct virtio_vsock driver;
static struct vsock_stack stack;
static bool is_started;
static struct mux_vsock_config config = MUX_VSOCK_CONFIG_DEFAULT;

int mux_vsock_configure(const struct mux_vsock_config *wanted)
{
	if (is_started) {
		return -EBUSY;
	}
	if (wanted->rx_buffer_count < 2 || wanted->rx_buffer_count > VIRTIO_RING_SIZE_MAX ||
	    wanted->tx_buffer_count < 4 || wanted->tx_buffer_count > VIRTIO_RING_SIZE_MAX ||
	    wanted->rx_buffer_size < 1 || wanted->rx_buffer_size > VIRTIO_VSOCK_PAYLOAD_MAX ||
	    wanted->tx_buffer_size < 1 || wanted->tx_buffer_size > VIRTIO_VSOCK_PAYLOAD_MAX) {
		return -EINVAL;
	}
	config = *wanted;
	return 0;
}

void mux_vsock_get_counters(struct mux_vsock_counters *out)
{
	*out = (struct mux_vsock_counters){
		.tx_packets = driver.tx_packets,
		.tx_bytes = driver.tx_bytes,
		.rx_packets = driver.rx_packets,
		.rx_bytes = driver.rx_bytes,
		.kicks = driver.kicks,
		.halts = idle_halt_count(),
		.interrupts = idle_interrupt_count(),
		.rx_dropped = driver.rx_dropped + stack.packets_dropped,
		.resets = stack.protocol_errors,
	};
}

static void port_kick(void *context, uint16_t queue)
{
	(void)context;
	virtio_pci_guest_notify(&device, queue);
}

static int port_send(void *context, const struct virtio_vsock_packet *packet, const void *payload)
{
	(void)context;
	return virtio_vsock_send(&driver, packet, payload);
}

static uint32_t port_room(void *context, uint32_t cid)
{
	(void)context;
	return virtio_vsock_room(&driver, cid);
}

static uint64_t port_now(void *context)
{
	(void)context;
	return clock_now_us();
}

static void port_receive(void *context, const struct virtio_vsock_packet *packet,
			 const uint8_t *payload)
{
	vsock_socket_receive(context, packet, payload);
}

static uint32_t read_cid(void)
{
	return virtio_pci_guest_config_read32(&device, 0);
}

/* The program cannot know the device's queue sizes: more buffers than fit are not an error. */
static uint32_t clamp_count(uint32_t count, uint32_t max)
{
	return count < max ? count : max;
}

/* Memory of rings and buffers, and the device's view of it. */
static int start_driver(void)
{
	struct virtio_vsock_config setup = {
		.rx_count = config.rx_buffer_count,
		.rx_payload = config.rx_buffer_size,
		.tx_count = config.tx_buffer_count,
		.tx_payload = config.tx_buffer_size,
	};
	size_t size;
	void *memory;

	for (uint16_t i = 0; i < VIRTIO_VSOCK_QUEUES; i++) {
		setup.queue_size_max[i] = virtio_pci_guest_queue_size_max(&device, i);
	}
	setup.rx_count = clamp_count(setup.rx_count, setup.queue_size_max[VIRTIO_VSOCK_QUEUE_RX]);
	setup.tx_count = clamp_count(setup.tx_count, setup.queue_size_max[VIRTIO_VSOCK_QUEUE_TX]);
	size = virtio_vsock_memory_size(&setup);
	if (size == 0) {
		return -EINVAL;
	}
	memory = memalign(4096, size);
	if (memory == NULL) {
		return -ENOMEM;
	}
	memset(memory, 0, size);
	virtio_vsock_init(&driver, &setup, memory, (uint64_t)(uintptr_t)memory, port_kick, NULL);
	return 0;
}

static int start_queues(void)
{
	for (uint16_t i = 0; i < VIRTIO_VSOCK_QUEUES; i++) {
		const struct virtio_ring *ring = &driver.ring[i];
		struct virtio_pci_guest_queue queue = {
			.size = ring->size,
			.descriptors = driver.gpa[i],
			.available = driver.gpa[i] + virtio_ring_available_offset(ring->size),
			.used = driver.gpa[i] + virtio_ring_used_offset(ring->size),
		};
		int error = virtio_pci_guest_queue_enable(&device, i, &queue);

		if (error != 0) {
			return error;
		}
	}
	return 0;
}

static int start_device(void)
{
	int error = virtio_pci_guest_find(&device, VSOCK_DEVICE_ID);

	if (error == 0) {
		error = virtio_pci_guest_negotiate(&device, VIRTIO_VSOCK_FEATURES);
	}
	if (error == 0) {
		error = start_driver();
	}
	if (error == 0 && !config.busy_poll) {
		error = virtio_pci_guest_set_vectors(&device, idle_apic_id(), RUNTIME_VECTOR_DEVICE,
						     RUNTIME_VECTOR_CONFIGURATION,
						     VIRTIO_VSOCK_QUEUES);
	}
	if (error == 0) {
		error = start_queues();
	}
	if (error == 0) {
		error = virtio_pci_guest_driver_ok(&device);
	}
	return error;
}

struct vsock_stack *vsock_port_start(void)
{
	struct vsock_transport transport = {
		.send = port_send,
		.room = port_room,
		.now = port_now,
		.payload_max = config.tx_buffer_size,
	};
	int error;

	if (is_started) {
		return &stack;
	}
	error = start_device();
	if (error != 0) {
		errno = -error;
		return NULL;
	}
	transport.packets_max = virtio_vsock_room_max(&driver);
	vsock_socket_stack_init(&stack, &transport, read_cid(), syscalls_heap_size() / 2,
				(uint32_t)(mux_tsc() >> 8));
	virtio_vsock_start(&driver);
	is_started = true;
	return &stack;
}

void vsock_port_flush(void)
{
	if (is_started) {
		virtio_vsock_flush(&driver);
	}
}

/* Received packets, in the number taken. */
static uint32_t pump(void)
{
	uint32_t taken;

	if (virtio_vsock_take_event(&driver)) {
		vsock_socket_stack_reset(&stack, read_cid());
	}
	taken = virtio_vsock_receive(&driver, port_receive, &stack, RECEIVE_BUDGET);
	vsock_socket_run(&stack);
	virtio_vsock_flush(&driver);
	return taken;
}

void vsock_port_pump(void)
{
	if (is_started) {
		pump();
	}
}

/* The device says so when the driver broke its rules (DEVICE_NEEDS_RESET, virtio 1.2, 2.1.1), and a
 * device that breaks them has no business here either. */
static void check_device(void)
{
	if (virtio_vsock_is_broken(&driver) ||
	    (idle_take_configuration_change() && virtio_pci_guest_needs_reset(&device))) {
		runtime_fatal("the vsock device stopped");
	}
}

/* False: there is something to do, or polling is wanted: do not halt. */
static bool prepare_halt(uint64_t *deadline_us)
{
	uint64_t next;

	if (!is_started) {
		return true;
	}
	if (pump() != 0) {
		return false;
	}
	check_device();
	if (config.busy_poll) {
		__builtin_ia32_pause();
		return false;
	}
	next = vsock_socket_next_deadline(&stack);
	if (next < *deadline_us) {
		*deadline_us = next;
	}
	return true;
}

void vsock_port_wait(uint64_t deadline_us)
{
	if (!prepare_halt(&deadline_us)) {
		return;
	}
	idle_interrupts_off();
	if (is_started && !virtio_vsock_arm(&driver)) {
		idle_interrupts_on();
		return;
	}
	idle_halt(deadline_us);
}

void vsock_port_drain(void)
{
	uint64_t deadline;

	if (!is_started) {
		return;
	}
	deadline = clock_now_us() + DRAIN_US;
	while (clock_now_us() < deadline &&
	       (!virtio_vsock_is_drained(&driver) || vsock_socket_has_work(&stack))) {
		vsock_port_wait(deadline);
	}
}
