/* SPDX-License-Identifier: MIT */
/*
 * The partition's vsock port: virtio device, driver and socket core put together, and the event
 * loop that everything which waits runs through.
 */
#ifndef APPLIANCE_RUNTIME_VSOCK_PORT_H
#define APPLIANCE_RUNTIME_VSOCK_PORT_H

#include "appliance/runtime/vsock_socket.h"

/* Starts device and driver at the first call. NULL: the partition has no vsock device, or no memory
 * for its buffers; errno tells (ENODEV, ENOMEM, EIO). */
struct vsock_stack *vsock_port_start(void);
/* Takes what arrived, sends what waits, kicks. Does nothing before the start. */
void vsock_port_pump(void);
/* Shows the device what was queued; kicks where it asked. */
void vsock_port_flush(void);
/* Pumps; when that moved nothing, halts until an interrupt or the time (microseconds; IDLE_FOREVER:
 * no limit). May return early: the caller looks again. */
void vsock_port_wait(uint64_t deadline_us);
/* Before the partition ends: lets the device take what was sent, for a second at most. */
void vsock_port_drain(void);

#endif
