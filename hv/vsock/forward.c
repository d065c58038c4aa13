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

_Static_assert(VSOCK_HEADER_SIZE + VSOCK_PART_MAX <= VIRTQ_PLAIN_MAX, "a plain packet fits");

/* A packet whose payload lies in one buffer, on its way. */
struct plain {
	struct vsock_header header; /* copied from the buffer */
	uint8_t *payload;
	uint32_t room; /* bytes there */
	uint32_t head;
};

/* src_port and dst_port; type and op. */
static inline uint64_t ports_of(const struct vsock_header *header)
{
	uint64_t ports;

	__builtin_memcpy(&ports, (const uint8_t *)header + offsetof(struct vsock_header, src_port),
			 sizeof(ports));
	return ports;
}

static inline uint32_t kind_of(const struct vsock_header *header)
{
	uint32_t kind;

	__builtin_memcpy(&kind, (const uint8_t *)header + offsetof(struct vsock_header, type),
			 sizeof(kind));
	return kind;
}

/* virtio 1.2, 5.10.6; only RW carries payload. `room` is what the buffers hold. */
static inline bool header_ok(const struct vsock_port *port, const struct vsock_header *header,
			     uint64_t room)
{
	return header->src_cid == port->cid && header->dst_cid <= MUX_CID_MAX &&
	       header->type <= VSOCK_TYPE_SEQPACKET && (port->types >> header->type & 1U) != 0 &&
	       header->op >= VSOCK_OP_REQUEST && header->op <= VSOCK_OP_CREDIT_REQUEST &&
	       (header->len == 0 || (header->op == VSOCK_OP_RW && header->len <= room));
}

/* The destination, or NULL when the packet is refused, which is counted. The policy is asked before
 * the state, so that whoever may not talk to a partition does not learn whether it runs. */
static struct vsock_port *route(struct vsock_port *port, const struct vsock_header *header,
				uint64_t room, struct vsock_flow *flow)
{
	struct vsock_port *to = NULL;

	port->counters.tx_packets++;
	if (LIKELY(header_ok(port, header, room))) {
		to = vsock_switch.by_cid[header->dst_cid & MUX_CID_MAX];
	}
	if (to == NULL) {
		port->counters.refused_address++;
		return NULL;
	}
	flow->rule = vsock_policy_permits(port, to, header);
	if (flow->rule == NULL) {
		port->counters.refused_policy++;
		return NULL;
	}
	if (to->state != VSOCK_STATE_UP) {
		port->counters.refused_address++;
		return NULL;
	}
	flow->rule->packets++;
	port->counters.tx_bytes += header->len;
	return to;
}

static inline bool flow_has(const struct vsock_flow *flow, const struct vsock_port *port,
			    const struct plain *packet)
{
	return packet->header.dst_cid == flow->dst_cid &&
	       ports_of(&packet->header) == flow->ports && kind_of(&packet->header) == flow->kind &&
	       packet->header.src_cid == port->cid && packet->header.len <= packet->room;
}

static void flow_set(struct vsock_flow *flow, const struct vsock_header *header)
{
	flow->dst_cid = header->dst_cid;
	flow->ports = ports_of(header);
	flow->kind = kind_of(header);
	flow->generation = vsock_switch.generation;
}

/* At the start of a turn: others may have changed what it rests on. */
static inline void flow_check(struct vsock_flow *flow)
{
	if (flow->generation != vsock_switch.generation || flow->to->waiting != 0) {
		flow->dst_cid = VSOCK_FLOW_NONE;
	}
}

/* Whether a plain packet may go to flow->to at once: it is of the flow, or begins a new one. Else
 * *to is its destination, or NULL when it is refused. */
static inline bool flow_permits(struct vsock_flow *flow, struct vsock_port *port,
				const struct plain *packet, struct vsock_port **to)
{
	if (LIKELY(flow_has(flow, port, packet))) {
		port->counters.tx_packets++;
		port->counters.tx_bytes += packet->header.len;
		flow->rule->packets++;
		return true;
	}
	flow->dst_cid = VSOCK_FLOW_NONE;
	*to = route(port, &packet->header, packet->room, flow);
	if (*to == NULL || (*to)->waiting != 0) {
		return false;
	}
	flow->to = *to;
	if (packet->header.op == VSOCK_OP_RW) {
		flow_set(flow, &packet->header);
	}
	return true;
}

/* The slot's header and buffers are there: it is in flight now. */
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
		    struct vsock_port *to, const struct vsock_buffer *buffer)
{
	enum vsock_delivery result = VSOCK_DELIVERED;
	struct vsock_buffer taken;

