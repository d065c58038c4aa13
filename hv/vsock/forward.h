/* SPDX-License-Identifier: MIT */
/*
 * From a port's TX queue to its destinations. Private to hv/vsock. Locking: the switch lock.
 */
#ifndef HV_VSOCK_FORWARD_H
#define HV_VSOCK_FORWARD_H

#include "hv/vsock/port.h"

/* Takes and forwards what the port has sent. False when the budget ended it. */
bool vsock_forward_packets(struct vsock_turn *turn, struct vsock_port *port);

/* Serves the destinations in port->owed on, from where the last turn ended. */
void vsock_forward_owed(struct vsock_turn *turn, struct vsock_port *port);

/* Delivers the resets that the turn has queued; what its budget does not cover is left to the
 * ports to which they go, which are woken. */
void vsock_forward_resets(struct vsock_turn *turn);

#endif
