/* SPDX-License-Identifier: MIT */
/*
 * Ticket spinlock: fair, so that no CPU starves (invariant I7). Interrupts are off in all of ring 0
 * except in the idle loop, so no lock needs to disable them.
 *
 * Lock order (outer first), see docs/lock-order.md:
 *   partition control lock -> partition device lock -> switch lock -> msix lock -> console lock
 *   -> clock lock (hv/io.c)
 */
#ifndef HV_LOCK_H
#define HV_LOCK_H

#include <stdatomic.h>
#include <stdint.h>

struct spinlock {
	_Atomic uint32_t next;	  /* ticket that the next taker draws */
	_Atomic uint32_t serving; /* ticket that holds the lock */
};

static inline void spin_lock(struct spinlock *lock)
{
	uint32_t ticket = atomic_fetch_add_explicit(&lock->next, 1, memory_order_relaxed);

	/* Pairs with the release in spin_unlock. */
	while (atomic_load_explicit(&lock->serving, memory_order_acquire) != ticket) {
		__builtin_ia32_pause();
	}
}

static inline void spin_unlock(struct spinlock *lock)
{
	uint32_t ticket = atomic_load_explicit(&lock->serving, memory_order_relaxed);

	atomic_store_explicit(&lock->serving, ticket + 1, memory_order_release);
}

#endif