	while (buffer != NULL || (to->waiting == 0 && !vsock_port_exhausted(turn))) {
		if (buffer == NULL) {
			buffer = &taken;
			result = vsock_deliver_take(turn, to, &taken);
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

/* A packet in buffers of an unusual shape, which are in the slot already. */
static void take_scattered(struct vsock_turn *turn, struct vsock_port *port,
			   struct vsock_slot *slot)
{
	struct vsock_port *to;

	vsock_deliver_load_header(slot);
	to = route(port, &slot->header, slot->chain.length - VSOCK_HEADER_SIZE, &port->flow);
	slot_fill(port, slot);
	if (to == NULL) {
		vsock_schedule_refuse(turn, port, slot);
	} else {
		forward(turn, port, slot, to, NULL);
	}
}

/* Payload of a chain that consists of a header and one buffer, joined or apart; NULL when it has
 * another shape. The chain holds a header at least. */
static inline uint8_t *plain_payload(const struct virtq_chain *chain)
{
	const struct virtq_segment *first = &chain->segment[0];

	if (chain->count == 1) {
		return first->base + VSOCK_HEADER_SIZE;
	}
	return chain->count == 2 && first->length == VSOCK_HEADER_SIZE ? chain->segment[1].base
								       : NULL;
}

/* Puts a plain packet into its slot, and refuses it (`to` is NULL) or forwards it. `buffer` is one
 * that was taken from `to` already, or NULL. */
static __attribute__((noinline)) void keep_plain(struct vsock_turn *turn, struct vsock_port *port,
						 const struct plain *packet, struct vsock_port *to,
						 const struct vsock_buffer *buffer)
{
	struct vsock_slot *slot = &port->slots[packet->head];

	port->flow.dst_cid = VSOCK_FLOW_NONE;
	slot->header = packet->header;
	slot->chain.segment[0] = (struct virtq_segment){packet->payload, packet->room};
	slot->segment = 0;
	slot->offset = 0;
	slot_fill(port, slot);
	if (to == NULL) {
		vsock_schedule_refuse(turn, port, slot);
	} else {
		forward(turn, port, slot, to, buffer);
	}
}

/* The destination of a plain packet was closed for what its driver did: by a turn that is not its
 * own, unless the port sent to itself. */
static void refuse_plain(struct vsock_turn *turn, struct vsock_port *port,
			 const struct plain *packet, const struct vsock_port *to)
{
	port->flow.dst_cid = VSOCK_FLOW_NONE;
	if (port != to) {
		keep_plain(turn, port, packet, NULL, NULL);
	}
}

/* The destination's queue gave no buffer. */
static void keep_without_buffer(struct vsock_turn *turn, struct vsock_port *port,
				const struct plain *packet, struct vsock_port *to,
				enum virtq_take take)
{
	if (vsock_deliver_no_head(turn, to, take) == VSOCK_FAILED) {
		refuse_plain(turn, port, packet, to);
	} else {
		keep_plain(turn, port, packet, to, NULL);
	}
}

/* Header and payload, which fit. */
static inline void deliver_plain(struct vsock_turn *turn, struct vsock_port *port,
				 struct plain *packet, struct vsock_port *to, uint32_t head,
				 uint8_t *header, uint8_t *payload)
{
	uint32_t length = packet->header.len;

	packet->header.src_cid = port->cid; /* the stamp: never the sender's word */
	__builtin_memcpy(header, &packet->header, VSOCK_HEADER_SIZE);
	vsock_deliver_copy(payload, packet->payload, length);
	vsock_deliver_finish(turn, to, head, length);
	virtq_push(&port->tx, packet->head, 0);
}

/* Into a buffer that is no plain one. */
static __attribute__((noinline)) bool deliver_chained(struct vsock_turn *turn,
						      struct vsock_port *port, struct plain *packet,
						      struct vsock_port *to, uint32_t head,
						      struct virtq_desc first)
{
	struct vsock_buffer buffer;
	uint8_t *payload;

	if (vsock_deliver_read(turn, to, head, first, &buffer) == VSOCK_FAILED) {
		refuse_plain(turn, port, packet, to);
		return false;
	}
	payload = plain_payload(&buffer.chain);
	if (payload == NULL || packet->header.len > VSOCK_PART_MAX ||
	    packet->header.len > buffer.chain.length - VSOCK_HEADER_SIZE) {
		keep_plain(turn, port, packet, to, &buffer);
		return false;
	}
	deliver_plain(turn, port, packet, to, head, buffer.chain.segment[0].base, payload);
	return true;
}

/* The header's bytes are read here, once. */
static inline void load_header(struct plain *packet, const uint8_t *base)
{
	__builtin_memcpy(&packet->header, base, VSOCK_HEADER_SIZE);
	/* The compiler may not go back to the guest's memory for a field of the copy. */
	atomic_signal_fence(memory_order_seq_cst);
}

/* Reads a packet that lies in one buffer; false when it does not, or is broken. */
static inline bool read_plain(struct vsock_port *port, struct virtq_desc desc, struct plain *packet)
{
	uint8_t *base;

	packet->room = virtq_desc_length(desc) - VSOCK_HEADER_SIZE; /* wraps if it is too short */
	if (packet->room > VSOCK_PART_MAX) {
		return false;
	}
	base = virtq_plain_buffer(&port->tx, desc, 0);
	if (base == NULL) {
		return false;
	}
	packet->payload = base + VSOCK_HEADER_SIZE;
	load_header(packet, base);
	return true;
}

/* Reads any other packet. False when that ended it: it was forwarded or broken. */
static __attribute__((noinline)) bool read_chained(struct vsock_turn *turn, struct vsock_port *port,
						   struct virtq_desc first, struct plain *packet)
{
	struct vsock_slot *slot = &port->slots[packet->head];
	enum vsock_fault fault = virtq_read_chain(&port->tx, packet->head, first, 0, &slot->chain);

	if (fault == VSOCK_FAULT_NONE && slot->chain.length < VSOCK_HEADER_SIZE) {
		fault = VSOCK_FAULT_TX_SHORT;
		slot->chain.bad = slot->head;
	}
	if (fault != VSOCK_FAULT_NONE) {
		vsock_port_fail(turn, port, VSOCK_QUEUE_TX, fault, slot->chain.bad);
		return false;
	}
	packet->payload = plain_payload(&slot->chain);
	packet->room = (uint32_t)(slot->chain.length - VSOCK_HEADER_SIZE);
	if (packet->payload == NULL) {
		port->flow.dst_cid = VSOCK_FLOW_NONE;
		take_scattered(turn, port, slot);
		return false;
	}
	load_header(packet, slot->chain.segment[0].base);
	return true;
}

/* True when the packet went the short way, so that the port is still up. */
static inline bool take_packet(struct vsock_turn *turn, struct vsock_port *port, uint32_t head)
{
	struct virtq_desc desc = virtq_read_desc(port->tx.table, head);
	struct plain packet;
	struct vsock_port *to;
	enum virtq_take take;
	uint32_t room;
	uint8_t *base;

	packet.head = head;
	turn->budget -= VSOCK_STEP_COST;
	if (port->waits != 0 && (port->busy[head / 64U] >> head % 64U & 1U) != 0) {
		vsock_port_fail(turn, port, VSOCK_QUEUE_TX, VSOCK_FAULT_HEAD_BUSY, head);
		return false;
	}
	if (!LIKELY(read_plain(port, desc, &packet)) && !read_chained(turn, port, desc, &packet)) {
		return false;
	}
	if (!LIKELY(flow_permits(&port->flow, port, &packet, &to))) {
		keep_plain(turn, port, &packet, to, NULL);
		return false;
	}
	to = port->flow.to;
	take = virtq_take(&to->rx, &head);
	if (!LIKELY(take == VIRTQ_TAKEN)) {
		keep_without_buffer(turn, port, &packet, to, take);
		return false;
	}
	desc = virtq_read_desc(to->rx.table, head);
	room = virtq_desc_length(desc) - VSOCK_HEADER_SIZE; /* wraps if it is too short */
	base = virtq_plain_buffer(&to->rx, desc, VIRTQ_DESC_WRITE);
	if (room < packet.header.len || room > VSOCK_PART_MAX || base == NULL) {
		return deliver_chained(turn, port, &packet, to, head, desc);
	}
	deliver_plain(turn, port, &packet, to, head, base, base + VSOCK_HEADER_SIZE);
	return true;
}

bool vsock_forward_packets(struct vsock_turn *turn, struct vsock_port *port)
{
	if (port->state != VSOCK_STATE_UP) {
		return true;
	}
	flow_check(&port->flow);
	turn->dirty_tx |= port->bit;
	while (!vsock_port_exhausted(turn)) {
		uint32_t head;
		enum virtq_take take = vsock_port_take(&port->tx, &head);

		if (take == VIRTQ_EMPTY) {
			return true;
		}
		if (take != VIRTQ_TAKEN) {
			vsock_port_fail(turn, port, VSOCK_QUEUE_TX, virtq_take_fault(take),
					VSOCK_NO_DESCRIPTOR);
			return true;
		}
		if (!take_packet(turn, port, head) && port->state != VSOCK_STATE_UP) {
			return true;
		}
	}
	return false;
}

void vsock_forward_owed(struct vsock_turn *turn, struct vsock_port *port)
{
	uint32_t behind = port->owed & (~0U << port->owed_next);
	uint32_t order[2] = {behind, port->owed & ~behind};

	for (uint32_t half = 0; half < 2; half++) {
		for (uint32_t mask = order[half]; mask != 0; mask &= mask - 1) {
			uint32_t index = (uint32_t)__builtin_ctz(mask);
			struct vsock_port *to = vsock_switch.port[index];

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
		struct vsock_port *to = vsock_switch.port[__builtin_ctz(mask)];

		turn->resets &= ~to->bit;
		if (!vsock_schedule_serve(turn, to, to->bit)) {
			to->owed |= to->bit;
			atomic_fetch_or_explicit(&to->work, VSOCK_WORK_OWED, memory_order_relaxed);
			virtio_pci_queue_interrupt(to->transport, VSOCK_QUEUE_RX);
		}
	}
}
