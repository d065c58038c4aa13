/* SPDX-License-Identifier: MIT */
/*
 * Split virtqueue, device side: everything but the few lines that every packet runs. Locking: the
 * caller's.
 */
#include "hv/vsock/virtq.h"

/* Any buffer that locate does not find, or a fault. */
static __attribute__((noinline)) enum vsock_fault
locate_elsewhere(const struct virtq *q, struct virtq_desc d, uint8_t **base)
{
	uint32_t length = virtq_desc_length(d);

	if (length == 0) {
		return VSOCK_FAULT_LENGTH_ZERO;
	}
	*base = guest_mem_ptr(q->mem, gpa(d.address), length);
	if (*base == NULL) {
		return d.address + length < d.address ? VSOCK_FAULT_ADDRESS_WRAP
						      : VSOCK_FAULT_ADDRESS;
	}
	return VSOCK_FAULT_NONE;
}

/* The buffer of a descriptor. */
static inline enum vsock_fault locate(const struct virtq *q, struct virtq_desc d, uint8_t **base)
{
	uint64_t offset = d.address - q->plain.gpa;

	/* length 0 wraps */
	if (virtq_desc_length(d) - 1 < VIRTQ_PLAIN_MAX && offset < q->plain.size) {
		*base = q->plain.base + index_clamp(offset, q->plain.size);
		return VSOCK_FAULT_NONE;
	}
	return locate_elsewhere(q, d, base);
}

/* Virtio 1.2, 2.7.5.3.1: the descriptor's own write flag is ignored. */
static inline enum vsock_fault open_indirect(const struct virtq *q, struct virtq_desc d,
					     const uint8_t **table, uint32_t *count)
{
	if (!q->indirect) {
		return VSOCK_FAULT_INDIRECT_FEATURE;
	}
	if (*table != q->table) {
		return VSOCK_FAULT_INDIRECT_NESTED;
	}
	if ((virtq_desc_flags(d) & VIRTQ_DESC_NEXT) != 0) {
		return VSOCK_FAULT_INDIRECT_NEXT;
	}
	if (virtq_desc_length(d) == 0 || virtq_desc_length(d) % VIRTQ_DESC_SIZE != 0) {
		return VSOCK_FAULT_INDIRECT_LENGTH;
	}
	*table = guest_mem_ptr(q->mem, gpa(d.address), virtq_desc_length(d));
	if (*table == NULL) {
		return VSOCK_FAULT_INDIRECT_ADDRESS;
	}
	*count = virtq_desc_length(d) / VIRTQ_DESC_SIZE;
	return VSOCK_FAULT_NONE;
}

/* Where a walk through descriptors is. */
struct walk {
	const uint8_t *table;
	uint32_t count;	   /* descriptors in the table */
	uint32_t index;	   /* of the descriptor that was read last */
	uint32_t in_table; /* followed in this table */
};

/* Reads the descriptor behind `d` in the same table. */
static inline enum vsock_fault walk_next(struct walk *walk, struct virtq_desc *d)
{
	uint32_t next = virtq_desc_next(*d);

	if (next >= walk->count) {
		return VSOCK_FAULT_NEXT_RANGE;
	}
	if (++walk->in_table >= walk->count) {
		return VSOCK_FAULT_LOOP;
	}
	walk->index = (uint32_t)index_clamp(next, walk->count);
	*d = virtq_read_desc(walk->table, walk->index);
	return VSOCK_FAULT_NONE;
}

/* Each pass adds a segment, or opens the one indirect table. */
static inline enum vsock_fault walk_chain(const struct virtq *q, struct walk *walk,
					  struct virtq_desc d, uint16_t direction,
					  struct virtq_chain *chain)
{
	struct virtq_segment *segment = chain->segment;
	enum vsock_fault fault;
	uint64_t length = 0;

