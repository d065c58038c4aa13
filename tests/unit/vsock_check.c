/* SPDX-License-Identifier: MIT */
/*
 * See vsock_check.h.
 */
#include "tests/unit/vsock_check.h"

#include "hv/vsock/port.h"

#include <stdio.h>
#include <stdlib.h>

static void require(bool condition, const char *what)
{
	if (!condition) {
		fprintf(stderr, "vsock_check: %s\n", what);
		abort();
	}
}

static bool is_busy(const struct vsock_port *port, uint32_t head)
{
	return (port->busy[head / 64] >> head % 64 & 1) != 0;
}

/* Packets in the queue from one port to another. */
static unsigned check_queue(const struct vsock_port *from, const struct vsock_port *to)
{
	const struct vsock_wait *wait = &from->wait[to->index];
	unsigned count = 0;

	require((wait->first != VSOCK_SLOT_NONE) == ((to->waiting & from->bit) != 0),
		"waiting mask");
	require((wait->first != VSOCK_SLOT_NONE) == ((from->waits & to->bit) != 0), "waits mask");
	for (uint8_t i = wait->first; i != VSOCK_SLOT_NONE; i = from->slots[i].next) {
		const struct vsock_slot *slot = &from->slots[i];

		require(slot->head == i, "slot's own index");
		require(is_busy(from, i), "waiting slot is not busy");
		require(slot->header.dst_cid == to->cid, "slot in the wrong queue");
		require(slot->is_reset || slot->header.src_cid == from->cid, "stamp");
		require(slot->next != VSOCK_SLOT_NONE || wait->last == i, "last slot");
		require(++count <= VIRTQ_SIZE_MAX, "queue loops");
	}
	return count;
}

static void check_port(const struct vsock_port *port)
{
	unsigned queued = 0;
	unsigned busy = 0;

	for (uint32_t i = 0; i < vsock_switch.port_count; i++) {
		queued += check_queue(port, vsock_switch.port[i]);
	}
	for (uint32_t i = 0; i < VIRTQ_SIZE_MAX; i++) {
		busy += is_busy(port, i);
	}
	require(queued == busy, "busy heads and waiting packets differ");
	if (port->state == VSOCK_STATE_UP) {
		require(port->rx.size != 0 && port->tx.size != 0, "up without queues");
	} else {
		require(port->waiting == 0 && port->waits == 0, "packets of a port that is down");
	}
}

static bool is_idle(void)
{
	for (uint32_t i = 0; i < vsock_switch.port_count; i++) {
		if (vsock_switch_has_work(vsock_switch.port[i])) {
			return false;
		}
	}
	return !vsock_switch.polling;
}

void vsock_check(void)
{
	bool idle = is_idle();

	for (uint32_t i = 0; i < vsock_switch.port_count; i++) {
		const struct vsock_port *port = vsock_switch.port[i];

		check_port(port);
		if (idle && port->waiting != 0) {
			require(port->rx.armed, "nobody will serve what waits");
		}
	}
}
