/* SPDX-License-Identifier: MIT */
/*
 * Turns: who runs what, and when. Locking: takes the switch lock, a turn at a time.
 */
#include "hv/vsock/switch.h"

#include "hv/vsock/forward.h"
#include "hv/vsock/port.h"
#include "hv/vsock/schedule.h"

bool vsock_switch_has_work(const struct vsock_port *port)
{
	/* Pairs with the release in the device's notify. */
	return atomic_load_explicit(&port->work, memory_order_acquire) != 0 &&
	       !vsock_switch.polling;
}

/* What the turn still owes: own packets that wait for destinations with buffers, and resets. */
static uint32_t run_owed(struct vsock_turn *turn, struct vsock_port *port)
{
	port->owed |= turn->resets & port->bit;
	turn->resets &= ~port->bit;
	vsock_port_budget(turn);
	vsock_forward_owed(turn, port);
	vsock_forward_resets(turn);
	return port->owed != 0 ? VSOCK_WORK_OWED : 0;
}

/* Each stage has a budget of its own, so that a flood in one direction leaves the other its share.
 * Returns the work that is left. */
static inline uint32_t run_stages(struct vsock_turn *turn, struct vsock_port *port, uint32_t work)
{
	uint32_t left = 0;

	if ((work & VSOCK_WORK_RX) != 0 && port->waiting != 0 &&
	    !vsock_schedule_serve(turn, port, ~0U)) {
		left |= VSOCK_WORK_RX;
	}
	if ((work & VSOCK_WORK_TX) != 0) {
		vsock_port_budget(turn);
		if (!vsock_forward_packets(turn, port)) {
			left |= VSOCK_WORK_TX;
		}
	}
	if ((port->owed | turn->resets) != 0) {
		left |= run_owed(turn, port);
	}
	return left;
}

bool vsock_switch_turn(struct vsock_port *port)
{
	struct vsock_turn turn;
	uint32_t left;

	vsock_port_begin(&turn);
	/* Pairs with the release in the device's notify. */
	left = run_stages(&turn, port,
			  atomic_exchange_explicit(&port->work, 0, memory_order_acquire));
	if (left != 0) {
		atomic_fetch_or_explicit(&port->work, left, memory_order_relaxed);
	}
	vsock_port_end(&turn);
	return vsock_switch_has_work(port);
}

bool vsock_switch_poll(void)
{
	bool moved = false;

	for (uint32_t i = 0; i < vsock_switch.port_count; i++) {
		struct vsock_port *port = vsock_switch.port[i];
		struct vsock_turn turn;
		uint32_t before;

		vsock_port_begin(&turn);
		before = port->tx.avail_next;
		run_stages(&turn, port, VSOCK_WORK_RX | VSOCK_WORK_TX);
		moved |= turn.dirty_rx != 0 || port->tx.avail_next != before;
		vsock_port_end(&turn);
	}
	return moved;
}
