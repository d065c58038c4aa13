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

#define FLOW_NONE UINT64_MAX

/* A packet that lies in one buffer, on its way. */
struct plain {
	struct vsock_header header; /* copied from the buffer */
	uint8_t *base;		    /* the buffer */
	uint32_t room;		    /* its length without the header; <= VSOCK_PART_MAX */
	uint32_t head;
};

/*
 * The route of the last packet with payload, as long as nothing but such packets passed in this
 * turn: the next packet of the connection takes it unseen. The lock is held, so that meanwhile no
 * port, rule or queue can have changed.
 */
struct flow {
	uint64_t dst_cid; /* FLOW_NONE: there is none */
	struct vsock_port *to;
	struct vsock_rule *rule;
	uint64_t ports;
	uint32_t kind;
};

/* src_port and dst_port; type and op. */
static inline uint64_t ports_of(const struct vsock_header *header)
{
	uint64_t ports;

	__builtin_memcpy(&ports, &header->src_port, sizeof(ports));
	return ports;
}

static inline uint32_t kind_of(const struct vsock_header *header)
{
	uint32_t kind;

	__builtin_memcpy(&kind, &header->type, sizeof(kind));
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
				uint64_t room, struct flow *flow)
{
	struct vsock_port *to = NULL;

	port->counters.tx_packets++;
	if (LIKELY(header_ok(port, header, room))) {
		to = vsock_port_by_cid((uint32_t)header->dst_cid);
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

static inline bool flow_has(const struct flow *flow, const struct vsock_port *port,
			    const struct plain *packet)
{
	return packet->header.dst_cid == flow->dst_cid &&
	       ports_of(&packet->header) == flow->ports && kind_of(&packet->header) == flow->kind &&
	       packet->header.src_cid == port->cid && packet->header.len <= packet->room;
}

/* Whether a plain packet may go to flow->to at once: it is of the flow, or begins a new one. Else
 * *to is its destination, or NULL when it is refused. */
static inline bool flow_permits(struct flow *flow, struct vsock_port *port,
				const struct plain *packet, struct vsock_port **to)
{
	if (LIKELY(flow_has(flow, port, packet))) {
		port->counters.tx_packets++;
		port->counters.tx_bytes += packet->header.len;
		flow->rule->packets++;
		return true;
	}
	flow->dst_cid = FLOW_NONE;
	*to = route(port, &packet->header, packet->room, flow);
	if (*to == NULL || (*to)->waiting != 0) {
		return false;
	}
	flow->to = *to;
	if (packet->header.op == VSOCK_OP_RW) {
		flow->dst_cid = packet->header.dst_cid;
		flow->ports = ports_of(&packet->header);
		flow->kind = kind_of(&packet->header);
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

/* A packet in several buffers, or a broken one. */
static void take_chain(struct vsock_turn *turn, struct vsock_port *port, struct vsock_slot *slot,
		       struct virtq_desc first)
{
	enum vsock_fault fault = virtq_read_chain(&port->tx, slot->head, first, 0, &slot->chain);
	struct vsock_port *to;
	struct flow flow;

	if (fault == VSOCK_FAULT_NONE && slot->chain.length < VSOCK_HEADER_SIZE) {
		fault = VSOCK_FAULT_TX_SHORT;
		slot->chain.bad = slot->head;
	}
	if (fault != VSOCK_FAULT_NONE) {
		vsock_port_fail(turn, port, VSOCK_QUEUE_TX, fault, slot->chain.bad);
		return;
	}
	vsock_deliver_load_header(slot);
	to = route(port, &slot->header, slot->chain.length - VSOCK_HEADER_SIZE, &flow);
	slot_fill(port, slot);
	if (to == NULL) {
		vsock_schedule_refuse(turn, port, slot);
	} else {
		forward(turn, port, slot, to, NULL);
	}
}

/*
 * Puts a plain packet into its slot, and refuses it (`to` is NULL) or forwards it. `buffer` is one
 * that was taken from `to` already, or NULL.
 */
static __attribute__((noinline)) void keep_plain(struct vsock_turn *turn, struct vsock_port *port,
						 const struct plain *packet, struct vsock_port *to,
						 const struct vsock_buffer *buffer)
{
	struct vsock_slot *slot = &port->slots[packet->head];

	slot->header = packet->header;
	slot->chain.segment[0] =
		(struct virtq_segment){packet->base, packet->room + VSOCK_HEADER_SIZE};
	slot->segment = 0;
	slot->offset = VSOCK_HEADER_SIZE;
	slot_fill(port, slot);
	if (to == NULL) {
		vsock_schedule_refuse(turn, port, slot);
	} else {
		forward(turn, port, slot, to, buffer);
	}
}

/* The destination's queue gave no buffer: the packet waits, or the destination is closed. */
static void keep_without_buffer(struct vsock_turn *turn, struct vsock_port *port,
				const struct plain *packet, struct vsock_port *to,
				enum virtq_take take)
{
	if (vsock_deliver_no_head(turn, to, take) == VSOCK_FAILED) {
		if (port == to) {
			return; /* its own packets are gone */
		}
		to = NULL;
	}
	keep_plain(turn, port, packet, to, NULL);
}

/* Into one buffer that holds it all, or false. */
static inline bool deliver_plain(struct vsock_turn *turn, struct vsock_port *port,
				 struct plain *packet, struct vsock_port *to, uint32_t head,
				 struct virtq_desc desc)
{
	uint32_t payload = packet->header.len;
	uint32_t room = virtq_desc_length(desc) - VSOCK_HEADER_SIZE; /* wraps if it is too short */
	uint8_t *base;

	if (room < payload || room > VSOCK_PART_MAX) {
		return false;
	}
	base = virtq_plain_buffer(&to->rx, desc, VIRTQ_DESC_WRITE);
	if (base == NULL) {
		return false;
	}
	packet->header.src_cid = port->cid; /* the stamp: never the sender's word */
	__builtin_memcpy(base, &packet->header, VSOCK_HEADER_SIZE);
	vsock_deliver_copy(base + VSOCK_HEADER_SIZE, packet->base + VSOCK_HEADER_SIZE, payload);
	vsock_deliver_finish(turn, to, head, payload);
	virtq_push(&port->tx, packet->head, 0);
	return true;
}

/* Reads a packet that lies in one buffer; false when it does not, or is broken. */
static inline bool read_plain(struct vsock_port *port, struct virtq_desc desc, uint32_t head,
			      struct plain *packet)
{
	packet->room = virtq_desc_length(desc) - VSOCK_HEADER_SIZE; /* wraps if it is too short */
	if (packet->room > VSOCK_PART_MAX) {
		return false;
	}
	packet->base = virtq_plain_buffer(&port->tx, desc, 0);
	if (packet->base == NULL) {
		return false;
	}
	packet->head = head;
	__builtin_memcpy(&packet->header, packet->base, VSOCK_HEADER_SIZE);
	/* The compiler may not go back to the guest's memory for a field of the copy. */
	atomic_signal_fence(memory_order_seq_cst);
	return true;
}

/* True when the packet went the short way, so that the port is still up. */
static inline bool take_packet(struct vsock_turn *turn, struct vsock_port *port, uint32_t head,
			       struct flow *flow)
{
	struct virtq_desc desc = virtq_read_desc(port->tx.table, head);
	struct vsock_buffer buffer;
	enum virtq_take take;
	struct plain packet;
	struct vsock_port *to;
	uint32_t rx_head;

	turn->budget -= VSOCK_STEP_COST;
	if (port->waits != 0 && (port->busy[head / 64U] >> head % 64U & 1U) != 0) {
		vsock_port_fail(turn, port, VSOCK_QUEUE_TX, VSOCK_FAULT_HEAD_BUSY, head);
		return false;
	}
	if (!LIKELY(read_plain(port, desc, head, &packet))) {
		flow->dst_cid = FLOW_NONE;
		take_chain(turn, port, &port->slots[head], desc);
		return false;
	}
	if (!LIKELY(flow_permits(flow, port, &packet, &to))) {
		keep_plain(turn, port, &packet, to, NULL);
		return false;
	}
	to = flow->to;
	take = virtq_take(&to->rx, &rx_head);
	if (!LIKELY(take == VIRTQ_TAKEN)) {
		flow->dst_cid = FLOW_NONE;
		keep_without_buffer(turn, port, &packet, to, take);
		return false;
	}
	desc = virtq_read_desc(to->rx.table, rx_head);
	if (LIKELY(deliver_plain(turn, port, &packet, to, rx_head, desc))) {
		return true;
	}
	flow->dst_cid = FLOW_NONE;
	buffer = (struct vsock_buffer){desc, rx_head};
	keep_plain(turn, port, &packet, to, &buffer);
	return false;
}

bool vsock_forward_packets(struct vsock_turn *turn, struct vsock_port *port)
{
	struct flow flow = {.dst_cid = FLOW_NONE};

	if (port->state != VSOCK_STATE_UP) {
		return true;
	}
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
		if (!take_packet(turn, port, head, &flow) && port->state != VSOCK_STATE_UP) {
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
