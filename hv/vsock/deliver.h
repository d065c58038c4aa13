/* SPDX-License-Identifier: MIT */
/*
 * Copies a packet, or the part of it that fits, into the receiver's next buffer. Private to
 * hv/vsock. Locking: the switch lock.
 */
#ifndef HV_VSOCK_DELIVER_H
#define HV_VSOCK_DELIVER_H

#include "hv/vsock/port.h"

/* Copies the header out of the slot's buffers, which hold at least VSOCK_HEADER_SIZE bytes. */
void vsock_deliver_load_header(struct vsock_slot *slot);

enum vsock_delivery {
	VSOCK_DELIVERED, /* slot->remaining tells whether the packet is through */
	VSOCK_NO_BUFFER, /* the receiver was asked for a kick, unless a CPU polls */
	VSOCK_FAILED,	 /* the receiver broke the rules, and its port was closed */
};

/*
 * Delivers the next part of a packet to port `to`, which must be up. STREAM payload is split
 * anywhere; of SEQPACKET only the last part keeps the end marks; packets without payload go whole.
 */
enum vsock_delivery vsock_deliver_part(struct vsock_turn *turn, struct vsock_slot *slot,
				       struct vsock_port *to);

#endif