	for (;;) {
		if ((virtq_desc_flags(d) & VIRTQ_DESC_INDIRECT) != 0) {
			fault = open_indirect(q, d, &walk->table, &walk->count);
			if (fault != VSOCK_FAULT_NONE) {
				return fault;
			}
			walk->index = 0;
			walk->in_table = 0;
			d = virtq_read_desc(walk->table, 0);
			continue;
		}
		if ((virtq_desc_flags(d) & VIRTQ_DESC_WRITE) != direction) {
			return direction != 0 ? VSOCK_FAULT_NOT_WRITABLE : VSOCK_FAULT_NOT_READABLE;
		}
		fault = locate(q, d, &segment->base);
		if (fault != VSOCK_FAULT_NONE) {
			return fault;
		}
		segment->length = virtq_desc_length(d);
		length += segment->length;
		segment++;
		if ((virtq_desc_flags(d) & VIRTQ_DESC_NEXT) == 0) {
			break;
		}
		if (segment == chain->segment + VIRTQ_SEGMENTS_MAX) {
			return VSOCK_FAULT_SEGMENTS;
		}
		fault = walk_next(walk, &d);
		if (fault != VSOCK_FAULT_NONE) {
			return fault;
		}
	}
	chain->count = (uint32_t)(segment - chain->segment);
	chain->length = length;
	return length > UINT32_MAX ? VSOCK_FAULT_LENGTH_TOTAL : VSOCK_FAULT_NONE;
}

enum vsock_fault virtq_read_chain(const struct virtq *q, uint32_t head, struct virtq_desc first,
				  uint16_t direction, struct virtq_chain *chain)
{
	struct walk walk = {.table = q->table, .count = q->size, .index = head};
	enum vsock_fault fault = walk_chain(q, &walk, first, direction, chain);

	chain->bad = (uint16_t)walk.index;
	return fault;
}

static enum vsock_fault check_config(const struct virtio_queue_config *config)
{
	uint16_t size = config->size;

	if (size == 0 || size > VIRTQ_SIZE_MAX || (size & (size - 1)) != 0) {
		return VSOCK_FAULT_QUEUE_SIZE;
	}
	/* virtio 1.2, 2.7: alignments of the three parts */
	if (config->descriptors.value % 16 != 0 || config->driver.value % 2 != 0 ||
	    config->device.value % 4 != 0) {
		return VSOCK_FAULT_QUEUE_ALIGNMENT;
	}
	return VSOCK_FAULT_NONE;
}

enum vsock_fault virtq_enable(struct virtq *q, const struct virtio_queue_config *config,
			      const struct guest_mem *mem, bool event_index, bool indirect)
{
	enum vsock_fault fault = check_config(config);
	struct virtq fresh = {.mem = mem, .event_index = event_index, .indirect = indirect};
	size_t size = config->size;

	virtq_disable(q);
	if (fault != VSOCK_FAULT_NONE) {
		return fault;
	}
	/* Each ring has flags and index in front and the event field behind: 6 bytes. The event
	 * fields are there whether they are used or not. */
	fresh.table = guest_mem_ptr(mem, config->descriptors, size * VIRTQ_DESC_SIZE);
	fresh.avail = guest_mem_ptr(mem, config->driver, size * sizeof(uint16_t) + 6);
	fresh.used =
		guest_mem_ptr(mem, config->device, size * sizeof(struct virtq_used_element) + 6);
	if (fresh.table == NULL || fresh.avail == NULL || fresh.used == NULL) {
		return VSOCK_FAULT_QUEUE_ADDRESS;
	}
	fresh.used_event = &fresh.avail->ring[size];
	fresh.avail_event = (_Atomic uint16_t *)(void *)&fresh.used->ring[size];
	fresh.plain = mem->region[0];
	fresh.plain.size -= min_u64(fresh.plain.size, VIRTQ_PLAIN_MAX - 1);
	fresh.avail_ring = fresh.avail->ring;
	fresh.size = config->size;
	fresh.mask = config->size - 1U;
	*q = fresh;
	virtq_disarm(q);
	return VSOCK_FAULT_NONE;
}

void virtq_disable(struct virtq *q)
{
	*q = (struct virtq){.size = 0};
}

void virtq_disarm(struct virtq *q)
{
	q->armed = false;
	if (q->event_index) {
		/* One behind: the driver has to add 65535 entries to reach it. */
		atomic_store_explicit(q->avail_event, (uint16_t)(q->avail_next - 1),
				      memory_order_relaxed);
	} else {
		atomic_store_explicit(&q->used->flags, VIRTQ_USED_NO_NOTIFY, memory_order_relaxed);
	}
}

enum virtq_take virtq_arm(struct virtq *q)
{
	q->armed = true;
	if (q->event_index) {
		atomic_store_explicit(q->avail_event, (uint16_t)q->avail_next,
				      memory_order_relaxed);
	} else {
		atomic_store_explicit(&q->used->flags, 0, memory_order_relaxed);
	}
	/* Pairs with the driver's full barrier between its index and reading the event (virtio 1.2,
	 * 2.7.13.4): either the driver sees the event and kicks, or the look sees its entry. */
	atomic_thread_fence(memory_order_seq_cst);
	return virtq_look(q);
}
