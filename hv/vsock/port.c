/* SPDX-License-Identifier: MIT */
/*
 * Ports: attaching, the holding of the switch lock, closing after a fault or reset, counters.
 * Locking: see port.h.
 */
#include "hv/vsock/port.h"

#include "hv/log.h"
#include "hv/vsock/policy.h"
#include "hv/vsock/schedule.h"

#include <errno.h>
#include <string.h>

#define MEMORY_ALIGNMENT 64U
#define SLOTS_OFFSET	 align_up(sizeof(struct vsock_port), MEMORY_ALIGNMENT)
#define FAULT_LOGS	 16U /* lines a port: its driver must not flood the console */

struct vsock_switch vsock_switch;

void vsock_switch_init(void)
{
	memset(&vsock_switch, 0, sizeof(vsock_switch));
	vsock_switch.generation = 1;
	vsock_policy_init();
}

void vsock_switch_set_polling(void)
{
	vsock_switch.polling = true;
}

size_t vsock_port_memory_size(void)
{
	return SLOTS_OFFSET + VIRTQ_SIZE_MAX * sizeof(struct vsock_slot);
}

static bool config_ok(const struct vsock_port_config *config)
{
	return config->cid >= MUX_CID_MIN && config->cid <= MUX_CID_MAX && config->weight >= 1 &&
	       config->weight <= VSOCK_WEIGHT_MAX && config->memory != NULL &&
	       (uintptr_t)config->memory % MEMORY_ALIGNMENT == 0;
}

static void clear_waits(struct vsock_port *port)
{
	for (uint32_t i = 0; i < MUX_PARTITIONS_MAX; i++) {
		port->wait[i] = (struct vsock_wait){VSOCK_SLOT_NONE, VSOCK_SLOT_NONE, 0};
	}
}

int vsock_port_attach(const struct vsock_port_config *config, struct vsock_port **out)
{
	struct vsock_port *port = config->memory;

	if (!config_ok(config)) {
		return -EINVAL;
	}
	if (vsock_port_find(config->cid) != NULL) {
		return -EEXIST;
	}
	if (vsock_switch.port_count == MUX_PARTITIONS_MAX) {
		return -ENOSPC;
	}
	memset(config->memory, 0, vsock_port_memory_size());
	port->index = (uint8_t)vsock_switch.port_count;
	port->bit = 1U << port->index;
	port->cid = config->cid;
	port->quantum = config->weight * VSOCK_QUANTUM;
	port->name = config->name;
	port->mem = config->mem;
	port->transport = config->transport;
	port->slots = (struct vsock_slot *)(void *)((uint8_t *)config->memory + SLOTS_OFFSET);
	port->fault_logs = FAULT_LOGS;
	for (uint32_t i = 0; i < VIRTQ_SIZE_MAX; i++) {
		port->slots[i].head = (uint8_t)i;
	}
	clear_waits(port);
	port->flow.dst_cid = VSOCK_FLOW_NONE;
	vsock_switch.by_cid[config->cid] = port;
	vsock_switch.port[port->index] = port;
	vsock_switch.port_count++;
	*out = port;
	return 0;
}

struct vsock_port *vsock_port_find(uint32_t cid)
{
	return cid <= MUX_CID_MAX ? vsock_switch.by_cid[cid & MUX_CID_MAX] : NULL;
}

void vsock_port_begin(struct vsock_turn *turn)
{
	spin_lock(&vsock_switch.lock);
	turn->dirty_rx = 0;
	turn->dirty_tx = 0;
	turn->resets = 0;
	vsock_port_budget(turn);
}

static inline struct vsock_port *take_bit(uint32_t *mask)
{
	uint32_t index = (uint32_t)__builtin_ctz(*mask);

	*mask &= *mask - 1;
	return vsock_switch.port[index];
}

static inline void signal_driver(struct vsock_port *port, struct virtq *q, enum vsock_queue number)
{
	if (!virtq_has_fresh(q)) {
		return; /* writing the same index again would cost the driver a cache line */
	}
	virtq_publish(q);
	/* Pairs with the driver's full barrier between writing used_event and looking at the used
	 * index (virtio 1.2, 2.7.14): it sees our index, or we see its event. */
	atomic_thread_fence(memory_order_seq_cst);
	if (virtq_wants_interrupt(q)) {
		virtio_pci_queue_interrupt(port->transport, (uint16_t)number);
	}
}

