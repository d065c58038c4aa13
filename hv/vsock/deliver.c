/* SPDX-License-Identifier: MIT */
/*
 * Segmentation and the one copy. Locking: the switch lock.
 */
#include "hv/vsock/deliver.h"

/* A place in a list of segments. */
struct cursor {
	const struct virtq_segment *segment;
	uint32_t offset;
};

static inline void cursor_advance(struct cursor *at, uint32_t length)
{
	at->offset += length;
	if (at->offset == at->segment->length) {
		at->segment++;
		at->offset = 0;
	}
}

/* The callers have checked that both lists hold `length` bytes more. */
static void copy_segments(struct cursor *to, struct cursor *from, uint32_t length)
{
	while (length != 0) {
		uint32_t to_room = to->segment->length - to->offset;
		uint32_t from_room = from->segment->length - from->offset;
		uint32_t chunk = to_room < from_room ? to_room : from_room;

		chunk = chunk < length ? chunk : length;
		vsock_deliver_copy(to->segment->base + to->offset,
				   from->segment->base + from->offset, chunk);
		cursor_advance(to, chunk);
		cursor_advance(from, chunk);
		length -= chunk;
	}
}

static void load_scattered(struct vsock_slot *slot, struct cursor *from)
{
	struct virtq_segment copy = {(uint8_t *)&slot->header, VSOCK_HEADER_SIZE};
	struct cursor to = {&copy, 0};

	copy_segments(&to, from, VSOCK_HEADER_SIZE);
}

void vsock_deliver_load_header(struct vsock_slot *slot)
{
	struct cursor from = {slot->chain.segment, 0};

	if (from.segment->length >= VSOCK_HEADER_SIZE) {
		__builtin_memcpy(&slot->header, from.segment->base, VSOCK_HEADER_SIZE);
		cursor_advance(&from, VSOCK_HEADER_SIZE);
	} else {
		load_scattered(slot, &from);
	}
	/* The compiler may not go back to the guest's memory for a field of the copy. */
	atomic_signal_fence(memory_order_seq_cst);
	slot->segment = (uint8_t)(from.segment - slot->chain.segment);
	slot->offset = from.offset;
}

static void store_header(struct vsock_header *header, struct cursor *to)
{
	if (to->segment->length >= VSOCK_HEADER_SIZE) {
		__builtin_memcpy(to->segment->base, header, VSOCK_HEADER_SIZE);
		cursor_advance(to, VSOCK_HEADER_SIZE);
	} else {
		struct virtq_segment copy = {(uint8_t *)header, VSOCK_HEADER_SIZE};
		struct cursor from = {&copy, 0};

		copy_segments(to, &from, VSOCK_HEADER_SIZE);
	}
}

enum vsock_delivery vsock_deliver_no_head(struct vsock_turn *turn, struct vsock_port *to,
					  enum virtq_take take)
{
	if (take == VIRTQ_EMPTY) {
		return VSOCK_NO_BUFFER;
	}
	vsock_port_fail(turn, to, VSOCK_QUEUE_RX, virtq_take_fault(take), VSOCK_NO_DESCRIPTOR);
	return VSOCK_FAILED;
}

enum vsock_delivery vsock_deliver_read(struct vsock_turn *turn, struct vsock_port *to,
				       uint32_t head, struct virtq_desc first,
				       struct vsock_buffer *buffer)
{
	enum vsock_fault fault =
		virtq_read_chain(&to->rx, head, first, VIRTQ_DESC_WRITE, &buffer->chain);

	if (fault == VSOCK_FAULT_NONE && buffer->chain.length < VSOCK_HEADER_SIZE) {
		fault = VSOCK_FAULT_RX_SHORT;
		buffer->chain.bad = (uint16_t)head;
	}
	if (fault != VSOCK_FAULT_NONE) {
		vsock_port_fail(turn, to, VSOCK_QUEUE_RX, fault, buffer->chain.bad);
		return VSOCK_FAILED;
	}
	buffer->head = head;
	return VSOCK_DELIVERED;
}

enum vsock_delivery vsock_deliver_take(struct vsock_turn *turn, struct vsock_port *to,
				       struct vsock_buffer *buffer)
{
	uint32_t head;
	enum virtq_take take = vsock_port_take(&to->rx, &head);

	if (take != VIRTQ_TAKEN) {
		return vsock_deliver_no_head(turn, to, take);
	}
	return vsock_deliver_read(turn, to, head, virtq_read_desc(to->rx.table, head), buffer);
}

/* Sets length and end marks of the next part, and returns its payload bytes. */
static uint32_t cut_part(struct vsock_slot *slot, uint64_t room)
{
	uint32_t part = slot->remaining;

	slot->header.flags = slot->flags;
	if (part > min_u64(room, VSOCK_PART_MAX)) {
		part = (uint32_t)min_u64(room, VSOCK_PART_MAX);
		if (slot->header.type == VSOCK_TYPE_SEQPACKET) {
			slot->header.flags &= ~(VSOCK_SEQ_EOM | VSOCK_SEQ_EOR);
		}
	}
	slot->header.len = part;
	return part;
}

enum vsock_delivery vsock_deliver_part(struct vsock_turn *turn, struct vsock_slot *slot,
				       struct vsock_port *to, const struct vsock_buffer *buffer)
{
	struct cursor out = {buffer->chain.segment, 0};
	struct cursor in = {slot->chain.segment + slot->segment, slot->offset};
	uint32_t part;

	if (buffer->chain.length == VSOCK_HEADER_SIZE && slot->remaining != 0) {
		vsock_port_fail(turn, to, VSOCK_QUEUE_RX, VSOCK_FAULT_RX_SHORT, buffer->head);
		return VSOCK_FAILED;
	}
	part = cut_part(slot, buffer->chain.length - VSOCK_HEADER_SIZE);
	store_header(&slot->header, &out);
	copy_segments(&out, &in, part);
	slot->segment = (uint8_t)(in.segment - slot->chain.segment);
	slot->offset = in.offset;
	slot->remaining -= part;
	vsock_deliver_finish(turn, to, buffer->head, part);
	return VSOCK_DELIVERED;
}
