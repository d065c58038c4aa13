/* SPDX-License-Identifier: MIT */
/*
 * The device's side of a split virtqueue (virtio 1.2, 2.7) with event index and indirect tables.
 *
 * The rings are located once, when the driver enables the queue; the guest's RAM stays mapped, so
 * the pointers stay good. What the driver writes is read exactly once, into a copy that is then
 * checked; the private indices here are authoritative, and nothing that the device wrote to the
 * guest's memory is read back.
 *
 * It knows nothing of vsock, and does not decide when to signal the driver.
 *
 * Locking: none; the caller's lock covers the queue.
 */
#ifndef HV_VSOCK_VIRTQ_H
#define HV_VSOCK_VIRTQ_H

#include "hv/guest_mem.h"
#include "hv/types.h"
#include "hv/vpci/virtio_device.h"
#include "hv/vsock/fault.h"

#include <stdatomic.h>

#define VIRTQ_SIZE_MAX	   128U
#define VIRTQ_SEGMENTS_MAX 20U /* buffers of one chain, wherever their descriptors are */

/* Largest buffer that virtq_plain_buffer knows. */
#define VIRTQ_PLAIN_MAX (0x10000U + 64U)

#define VIRTQ_DESC_NEXT	    1U
#define VIRTQ_DESC_WRITE    2U /* the device writes the buffer */
#define VIRTQ_DESC_INDIRECT 4U
#define VIRTQ_DESC_SIZE	    16U

#define VIRTQ_USED_NO_NOTIFY	 1U
#define VIRTQ_AVAIL_NO_INTERRUPT 1U

/* In the guest's memory. The driver writes it; used_event follows ring[size]. */
struct virtq_avail {
	_Atomic uint16_t flags;
	_Atomic uint16_t index;
	_Atomic uint16_t ring[];
};

struct virtq_used_element {
	_Atomic uint32_t id;
	_Atomic uint32_t length;
};

/* In the guest's memory. The device writes it; avail_event follows ring[size]. */
struct virtq_used {
	_Atomic uint16_t flags;
	_Atomic uint16_t index;
	struct virtq_used_element ring[];
};

/* A descriptor, copied as the two words that it is: the fields are taken out where needed. */
struct virtq_desc {
	uint64_t address;
	uint64_t rest; /* length: 32 bits, flags: 16, next: 16 */
};

static inline uint32_t virtq_desc_length(struct virtq_desc d)
{
	return (uint32_t)d.rest;
}

static inline uint16_t virtq_desc_flags(struct virtq_desc d)
{
	return (uint16_t)(d.rest >> 32);
}

static inline uint16_t virtq_desc_next(struct virtq_desc d)
{
	return (uint16_t)(d.rest >> 48);
}

struct virtq {
	const uint8_t *table;
	struct virtq_avail *avail;
	_Atomic uint16_t *avail_ring;
	struct virtq_used *used;
	_Atomic uint16_t *used_event;  /* the driver wants an interrupt past this */
	_Atomic uint16_t *avail_event; /* the device wants a kick past this */
	const struct guest_mem *mem;
	/* Where nearly all buffers lie, for virtq_plain_buffer: the first region of mem without its
	 * last VIRTQ_PLAIN_MAX - 1 bytes. */
	struct guest_region plain;
	uint32_t size; /* 0: not enabled; a power of two */
	uint32_t mask; /* size - 1 */
	/* Free-running; of these, 16 bits are the rings'. */
	uint32_t avail_next;	/* next available entry to take */
	uint32_t avail_seen;	/* available index as last read */
	uint32_t used_next;	/* next used entry to write */
	uint32_t used_signaled; /* used_next at the last decision about an interrupt */
	bool event_index;
	bool indirect;
	bool armed; /* the driver was asked for a kick at avail_next */
};

struct virtq_segment {
	uint8_t *base;
	uint32_t length; /* not 0 */
};

/* A chain, checked: every segment lies in the guest's RAM. */
struct virtq_chain {
	uint64_t length;
	uint32_t count;
	uint16_t bad; /* on a fault: index of the descriptor */
	struct virtq_segment segment[VIRTQ_SEGMENTS_MAX];
};

enum virtq_take {
	VIRTQ_TAKEN,
	VIRTQ_EMPTY,
	VIRTQ_JUMPED, /* VSOCK_FAULT_AVAIL_JUMP */
	VIRTQ_ASTRAY, /* VSOCK_FAULT_HEAD_RANGE */
};

/*
 * Locates and checks the rings. Returns a VSOCK_FAULT_QUEUE_* and leaves the queue disabled, or
 * VSOCK_FAULT_NONE. The driver is asked for no kick until virtq_arm.
 */
enum vsock_fault virtq_enable(struct virtq *q, const struct virtio_queue_config *config,
			      const struct guest_mem *mem, bool event_index, bool indirect);

/* Forgets the rings. */
void virtq_disable(struct virtq *q);

/*
 * Reads the rest of the chain that starts at `head` with the descriptor `first`. Every buffer must
 * be for the device to write (`direction` VIRTQ_DESC_WRITE) or to read (0). Bounded by
 * VIRTQ_SEGMENTS_MAX descriptors.
 */