/* Outside the lock: a line on a serial console takes milliseconds. */
static void log_fault(void)
{
	static const char *const queues[VSOCK_QUEUE_COUNT] = {"rx", "tx", "event"};
	uint32_t mask;

	spin_lock(&vsock_switch.lock);
	mask = atomic_load_explicit(&vsock_switch.unlogged, memory_order_relaxed);
	if (mask == 0) { /* another CPU was faster */
		spin_unlock(&vsock_switch.lock);
		return;
	}
	const struct vsock_port *port = take_bit(&mask);
	const char *queue = queues[port->fault_queue];
	const char *fault = vsock_fault_text(port->fault);
	unsigned descriptor = port->fault_descriptor;

	atomic_store_explicit(&vsock_switch.unlogged, mask, memory_order_relaxed);
	spin_unlock(&vsock_switch.lock);
	if (descriptor == VSOCK_NO_DESCRIPTOR) {
		log_warn("%s: vsock port stopped: %s queue: %s", port->name, queue, fault);
	} else {
		log_warn("%s: vsock port stopped: %s queue, descriptor %u: %s", port->name, queue,
			 descriptor, fault);
	}
}

void vsock_port_end(struct vsock_turn *turn)
{
	for (uint32_t mask = turn->dirty_rx; mask != 0;) {
		struct vsock_port *port = take_bit(&mask);

		signal_driver(port, &port->rx, VSOCK_QUEUE_RX);
	}
	for (uint32_t mask = turn->dirty_tx; mask != 0;) {
		struct vsock_port *port = take_bit(&mask);

		signal_driver(port, &port->tx, VSOCK_QUEUE_TX);
	}
	spin_unlock(&vsock_switch.lock);
	while (__builtin_expect(
		atomic_load_explicit(&vsock_switch.unlogged, memory_order_relaxed) != 0, 0)) {
		log_fault();
	}
}

static void drop_own_packets(struct vsock_port *port)
{
	for (uint32_t mask = port->waits; mask != 0;) {
		struct vsock_port *to = take_bit(&mask);

		to->waiting &= ~port->bit;
		if (to->waiting == 0 && to->rx.armed) {
			virtq_disarm(&to->rx);
		}
	}
	clear_waits(port);
	port->waits = 0;
	port->owed = 0;
	memset(port->busy, 0, sizeof(port->busy));
}

void vsock_port_close(struct vsock_turn *turn, struct vsock_port *port, enum vsock_state state)
{
	vsock_switch.generation++;
	drop_own_packets(port);
	port->state = state;
	virtq_disable(&port->rx);
	virtq_disable(&port->tx);
	turn->resets &= ~port->bit;
	for (uint32_t mask = port->waiting; mask != 0;) {
		struct vsock_port *from = take_bit(&mask);

		while (from->wait[port->index].first != VSOCK_SLOT_NONE) {
			vsock_schedule_refuse(turn, from, vsock_schedule_pop(from, port));
		}
	}
}

void vsock_port_blame(struct vsock_turn *turn, struct vsock_port *port, enum vsock_queue queue,
		      enum vsock_fault fault, uint32_t descriptor)
{
	uint32_t mask = atomic_load_explicit(&vsock_switch.unlogged, memory_order_relaxed);

	port->counters.device_errors++;
	port->fault = fault;
	port->fault_queue = (uint16_t)queue;
	port->fault_descriptor = descriptor;
	if (port->fault_logs != 0) {
		port->fault_logs--;
		atomic_store_explicit(&vsock_switch.unlogged, mask | port->bit,
				      memory_order_relaxed);
	}
	vsock_port_close(turn, port, VSOCK_STATE_BROKEN);
}

void vsock_port_fail(struct vsock_turn *turn, struct vsock_port *port, enum vsock_queue queue,
		     enum vsock_fault fault, uint32_t descriptor)
{
	vsock_port_blame(turn, port, queue, fault, descriptor);
	virtio_pci_needs_reset(port->transport);
}

void vsock_port_stats(struct vsock_port *port, struct mux_stats *stats)
{
	struct vsock_counters counters;

	spin_lock(&vsock_switch.lock);
	counters = port->counters;
	spin_unlock(&vsock_switch.lock);
	stats->kicks = atomic_load_explicit(&port->kicks, memory_order_relaxed);
	stats->tx_packets = counters.tx_packets;
	stats->tx_bytes = counters.tx_bytes;
	stats->rx_packets = counters.rx_packets;
	stats->rx_bytes = counters.rx_bytes;
	stats->copied_bytes = counters.rx_bytes;
	stats->refused_policy = counters.refused_policy;
	stats->refused_address = counters.refused_address;
	stats->resets_sent = counters.resets_sent;
	stats->device_errors = counters.device_errors;
}
