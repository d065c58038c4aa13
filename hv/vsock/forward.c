/* SPDX-License-Identifier: MIT */
/*
 * Validation, routing, and delivery at once where nobody waits. Locking: the switch lock.
 *
 * Nearly every packet lies in one buffer and goes into one buffer that waits for it: such a packet
 * passes without a slot (take_packet, deliver_plain). All others are put into their slot first.
 */
#include "hv/vsock/forward.h"

#include "hv/vsock/deliver.h"
#include "hv/vsock/policy.h"
#include "hv/vsock/schedule.h"

#define LIKELY(x) __builtin_expect((x), 1)

/* virtio 1.2, 5.10.6; only RW carries payload. `room` is what the buffers hold. */
static inline bool header_ok(const struct vsock_port *port, const struct vsock_header *header,
			     uint64_t room)
{
	if (header->src_cid != port->cid || header->type > VSOCK_TYPE_SEQPACKET ||
	    (port->types >> header->type & 1U) == 0 ||
	    header->op - (unsigned)VSOCK_OP_REQUEST > VSOCK_OP_CREDIT_REQUEST - VSOCK_OP_REQUEST) {
		return false;
	}
	return header->len == 0 ||
	       (header->op == VSOCK_OP_RW && header->len <= min_u64(room, VSOCK_PACKET_MAX));
}

/* The destination, or NULL when the packet is refused, which is counted. The policy is asked before
 * the state, so that whoever may not talk to a partition does not learn whether it runs. */
static inline struct vsock_port *route(struct vsock_port *port, const struct vsock_header *header,
				       uint64_t room)
{
	struct vsock_port *to = NULL;
	struct vsock_rule *rule;

	port->counters.tx_packets++;
	if (LIKELY(header_ok(port, header, room)) && LIKELY(header->dst_cid <= MUX_CID_MAX)) {
		to = vsock_port_by_cid((uint32_t)header->dst_cid);
	}
	if (to == NULL) {
		port->counters.refused_address++;
		return NULL;
	}
	rule = vsock_policy_permits(port->index, to->index, header);
	if (rule == NULL) {
		port->counters.refused_policy++;
		return NULL;
	}
	if (to->state != VSOCK_STATE_UP) {
		port->counters.refused_address++;
		return NULL;
	}
	rule->packets++;
	port->counters.tx_bytes += header->len;
	return to;
}

/* A head that the switch keeps. */
static void slot_fill(struct vsock_port *port, struct vsock_slot *slot)
{
	slot->header.src_cid = port->cid; /* the stamp: never the sender's word */
	slot->flags = slot->header.flags;
	slot->remaining = slot->header.len;
	slot->is_reset = false;
	port->busy[slot->head / 64U] |= 1ULL << slot->head % 64U;
}

/* `buffer` is one that was taken from `to` already, or NULL. */
static void forward(struct vsock_turn *turn, struct vsock_port *port, struct vsock_slot *slot,
		    struct vsock_port *to, struct vsock_buffer *buffer)
{
	enum vsock_delivery result = VSOCK_DELIVERED;
	struct vsock_buffer taken;