enum vsock_fault virtq_read_chain(const struct virtq *q, uint32_t head, struct virtq_desc first,
				  uint16_t direction, struct virtq_chain *chain);

/* Asks for no kick. */
void virtq_disarm(struct virtq *q);

/* Asks for a kick at the next available entry, and looks again: VIRTQ_TAKEN when there is one
 * already (nothing is taken), VIRTQ_EMPTY, or VIRTQ_JUMPED. */
enum virtq_take virtq_arm(struct virtq *q);

/* An indirect table may lie at any address, so that its descriptors need not be aligned. */
typedef uint64_t __attribute__((aligned(1), may_alias)) virtq_word;

/* Copies a descriptor. volatile: each word is loaded once, whatever becomes of the copy. The
 * driver's writes were made visible by the acquire in virtq_look. */
static inline struct virtq_desc virtq_read_desc(const uint8_t *table, uint32_t index)
{
	const volatile virtq_word *at =
		(const volatile virtq_word *)(const void *)(table +
							    (size_t)index * VIRTQ_DESC_SIZE);
	return (struct virtq_desc){at[0], at[1]};
}

/*
 * The buffer of a descriptor that stands alone, if that is simple to tell: no continuation, of this
 * direction, in the first region. NULL does not mean that it is bad: virtq_read_chain decides.
 * The caller has checked that its length is 1 .. VIRTQ_PLAIN_MAX.
 */
static inline uint8_t *virtq_plain_buffer(const struct virtq *q, struct virtq_desc d,
					  uint16_t direction)
{
	uint64_t offset = d.address - q->plain.gpa;

	if ((virtq_desc_flags(d) & (VIRTQ_DESC_NEXT | VIRTQ_DESC_WRITE | VIRTQ_DESC_INDIRECT)) !=
		    direction ||
	    offset >= q->plain.size) {
		return NULL;
	}
	return q->plain.base + index_clamp(offset, q->plain.size);
}

/* Looks at the driver's index: VIRTQ_TAKEN when there are entries (nothing is taken). */
static inline enum virtq_take virtq_look(struct virtq *q)
{
	/* Pairs with the driver's write barrier between the ring entry and the index (virtio 1.2,
	 * 2.7.13.3.1). */
	uint16_t index = atomic_load_explicit(&q->avail->index, memory_order_acquire);
	uint16_t count = (uint16_t)(index - q->avail_next);

	if (count > q->size) {
		return VIRTQ_JUMPED;
	}
	q->avail_seen = q->avail_next + count;
	return count != 0 ? VIRTQ_TAKEN : VIRTQ_EMPTY;
}

/* Takes the next head, which is below q->size on VIRTQ_TAKEN. */
static inline enum virtq_take virtq_take(struct virtq *q, uint32_t *head)
{
	uint32_t entry;

	if (q->avail_next == q->avail_seen) {
		enum virtq_take look = virtq_look(q);

		if (look != VIRTQ_TAKEN) {
			return look;
		}
	}
	entry = atomic_load_explicit(&q->avail_ring[q->avail_next & q->mask], memory_order_relaxed);
	q->avail_next++;
	*head = entry & q->mask; /* in range for speculation too */
	return entry <= q->mask ? VIRTQ_TAKEN : VIRTQ_ASTRAY;
}

static inline enum vsock_fault virtq_take_fault(enum virtq_take take)
{
	return take == VIRTQ_JUMPED ? VSOCK_FAULT_AVAIL_JUMP : VSOCK_FAULT_HEAD_RANGE;
}

/* Writes a used entry; the driver sees it at virtq_publish. */
static inline void virtq_push(struct virtq *q, uint32_t head, uint32_t length)
{
	struct virtq_used_element *element = &q->used->ring[q->used_next & q->mask];

	atomic_store_explicit(&element->id, head, memory_order_relaxed);
	atomic_store_explicit(&element->length, length, memory_order_relaxed);
	q->used_next++;
}

/* Shows the driver all used entries. */
static inline void virtq_publish(struct virtq *q)
{
	/* Pairs with the driver's read barrier after it read the index (virtio 1.2, 2.7.14): it
	 * sees the entries and the bytes in its buffers. */
	atomic_store_explicit(&q->used->index, (uint16_t)q->used_next, memory_order_release);
}

/* Whether entries were pushed since the last decision about an interrupt. */
static inline bool virtq_has_fresh(const struct virtq *q)
{
	return q->used_next != q->used_signaled;
}

/* Whether the driver wants an interrupt for the fresh entries, of which there are some, and that
 * virtq_publish has shown it; a full fence must lie between the two. */
static inline bool virtq_wants_interrupt(struct virtq *q)
{
	uint32_t fresh = q->used_next - q->used_signaled;
	uint16_t event;

	q->used_signaled = q->used_next;
	if (!q->event_index) {
		uint16_t flags = atomic_load_explicit(&q->avail->flags, memory_order_relaxed);

		return (flags & VIRTQ_AVAIL_NO_INTERRUPT) == 0;
	}
	event = atomic_load_explicit(q->used_event, memory_order_relaxed);
	/* virtio 1.2, 2.7.7.2: the event is one of the fresh entries. */
	return (uint16_t)(q->used_next - event - 1) < fresh;
}

#endif
