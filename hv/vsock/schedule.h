/* SPDX-License-Identifier: MIT */
/*
 * Packets that wait: a queue for each (sender, destination), and deficit round robin among the
 * senders to one destination. Private to hv/vsock. Locking: the switch lock.
 */
#ifndef HV_VSOCK_SCHEDULE_H
#define HV_VSOCK_SCHEDULE_H

#include "hv/vsock/port.h"

#define VSOCK_QUANTUM	4096 /* bytes a round, times the sender's weight */
#define VSOCK_PART_COST 256  /* bytes that a part costs besides its payload */

/* Puts a packet behind its sender's others for that destination, which is up. */
void vsock_schedule_add(struct vsock_port *from, struct vsock_slot *slot, struct vsock_port *to);

/* Takes the oldest packet out, which must exist. */
struct vsock_slot *vsock_schedule_pop(struct vsock_port *from, struct vsock_port *to);

/* Makes the sender's packet the reset of its connection, which waits for a receive buffer of the
 * sender; a packet that is a reset itself is dropped (virtio 1.2, 5.10.6.4). */
void vsock_schedule_refuse(struct vsock_turn *turn, struct vsock_port *from,
			   struct vsock_slot *slot);

/*
 * Delivers what waits for `to`, by turns of the senders, until nothing of `senders` (a mask) waits
 * or the receiver has no more buffers. False when the budget ended it before.
 */
bool vsock_schedule_serve(struct vsock_turn *turn, struct vsock_port *to, uint32_t senders);

#endif