	while (buffer != NULL || (to->waiting == 0 && !vsock_port_exhausted(turn))) {
		if (buffer == NULL) {
			buffer = &taken;
			result = vsock_deliver_take(turn, to, buffer);
		}
		if (result == VSOCK_DELIVERED) {
			result = vsock_deliver_part(turn, slot, to, buffer);
		}
		if (result != VSOCK_DELIVERED) {
			break;
		}
		if (slot->remaining == 0) {
			vsock_port_complete(turn, port, slot);
			return;
		}
		buffer = NULL;
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

/* A packet in several buffers, or a broken one. */
static void take_chain(struct vsock_turn *turn, struct vsock_port *port, struct vsock_slot *slot,
		       struct virtq_desc first)
{
	enum vsock_fault fault = virtq_read_chain(&port->tx, slot->head, first, 0, &slot->chain);
	struct vsock_port *to;

	if (fault == VSOCK_FAULT_NONE && slot->chain.length < VSOCK_HEADER_SIZE) {
		fault = VSOCK_FAULT_TX_SHORT;
		slot->chain.bad = slot->head;
	}
	if (fault != VSOCK_FAULT_NONE) {
		vsock_port_fail(turn, port, VSOCK_QUEUE_TX, fault, slot->chain.bad);
		return;
	}
	vsock_deliver_load_header(slot);
	to = route(port, &slot->header, slot->chain.length - VSOCK_HEADER_SIZE);
	slot_fill(port, slot);
	if (to == NULL) {
		vsock_schedule_refuse(turn, port, slot);
	} else {
		forward(turn, port, slot, to, NULL);
	}
}

/* A packet that lies in one buffer, on its way. */
struct plain {
	struct vsock_header header; /* copied from the buffer */
	uint8_t *base;		    /* the buffer */
	uint32_t length;
	uint16_t head;
};

/* Into one buffer that holds it all, or false. */
static inline bool deliver_plain(struct vsock_turn *turn, struct vsock_port *port,
				 const struct plain *packet, struct vsock_port *to,
				 const struct vsock_buffer *buffer)
{
	uint32_t payload = packet->header.len;
	uint8_t *room;

	if (payload > VSOCK_PART_MAX) {
		return false;
	}
	/* One byte more than the packet: a buffer that is too short for anything is not for us. */
	room = virtq_plain_buffer(&to->rx, &buffer->desc, VIRTQ_DESC_WRITE,
				  VSOCK_HEADER_SIZE + payload + (payload == 0));
	if (room == NULL) {
		return false;
	}
	__builtin_memcpy(room, &packet->header, VSOCK_HEADER_SIZE);
	vsock_deliver_copy(room + VSOCK_HEADER_SIZE, packet->base + VSOCK_HEADER_SIZE, payload);
	vsock_deliver_finish(turn, to, buffer->head, payload);
	virtq_push(&port->tx, packet->head, 0);
	turn->dirty_tx |= port->bit;
	return true;
}

/* Puts a plain packet into its slot, and refuses or forwards it. */
static void keep_plain(struct vsock_turn *turn, struct vsock_port *port, const struct plain *packet,
		       struct vsock_port *to, struct vsock_buffer *buffer)
{
	struct vsock_slot *slot = &port->slots[packet->head];

	slot->header = packet->header;
	slot->chain.segment[0] = (struct virtq_segment){packet->base, packet->length};
	slot->segment = 0;
	slot->offset = VSOCK_HEADER_SIZE;
	slot_fill(port, slot);
	if (to == NULL) {
		vsock_schedule_refuse(turn, port, slot);
	} else {
		forward(turn, port, slot, to, buffer);
	}
}

static inline void take_packet(struct vsock_turn *turn, struct vsock_port *port, uint16_t head)
{
	struct virtq_desc first = virtq_read_desc(port->tx.table, head);
	struct vsock_buffer buffer;
	struct plain packet;
	struct vsock_port *to;

	turn->budget -= VSOCK_STEP_COST;
	if ((port->busy[head / 64U] >> head % 64U & 1U) != 0) {
		vsock_port_fail(turn, port, VSOCK_QUEUE_TX, VSOCK_FAULT_HEAD_BUSY, head);
		return;
	}
	packet.base = virtq_plain_buffer(&port->tx, &first, 0, VSOCK_HEADER_SIZE);
	if (packet.base == NULL) {
		take_chain(turn, port, &port->slots[head], first);
		return;
	}
	packet.head = head;
	packet.length = first.length;
	__builtin_memcpy(&packet.header, packet.base, VSOCK_HEADER_SIZE);
	/* The compiler may not go back to the guest's memory for a field of the copy. */
	atomic_signal_fence(memory_order_seq_cst);
	to = route(port, &packet.header, first.length - VSOCK_HEADER_SIZE);
	if (LIKELY(to != NULL) && LIKELY(to->waiting == 0) && !vsock_port_exhausted(turn)) {
		enum vsock_delivery result = vsock_deliver_take(turn, to, &buffer);

		if (LIKELY(result == VSOCK_DELIVERED)) {
			if (!deliver_plain(turn, port, &packet, to, &buffer)) {
				keep_plain(turn, port, &packet, to, &buffer);
			}
			return;
		}
		if (result == VSOCK_FAILED) {
			if (port == to) {
				return; /* its own packets are gone */
			}
			to = NULL;
		}
	}
	keep_plain(turn, port, &packet, to, NULL);
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
