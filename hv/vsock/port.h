/* SPDX-License-Identifier: MIT */
/*
 * A port of the switch, its packet slots, and the turn in which they change. Private to hv/vsock.
 *
 * Locking: everything here is under the switch lock, but for what is marked. A struct vsock_turn
 * exists only while the lock is held: a function that takes one needs the lock.
 */
#ifndef HV_VSOCK_PORT_H
#define HV_VSOCK_PORT_H

#include "hv/lock.h"
#include "hv/types.h"
#include "hv/vsock/packet.h"
#include "hv/vsock/switch.h"
#include "hv/vsock/virtq.h"

#include <stdatomic.h>

#define VSOCK_SLOT_NONE	    0xffU
#define VSOCK_NO_DESCRIPTOR 0xffffU /* a fault that concerns no descriptor */

_Static_assert(VIRTQ_SIZE_MAX <= VSOCK_SLOT_NONE, "a slot's index fits in a byte");
_Static_assert((MUX_CID_MAX & (MUX_CID_MAX + 1U)) == 0, "a mask keeps a CID in the table");
_Static_assert(MUX_PARTITIONS_MAX <= 32U, "a set of ports fits in a mask");

/* What a kick left for the port's next turn (vsock_port.work). */
#define VSOCK_WORK_RX	(1U << 0) /* its driver added receive buffers */
#define VSOCK_WORK_TX	(1U << 1) /* its driver added packets */
#define VSOCK_WORK_OWED (1U << 2) /* vsock_port.owed is not empty */

/* A packet in flight: one for each head of the sender's TX queue, so that none is ever missing. */
struct vsock_slot {
	struct vsock_header header; /* the sender's, copied and checked */
	uint32_t flags;		    /* header.flags as sent */
	uint32_t remaining;	    /* payload bytes still to deliver */
	uint32_t offset;	    /* where they start: byte of ... */
	uint8_t segment;	    /* ... this segment */
	uint8_t next;		    /* slot behind it in its queue, or VSOCK_SLOT_NONE */
	uint8_t head;		    /* its own index, the head in the TX queue */
	bool is_reset;		    /* made by the switch: the policy does not apply */
	struct virtq_chain chain;   /* the sender's buffers, checked */
};

/* Packets of one sender that wait for one destination, oldest first. */
struct vsock_wait {
	uint8_t first; /* slot of the sender, or VSOCK_SLOT_NONE */
	uint8_t last;
	int32_t deficit; /* bytes that the sender may still send in this round; < 0: a debt */
};

/*
 * The route of the sender's last packet with payload. The next packet of that connection takes it
 * unseen, as long as no port was closed, no rule removed and nothing waits for the destination.
 */
struct vsock_flow {
	uint64_t dst_cid;    /* VSOCK_FLOW_NONE: there is none */
	uint64_t ports;	     /* src_port and dst_port */
	uint32_t kind;	     /* type and op */
	uint32_t generation; /* vsock_switch.generation when it was made */
	struct vsock_port *to;
	struct vsock_rule *rule;
};

#define VSOCK_FLOW_NONE UINT64_MAX

enum vsock_state {
	VSOCK_STATE_DOWN = 0, /* no driver */
	VSOCK_STATE_UP,
	VSOCK_STATE_BROKEN, /* stopped for a fault until the driver resets it */
};

struct vsock_counters {
	uint64_t tx_packets;
	uint64_t tx_bytes;
	uint64_t rx_packets;
	uint64_t rx_bytes; /* copied_bytes too: there is one copy */
	uint64_t refused_policy;
	uint64_t refused_address;
	uint64_t resets_sent;
	uint64_t device_errors;
};

