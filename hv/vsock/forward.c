/* SPDX-License-Identifier: MIT */
/*
 * Validation, routing, and delivery at once where nobody waits. Locking: the switch lock.
 */
#include "hv/vsock/forward.h"

#include "hv/vsock/deliver.h"
#include "hv/vsock/policy.h"
#include "hv/vsock/schedule.h"

/* virtio 1.2, 5.10.6; only RW carries payload. */
static bool header_ok(const struct vsock_port *port, const struct vsock_slot *slot)
{
	const struct vsock_header *header = &slot->header;

	if (header->src_cid != port->cid || header->type > VSOCK_TYPE_SEQPACKET ||
	    (port->types & (1U << header->type)) == 0 ||
	    header->op - (unsigned)VSOCK_OP_REQUEST > VSOCK_OP_CREDIT_REQUEST - VSOCK_OP_REQUEST) {
		return false;
	}
	return header->len == 0 || (header->op == VSOCK_OP_RW && header->len <= VSOCK_PACKET_MAX &&
				    header->len <= slot->chain.length - VSOCK_HEADER_SIZE);
}

/* The destination, or NULL when the packet is refused, which is counted. The policy is asked before
 * the state, so that whoever may not talk to a partition does not learn whether it runs. */
static struct vsock_port *route(struct vsock_port *port, const struct vsock_slot *slot)
{
	const struct vsock_header *header = &slot->header;
	struct vsock_port *to = NULL;

	if (header_ok(port, slot) && header->dst_cid <= MUX_CID_MAX) {
		to = vsock_port_find((uint32_t)header->dst_cid);
	}
	if (to != NULL) {
		struct vsock_rule *rule = vsock_policy_permits(port->index, to->index, header);

		if (rule == NULL) {
			port->counters.refused_policy++;
			return NULL;
		}
		if (to->state == VSOCK_STATE_UP) {
			rule->packets++;
			return to;
		}
	}
	port->counters.refused_address++;
	return NULL;
}

static void forward(struct vsock_turn *turn, struct vsock_port *port, struct vsock_slot *slot,
		    struct vsock_port *to)
{
	enum vsock_delivery result = VSOCK_DELIVERED;

	while (to->waiting == 0 && !vsock_port_exhausted(turn)) {
		result = vsock_deliver_part(turn, slot, to);
		if (result != VSOCK_DELIVERED) {
			break;
		}
		if (slot->remaining == 0) {
			vsock_port_complete(turn, port, slot);
			return;
		}
	}
	if (result == VSOCK_FAILED) {
		if (port != to) { /* else the slot is gone with the port */
			vsock_schedule_refuse(turn, port, slot);
		}
		return;
	}
	vsock_schedule_add(port, slot, to);
	if (result == VSOCK_DELIVERED) {
		port->owed |= to->bit; /* not stopped by a lack of buffers: no kick will come */
	}
}

static enum vsock_fault read_packet(struct vsock_port *port, struct vsock_slot *slot)
{
	uint16_t head = slot->head;
	enum vsock_fault fault;

	slot->chain.bad = head;
	if ((port->busy[head / 64U] >> head % 64U & 1U) != 0) {
		return VSOCK_FAULT_HEAD_BUSY;
	}
	fault = virtq_read_chain(&port->tx, head, 0, &slot->chain);
	if (fault == VSOCK_FAULT_NONE && slot->chain.length < VSOCK_HEADER_SIZE) {
		fault = VSOCK_FAULT_TX_SHORT;
		slot->chain.bad = head;
	}
	return fault;
}

static void take_packet(struct vsock_turn *turn, struct vsock_port *port, uint16_t head)
{
	struct vsock_slot *slot = &port->slots[head];
	enum vsock_fault fault = read_packet(port, slot);
	struct vsock_port *to;

	turn->steps--;
	if (fault != VSOCK_FAULT_NONE) {
		vsock_port_fail(turn, port, VSOCK_QUEUE_TX, fault, slot->chain.bad);
		return;
	}
	vsock_deliver_load_header(slot);
	slot->flags = slot->header.flags;
	slot->remaining = slot->header.len;
	slot->is_reset = false;
	port->busy[head / 64U] |= 1ULL << head % 64U;
	to = route(port, slot);
	port->counters.tx_packets++;
	if (to == NULL) {
		vsock_schedule_refuse(turn, port, slot);
		return;
	}
	port->counters.tx_bytes += slot->remaining;
	slot->header.src_cid = port->cid; /* the stamp: never the sender's word */
	forward(turn, port, slot, to);
}

bool vsock_forward_packets(struct vsock_turn *turn, struct vsock_port *port)
{
	while (port->state == VSOCK_STATE_UP) {
		enum virtq_take take;
		uint16_t head;

		if (vsock_port_exhausted(turn)) {
			return false;
		}
		take = vsock_port_take(&port->tx, &head);
		if (take == VIRTQ_EMPTY) {
			return true;
		}
		if (take != VIRTQ_TAKEN) {
			vsock_port_fail(turn, port, VSOCK_QUEUE_TX, virtq_take_fault(take),
					VSOCK_NO_DESCRIPTOR);
			return true;
		}
		take_packet(turn, port, head);
	}
	return true;
}

void vsock_forward_owed(struct vsock_turn *turn, struct vsock_port *port)
{
	uint32_t behind = port->owed & (~0U << port->owed_next);
	uint32_t order[2] = {behind, port->owed & ~behind};

	for (uint32_t half = 0; half < 2; half++) {
		for (uint32_t mask = order[half]; mask != 0; mask &= mask - 1) {
			uint32_t index = (uint32_t)__builtin_ctz(mask);
			struct vsock_port *to = &vsock_switch.port[index];

			if (!vsock_schedule_serve(turn, to, port->bit)) {
				port->owed_next = (uint8_t)((index + 1) % MUX_PARTITIONS_MAX);
				return;
			}
			port->owed &= ~to->bit;
		}
	}
}

void vsock_forward_resets(struct vsock_turn *turn)
{
	uint32_t mask;

	/* Serving may close a port, which queues more resets: a closed port is not up again before
	 * the lock was released, so that this ends. */
	while ((mask = turn->resets) != 0) {
		struct vsock_port *to = &vsock_switch.port[__builtin_ctz(mask)];

		turn->resets &= ~to->bit;
		if (!vsock_schedule_serve(turn, to, to->bit)) {
			to->owed |= to->bit;
			atomic_fetch_or_explicit(&to->work, VSOCK_WORK_OWED, memory_order_relaxed);
			virtio_pci_queue_interrupt(to->transport, VSOCK_QUEUE_RX);
		}
	}
}
