/* SPDX-License-Identifier: MIT */
/*
 * Copies a packet, or the part of it that fits, into the receiver's next buffer. Private to
 * hv/vsock. Locking: the switch lock.
 */
#ifndef HV_VSOCK_DELIVER_H
#define HV_VSOCK_DELIVER_H

#include "hv/vsock/port.h"

/* A receive buffer, taken and checked. */
struct vsock_buffer {
	struct virtq_chain chain;
	uint32_t head;
};

enum vsock_delivery {
	VSOCK_DELIVERED, /* slot->remaining tells whether the packet is through */
	VSOCK_NO_BUFFER, /* the receiver was asked for a kick, unless a CPU polls */
	VSOCK_FAILED,	 /* the receiver broke the rules, and its port was closed */
};

/* Copies the header out of the slot's buffers, which hold at least VSOCK_HEADER_SIZE bytes. */
void vsock_deliver_load_header(struct vsock_slot *slot);

/*
 * Guest memory to guest memory: both may change while we copy, and may overlap when a partition
 * sends to itself; the bytes mean nothing to us.
 */
static inline void vsock_deliver_copy(uint8_t *to, const uint8_t *from, size_t length)
{
#ifdef MUX_HOST_TEST
	__builtin_memmove(to, from, length); /* checked by the sanitizers */
#else
	size_t words = length / 8;
	size_t bytes = length % 8;

	__asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
	if (bytes != 0) {
		__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
	}
#endif
}

/* A port's queue gave no head: closes the port unless the queue is merely empty. */
enum vsock_delivery vsock_deliver_no_head(struct vsock_turn *turn, struct vsock_port *to,
					  enum virtq_take take);

/* Reads the buffer that starts with a descriptor of the RX queue. VSOCK_DELIVERED or VSOCK_FAILED.
 */
enum vsock_delivery vsock_deliver_read(struct vsock_turn *turn, struct vsock_port *to,
				       uint32_t head, struct virtq_desc first,
				       struct vsock_buffer *buffer);

/* Takes the next receive buffer of a port that is up: VSOCK_DELIVERED when there is one. */
enum vsock_delivery vsock_deliver_take(struct vsock_turn *turn, struct vsock_port *to,
				       struct vsock_buffer *buffer);

/* Gives a filled receive buffer back. */
static inline void vsock_deliver_finish(struct vsock_turn *turn, struct vsock_port *to,
					uint32_t head, uint32_t payload)
{
	virtq_push(&to->rx, head, VSOCK_HEADER_SIZE + payload);
	turn->dirty_rx |= to->bit;
	turn->budget -= VSOCK_STEP_COST + (int32_t)payload;
	to->counters.rx_packets++;
	to->counters.rx_bytes += payload;
}

/*
 * Delivers the next part of a packet into a buffer that vsock_deliver_take took. STREAM payload is
 * split anywhere; of SEQPACKET only the last part keeps the end marks; packets without payload go
 * whole. VSOCK_DELIVERED or VSOCK_FAILED.
 */
enum vsock_delivery vsock_deliver_part(struct vsock_turn *turn, struct vsock_slot *slot,
				       struct vsock_port *to, const struct vsock_buffer *buffer);

#endif
