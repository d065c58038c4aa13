/* SPDX-License-Identifier: MIT */
/*
 * The vsock switch: what the rest of ring 0 calls. A port is one partition's virtio-vsock device;
 * the switch forwards packets between ports by destination CID, under the policy, with one copy
 * from the sender's buffer to the receiver's. docs/switch.md describes what a guest sees.
 *
 * It allocates nothing, knows no connections and parses nothing but the 44-byte packet header.
 *
 * Locking: one switch lock (inside: msix lock, console lock; see hv/lock.h) held for one turn at a
 * time. The functions here take it themselves; none may be called with it held.
 */
#ifndef HV_VSOCK_SWITCH_H
#define HV_VSOCK_SWITCH_H

#include "hv/guest_mem.h"
#include "hv/types.h"
#include "hv/vpci/virtio_device.h"
#include "muxvisor/hypercall.h"
#include "muxvisor/manifest.h"

/*
 * What a stage of one turn may cost before it releases the lock, in bytes; the last step may
 * overdraw it by VSOCK_PART_MAX. Taking a packet is a step, delivering a part of one is a step, and
 * each costs VSOCK_STEP_COST besides the payload copied. A turn has three stages: packets to the
 * port, packets from the port, and packets that an earlier turn had to leave.
 */
#define VSOCK_STAGE_BUDGET (144 << 10) /* 32 small packets at once */
#define VSOCK_STEP_COST	   2048

#define VSOCK_PART_MAX	 (64U << 10) /* payload of a packet to a receiver */
#define VSOCK_WEIGHT_MAX 16U

struct vsock_port;

struct vsock_port_config {
	const char *name;	     /* partition name, for the log; kept */
	uint32_t cid;		     /* MUX_CID_MIN .. MUX_CID_MAX */
	uint32_t weight;	     /* share among the senders to one destination, 1 .. 16 */
	const struct guest_mem *mem; /* the partition's RAM; kept, must not change */
	struct virtio_pci *transport;
	void *memory; /* vsock_port_memory_size() bytes, 64-byte aligned; kept: the port and its
			 slots */
};

/* At boot, once, before anything else here. */
void vsock_switch_init(void);

/* At boot, before any port is enabled: a CPU calls vsock_switch_poll all the time, drivers are
 * asked for no kicks, and vsock_switch_has_work is always false. */
void vsock_switch_set_polling(void);

/* Bytes of memory that a port needs. */
size_t vsock_port_memory_size(void);

/*
 * At boot: adds a port, which stays down until its driver sets DRIVER_OK. The port is the `device`
 * argument of vsock_device_ops.
 * -EINVAL: cid, weight or memory alignment; -EEXIST: the CID has a port; -ENOSPC: all
 * MUX_PARTITIONS_MAX ports are in use.
 */
int vsock_port_attach(const struct vsock_port_config *config, struct vsock_port **out);

/* The port of a CID, or NULL. Lock-free: ports are only added at boot. */
struct vsock_port *vsock_port_find(uint32_t cid);

/* The virtio-vsock device (virtio 1.2, 5.10). notify() only marks the port: the caller runs turns.
 * reset() also serves when the partition stops. */
extern const struct virtio_device_ops vsock_device_ops;

/* Whether the port has work for vsock_switch_turn. Any CPU, no lock. */
bool vsock_switch_has_work(const struct vsock_port *port);

/*
 * One bounded turn on behalf of a port, whose time it costs: delivers to it what waits for it,
 * forwards what it sent. True when work is left. The CPU that took the kick calls it until false,
 * and may look for interrupts and the end of the time slice between two turns.
 */
bool vsock_switch_turn(struct vsock_port *port);

/* One bounded turn for each port, by the polling CPU. True when anything moved. */
bool vsock_switch_poll(void);

/* Fills the fields of the switch in `stats`: tx_*, rx_*, copied_bytes, refused_*, resets_sent,
 * device_errors and kicks; leaves the others alone. */
void vsock_port_stats(struct vsock_port *port, struct mux_stats *stats);

/*
 * Adds a rule. -EINVAL: port_first > port_last; -ENOENT: a CID without port; -EEXIST: the same rule
 * is there; -ENOSPC: MUX_RULES_MAX rules are in use.
 */
int vsock_policy_add(const struct mux_rule_record *rule);

/* Removes a rule; packets that wait under it and that no other rule permits are refused now.
 * -ENOENT: no such rule or CID. */
int vsock_policy_remove(const struct mux_rule_record *rule);

/* Packets that the rule has permitted, or -ENOENT. */
int64_t vsock_policy_count(const struct mux_rule_record *rule);

#endif
