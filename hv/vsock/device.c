/* SPDX-License-Identifier: MIT */
/*
 * The virtio-vsock device (virtio 1.2, 5.10) of a port: feature negotiation, queues, configuration.
 * The event queue is accepted and never used: a port's CID does not change.
 *
 * Locking: the transport holds the partition's device lock, but for notify; everything that the
 * switch looks at changes under the switch lock.
 */
#include "hv/vsock/forward.h"
#include "hv/vsock/port.h"
#include "hv/vsock/switch.h"

#include <errno.h>

#define FEATURES                                                                          \
	(VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_INDEX | VIRTIO_F_INDIRECT | VSOCK_F_STREAM | \
	 VSOCK_F_SEQPACKET)

static bool features_ok(void *device, uint64_t features)
{
	struct vsock_port *port = device;

	if ((features & VIRTIO_F_VERSION_1) == 0 || (features & ~FEATURES) != 0) {
		return false;
	}
	port->features = features;
	return true;
}

/* STREAM is there without being taken: Linux' driver knows no bit for it (virtio 1.3, 5.10.3, where
 * a device may act so as long as NO_IMPLIED_STREAM is not negotiated). */
static uint32_t types_of(uint64_t features)
{
	uint32_t seqpacket = (features & VSOCK_F_SEQPACKET) != 0 ? 1U << VSOCK_TYPE_SEQPACKET : 0;

	return seqpacket | 1U << VSOCK_TYPE_STREAM;
}

static int queue_enable(void *device, uint16_t queue, const struct virtio_queue_config *config)
{
	struct vsock_port *port = device;
	struct virtq event;
	struct virtq *q = queue == VSOCK_QUEUE_RX   ? &port->rx
			  : queue == VSOCK_QUEUE_TX ? &port->tx
						    : &event;
	struct vsock_turn turn;
	enum vsock_fault fault;

	if (queue >= VSOCK_QUEUE_COUNT) {
		return -EINVAL;
	}
	vsock_port_begin(&turn);
	fault = port->state == VSOCK_STATE_DOWN
			? virtq_enable(q, config, port->mem,
				       (port->features & VIRTIO_F_EVENT_INDEX) != 0,
				       (port->features & VIRTIO_F_INDIRECT) != 0)
			: VSOCK_FAULT_QUEUE_LATE;
	if (fault != VSOCK_FAULT_NONE) {
		vsock_port_blame(&turn, port, (enum vsock_queue)queue, fault, VSOCK_NO_DESCRIPTOR);
		vsock_forward_resets(&turn);
	}
	vsock_port_end(&turn);
	return fault == VSOCK_FAULT_NONE ? 0 : -EINVAL;
}

static void open_locked(struct vsock_turn *turn, struct vsock_port *port)
{
	if (port->rx.size == 0 || port->tx.size == 0) {
		vsock_port_fail(turn, port, port->rx.size == 0 ? VSOCK_QUEUE_RX : VSOCK_QUEUE_TX,
				VSOCK_FAULT_QUEUE_MISSING, VSOCK_NO_DESCRIPTOR);
		return;
	}
	port->types = types_of(port->features);
	port->state = VSOCK_STATE_UP;
	if (!vsock_switch.polling && virtq_arm(&port->tx) != VIRTQ_EMPTY) {
		atomic_fetch_or_explicit(&port->work, VSOCK_WORK_TX, memory_order_relaxed);
	}
}

static void driver_ok(void *device)
{
	struct vsock_port *port = device;
	struct vsock_turn turn;

	vsock_port_begin(&turn);
	if (port->state == VSOCK_STATE_DOWN) {
		open_locked(&turn, port);
	}
	vsock_port_end(&turn);
}

static void reset(void *device)
{
	struct vsock_port *port = device;
	struct vsock_turn turn;

	vsock_port_begin(&turn);
	vsock_port_close(&turn, port, VSOCK_STATE_DOWN);
	vsock_forward_resets(&turn);
	atomic_store_explicit(&port->work, 0, memory_order_relaxed);
	vsock_port_end(&turn);
	port->features = 0;
}

static void notify(void *device, uint16_t queue)
{
	struct vsock_port *port = device;

	atomic_fetch_add_explicit(&port->kicks, 1, memory_order_relaxed);
	if (queue <= VSOCK_QUEUE_TX) {
		/* Pairs with the acquire in vsock_switch_turn. */
		atomic_fetch_or_explicit(&port->work,
					 queue == VSOCK_QUEUE_TX ? VSOCK_WORK_TX : VSOCK_WORK_RX,
					 memory_order_release);
	}
}

/* virtio 1.2, 5.10.4: guest_cid, 8 bytes. */
static uint32_t config_read(void *device, uint32_t offset, uint32_t size)
{
	const struct vsock_port *port = device;
	uint64_t value = offset < sizeof(port->cid) ? port->cid >> offset * 8U : 0;

	return (uint32_t)(value & ((1ULL << size * 8U) - 1));
}

const struct virtio_device_ops vsock_device_ops = {
	.device_id = 19,
	.queue_count = VSOCK_QUEUE_COUNT,
	.queue_size_max = VIRTQ_SIZE_MAX,
	.features = FEATURES,
	.features_ok = features_ok,
	.queue_enable = queue_enable,
	.driver_ok = driver_ok,
	.reset = reset,
	.notify = notify,
	.config_read = config_read,
};
