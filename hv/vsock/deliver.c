/* SPDX-License-Identifier: MIT */
/*
 * Segmentation and the one copy. Locking: the switch lock.
 */
#include "hv/vsock/deliver.h"

#include <string.h>

/* A place in a list of segments. */
struct cursor {
	const struct virtq_segment *segment;
	uint32_t offset;
};

/*
 * Guest memory to guest memory: both may change while we copy, and may overlap when a partition
 * sends to itself; the bytes mean nothing to us.
 */
static inline void copy_bytes(uint8_t *to, const uint8_t *from, size_t length)
{
#ifdef MUX_HOST_TEST
	memmove(to, from, length); /* checked by the sanitizers */
#else
	size_t words = length / 8;
	size_t bytes = length % 8;

	__asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
	if (bytes != 0) {
		__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
	}
#endif
}

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
		copy_bytes(to->segment->base + to->offset, from->segment->base + from->offset,
			   chunk);
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

/* The receiver's next buffer. */
static enum vsock_delivery take_buffer(struct vsock_turn *turn, struct vsock_port *to,
				       uint16_t *head, struct virtq_chain *chain)
{
	enum virtq_take take = vsock_port_take(&to->rx, head);
	enum vsock_fault fault;

	if (take == VIRTQ_EMPTY) {
		return VSOCK_NO_BUFFER;
	}
	if (take != VIRTQ_TAKEN) {
		vsock_port_fail(turn, to, VSOCK_QUEUE_RX, virtq_take_fault(take),
				VSOCK_NO_DESCRIPTOR);
		return VSOCK_FAILED;
	}
	fault = virtq_read_chain(&to->rx, *head, VIRTQ_DESC_WRITE, chain);
	if (fault == VSOCK_FAULT_NONE && chain->length <= VSOCK_HEADER_SIZE) {
		fault = VSOCK_FAULT_RX_SHORT;
		chain->bad = *head;
	}
	if (fault != VSOCK_FAULT_NONE) {
		vsock_port_fail(turn, to, VSOCK_QUEUE_RX, fault, chain->bad);
		return VSOCK_FAILED;
	}
	return VSOCK_DELIVERED;
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
				       struct vsock_port *to)
{
	struct virtq_chain chain;
	struct cursor out = {chain.segment, 0};
	uint16_t head;
	uint32_t part;
	enum vsock_delivery result = take_buffer(turn, to, &head, &chain);

	if (result != VSOCK_DELIVERED) {
		return result;
	}
	part = cut_part(slot, chain.length - VSOCK_HEADER_SIZE);
	store_header(&slot->header, &out);
	if (part != 0) {
		struct cursor in = {slot->chain.segment + slot->segment, slot->offset};

		copy_segments(&out, &in, part);
		slot->segment = (uint8_t)(in.segment - slot->chain.segment);
		slot->offset = in.offset;
		slot->remaining -= part;
	}
	virtq_push(&to->rx, head, VSOCK_HEADER_SIZE + part);
	turn->dirty_rx |= to->bit;
	turn->steps--;
	turn->bytes -= part < turn->bytes ? part : turn->bytes;
	to->counters.rx_packets++;
	to->counters.rx_bytes += part;
	return VSOCK_DELIVERED;
}