struct vsock_port {
	_Atomic uint32_t work;	/* VSOCK_WORK_*: any CPU, no lock */
	_Atomic uint64_t kicks; /* any CPU, no lock */
	enum vsock_state state;
	uint32_t bit;	  /* 1 << index */
	uint32_t waiting; /* as a destination: ports that have packets waiting for it */
	uint32_t waits;	  /* as a sender: ports that its packets wait for */
	uint32_t owed;	  /* those of them that its turns have to serve on */
	uint32_t types;	  /* bit t: type t was negotiated */
	uint64_t cid;
	struct virtq rx;
	struct virtq tx;
	struct vsock_slot *slots;	     /* VIRTQ_SIZE_MAX */
	uint64_t busy[VIRTQ_SIZE_MAX / 64U]; /* heads that the switch holds */
	struct vsock_flow flow;
	struct vsock_counters counters;
	uint32_t quantum; /* bytes that a round gives it, by its weight */
	uint8_t index;
	uint8_t round;	    /* as a destination: the sender whose turn it is */
	uint8_t owed_next;  /* first of `owed` that its next turn serves */
	uint8_t fault_logs; /* lines that its faults may still log */
	struct vsock_wait wait[MUX_PARTITIONS_MAX]; /* as a sender, by destination */
	uint16_t rules[MUX_PARTITIONS_MAX];	    /* as a sender, by destination: see policy.h */
	/* Constant after vsock_port_attach. */
	const char *name;
	const struct guest_mem *mem;
	struct virtio_pci *transport;
	/* The last fault, for the log. */
	enum vsock_fault fault;
	uint16_t fault_queue;
	uint32_t fault_descriptor;
	/* Under the partition's device lock. */
	uint64_t features;
};

struct vsock_switch {
	struct spinlock lock;
	uint32_t generation;	   /* changes whenever a struct vsock_flow may have become wrong */
	uint32_t port_count;	   /* constant after boot */
	bool polling;		   /* constant after boot */
	_Atomic uint32_t unlogged; /* ports whose fault is to be logged; written under the lock */
	/* Constant after boot. The ports lie in the memory that came with each. */
	struct vsock_port *port[MUX_PARTITIONS_MAX];
	struct vsock_port *by_cid[MUX_CID_MAX + 1U]; /* NULL: none */
};

extern struct vsock_switch vsock_switch;

/* One holding of the switch lock. */
struct vsock_turn {
	int32_t budget;	   /* that the stage has left */
	uint32_t dirty_rx; /* ports with used entries to publish in RX */
	uint32_t dirty_tx; /* ... in TX */
	uint32_t resets;   /* ports to which resets were queued and not yet delivered */
};

/* Takes the lock, with the budget of one stage. */
void vsock_port_begin(struct vsock_turn *turn);

/* The budget of another stage. */
static inline void vsock_port_budget(struct vsock_turn *turn)
{
	turn->budget = VSOCK_STAGE_BUDGET;
}

static inline bool vsock_port_exhausted(const struct vsock_turn *turn)
{
	return turn->budget <= 0;
}

/* Publishes used entries, raises interrupts, releases the lock, logs new faults. */
void vsock_port_end(struct vsock_turn *turn);

/* Takes a head; when there is none, asks for a kick unless a CPU polls. */
static inline enum virtq_take vsock_port_take(struct virtq *q, uint32_t *head)
{
	enum virtq_take take = virtq_take(q, head);

	if (take == VIRTQ_EMPTY && !vsock_switch.polling) {
		take = virtq_arm(q);
		if (take == VIRTQ_TAKEN) {
			take = virtq_take(q, head); /* knows of entries: does not look again */
		}
	}
	return take;
}

/* Gives a head back to its driver; the slot is free. */
static inline void vsock_port_complete(struct vsock_turn *turn, struct vsock_port *port,
				       const struct vsock_slot *slot)
{
	virtq_push(&port->tx, slot->head, 0);
	port->busy[slot->head / 64U] &= ~(1ULL << slot->head % 64U);
	turn->dirty_tx |= port->bit;
}

/*
 * Takes a port out of service: its packets are dropped, and those that wait for it become resets to
 * their senders, which turn->resets then names. At most VIRTQ_SIZE_MAX slots of each port.
 */
void vsock_port_close(struct vsock_turn *turn, struct vsock_port *port, enum vsock_state state);

/* Closes a port whose driver broke the rules, with the reason for the log; virtio_pci_needs_reset
 * remains to be called. */
void vsock_port_blame(struct vsock_turn *turn, struct vsock_port *port, enum vsock_queue queue,
		      enum vsock_fault fault, uint32_t descriptor);

/* The same, and tells the driver. */
void vsock_port_fail(struct vsock_turn *turn, struct vsock_port *port, enum vsock_queue queue,
		     enum vsock_fault fault, uint32_t descriptor);

#endif
