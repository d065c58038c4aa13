/* SPDX-License-Identifier: MIT */
/*
 * Queues and round robin. A sender goes on as long as its deficit is above 0 and pays for each part
 * after it was delivered, since how much fits is known only then; what it overdraws it owes the
 * next rounds. Locking: the switch lock.
 */
#include "hv/vsock/schedule.h"

#include "hv/vsock/deliver.h"

void vsock_schedule_add(struct vsock_port *from, struct vsock_slot *slot, struct vsock_port *to)
{
	struct vsock_wait *wait = &from->wait[to->index];

	slot->next = VSOCK_SLOT_NONE;
	if (wait->first == VSOCK_SLOT_NONE) {
		wait->first = slot->head;
		to->waiting |= from->bit;
		from->waits |= to->bit;
	} else {
		from->slots[wait->last].next = slot->head;
	}
	wait->last = slot->head;
}

struct vsock_slot *vsock_schedule_pop(struct vsock_port *from, struct vsock_port *to)
{
	struct vsock_wait *wait = &from->wait[to->index];
	struct vsock_slot *slot = &from->slots[wait->first];

	wait->first = slot->next;
	if (wait->first == VSOCK_SLOT_NONE) {
		to->waiting &= ~from->bit;
		from->waits &= ~to->bit;
		/* A debt outlasts the wait, or single large packets would cost nothing. What is
		 * left of a deficit does too: it is less than one round gives. */
	}
	return slot;
}

void vsock_schedule_refuse(struct vsock_turn *turn, struct vsock_port *from,
			   struct vsock_slot *slot)
{
	struct vsock_header *header = &slot->header;

	if (header->op == VSOCK_OP_RST) {
		vsock_port_complete(turn, from, slot);
		return;
	}
	*header = (struct vsock_header){
		.src_cid = header->dst_cid,
		.dst_cid = from->cid,
		.src_port = header->dst_port,
		.dst_port = header->src_port,
		.type = header->type,
		.op = VSOCK_OP_RST,
	};
	slot->flags = 0;
	slot->remaining = 0;
	slot->is_reset = true;
	from->counters.resets_sent++;
	turn->resets |= from->bit;
	vsock_schedule_add(from, slot, from);
}

static uint32_t next_waiting(const struct vsock_port *to, uint32_t index)
{
	uint32_t above = to->waiting & (~1U << index);

	return (uint32_t)__builtin_ctz(above != 0 ? above : to->waiting);
}

/*
 * The sender whose turn it is; to->waiting is not 0. Ends: a deficit is at least -VSOCK_PART_MAX -
 * VSOCK_PART_COST, so that 17 rounds make each one positive, and a debt that needs several was paid
 * with as many bytes copied.
 */
static struct vsock_port *pick(struct vsock_port *to)
{
	uint32_t index = to->round;

	for (;;) {
		struct vsock_port *from = vsock_switch.port[index];

		if ((to->waiting & from->bit) != 0 && from->wait[to->index].deficit > 0) {
			to->round = (uint8_t)index;
			return from;
		}
		index = next_waiting(to, index);
		from = vsock_switch.port[index];
		from->wait[to->index].deficit += (int32_t)from->quantum;
	}
}

bool vsock_schedule_serve(struct vsock_turn *turn, struct vsock_port *to, uint32_t senders)
{
	while ((to->waiting & senders) != 0) {
		struct vsock_port *from;
		struct vsock_slot *slot;
		struct vsock_buffer buffer;
		uint32_t before;

		if (vsock_port_exhausted(turn)) {
			return false;
		}
		if (vsock_deliver_take(turn, to, &buffer) != VSOCK_DELIVERED) {
			return true; /* a kick will come, or the port was closed */
		}
		from = pick(to);
		slot = &from->slots[from->wait[to->index].first];
		before = slot->remaining;
		if (vsock_deliver_part(turn, slot, to, &buffer) != VSOCK_DELIVERED) {
			return true; /* the port was closed */
		}
		from->wait[to->index].deficit -=
			(int32_t)(before - slot->remaining) + VSOCK_PART_COST;
		if (slot->remaining == 0) {
			vsock_schedule_pop(from, to);
			vsock_port_complete(turn, from, slot);
		}
	}
	if (to->waiting == 0 && to->rx.armed) {
		virtq_disarm(&to->rx);
	}
	return true;
}
