/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls: VMCALL on Intel, VMMCALL on AMD (CPUID leaf MUX_CPUID_FEATURES tells), from guest
 * ring 0.
 *
 * Number in RAX, arguments in RDI, RSI, RDX; result in RAX: 0 or positive on success, a negative
 * MUX_E* value otherwise. No other register changes. A buffer is given by its guest-physical
 * address and must lie wholly in the partition's RAM.
 *
 * Errors that every call can give: -MUX_ENOSYS unknown number; -MUX_EPERM not called from guest
 * ring 0, or the right is missing; -MUX_EFAULT buffer not in the caller's RAM; -MUX_EINVAL an
 * argument out of its range.
 */
#ifndef MUXVISOR_HYPERCALL_H
#define MUXVISOR_HYPERCALL_H

#include "muxvisor/types.h"

#define MUX_ABI_VERSION 1U

/* CPUID leaves seen by a partition. */
#define MUX_CPUID_SIGNATURE 0x40000000U /* EAX: highest leaf; EBX, ECX, EDX: "MuxvisorMuxv" */
#define MUX_CPUID_FEATURES  0x40000001U /* EAX: ABI version; EBX: feature bits */
#define MUX_CPUID_TIMING    0x40000010U /* EAX: TSC frequency in kHz */
#define MUX_FEATURE_VMMCALL (1U << 0)	/* hypercalls use VMMCALL, not VMCALL */

#define MUX_EPERM  1
#define MUX_ENOENT 2
#define MUX_EAGAIN 11
#define MUX_EFAULT 14
#define MUX_EBUSY  16
#define MUX_EEXIST 17
#define MUX_EINVAL 22
#define MUX_ENOSPC 28
#define MUX_ENOSYS 38

enum mux_hypercall {
	/* () -> MUX_ABI_VERSION */
	MUX_HC_VERSION = 0,
	/* (code) does not return: stops the partition; code 0 is success, 1..255 failure.
	 * The restart policy of the manifest decides what follows. */
	MUX_HC_EXIT = 1,
	/* () -> 0: gives the rest of the time slice to the CPU's other vCPUs. */
	MUX_HC_YIELD = 2,
	/* (cid, gpa, size) -> bytes written: struct mux_stats of a partition; cid 0 is the caller.
	 * Another partition's needs the manager right. -MUX_ENOENT: no such CID.
	 * -MUX_EINVAL: size < sizeof(struct mux_stats). */
	MUX_HC_STATS = 3,
	/* (index, gpa, size) -> bytes written: struct mux_partition_info. Manager right.
	 * -MUX_ENOENT: index past the last partition. */
	MUX_HC_PARTITION_INFO = 4,
	/* (cid, enum mux_control) -> 0. Manager right. -MUX_ENOENT: no such CID; -MUX_EBUSY: it is
	 * already in that state or on its way; -MUX_EINVAL: the caller itself. */
	MUX_HC_PARTITION_CONTROL = 5,
	/* (gpa of struct mux_rule_record, enum mux_policy) -> 0, or the count. Manager right.
	 * -MUX_EEXIST: the rule is there; -MUX_ENOENT: no such rule, or no such CID;
	 * -MUX_ENOSPC: MUX_RULES_MAX rules are in use. */
	MUX_HC_POLICY = 6,
	/* (code) does not return: powers the machine off with that exit code. Manager right. */
	MUX_HC_MACHINE_OFF = 7,
};

enum mux_policy {
	MUX_POLICY_REMOVE = 0,
	MUX_POLICY_ADD = 1,
	MUX_POLICY_COUNT = 2, /* packets that the rule has permitted */
};

enum mux_control {
	MUX_CONTROL_START = 0,
	MUX_CONTROL_STOP = 1,
	MUX_CONTROL_RESTART = 2,
};

enum mux_partition_state {
	MUX_STATE_OFF = 0, /* never started, or stopped by the manager */
	MUX_STATE_RUNNING = 1,
	MUX_STATE_EXITED = 2,	/* by MUX_HC_EXIT */
	MUX_STATE_FAULTED = 3,	/* ring 0 stopped it */
	MUX_STATE_STOPPING = 4, /* on its way to stop or restart */
};

struct mux_partition_info {
	char name[MUX_NAME_SIZE];
	uint32_t cid;
	uint32_t state; /* enum mux_partition_state */
	uint32_t rights;
	uint32_t exit_code;
	uint32_t restarts;
	uint32_t reserved;
	uint64_t memory_size;
};

/* Counters since the machine's boot; they survive a restart of the partition. */
struct mux_stats {
	uint64_t exits;		    /* VM exits of its vCPUs */
	uint64_t ring0_ticks;	    /* TSC ticks spent in ring 0 for its vCPUs, exit to entry */
	uint64_t guest_ticks;	    /* TSC ticks spent in the guest */
	uint64_t kicks;		    /* queue notifications */
	uint64_t interrupts;	    /* virtual interrupts delivered to it */
	uint64_t tx_packets;	    /* taken from it by the switch */
	uint64_t tx_bytes;	    /* payload */
	uint64_t rx_packets;	    /* delivered to it */
	uint64_t rx_bytes;	    /* payload */
	uint64_t copied_bytes;	    /* payload bytes that ring 0 copied on their way to it */
	uint64_t refused_policy;    /* its packets that no rule permitted */
	uint64_t refused_address;   /* its packets to an unknown or stopped CID, with a forged
				       source, or with a malformed header */
	uint64_t resets_sent;	    /* RST that the switch gave back to it */
	uint64_t device_errors;	    /* times its queues broke the rules and its port was stopped */
	uint64_t ticks_now;	    /* TSC at the call, as the guest sees it */
	uint64_t switch_ticks;	    /* part of ring0_ticks spent in the switch */
	uint64_t restarts;	    /* of the partition */
	uint64_t exits_by_kind[15]; /* enum mux_exit_kind */
};

enum mux_exit_kind {
	MUX_EXIT_KIND_INTERRUPT = 0, /* external interrupt, NMI */
	MUX_EXIT_KIND_TIMER = 1,
	MUX_EXIT_KIND_HLT = 2,
	MUX_EXIT_KIND_IO = 3, /* port I/O that is no kick */
	MUX_EXIT_KIND_KICK = 4,
	MUX_EXIT_KIND_MSR = 5,
	MUX_EXIT_KIND_CPUID = 6,
	MUX_EXIT_KIND_HYPERCALL = 7,
	MUX_EXIT_KIND_MEMORY = 8, /* EPT or nested-page violation */
	MUX_EXIT_KIND_WINDOW = 9, /* interrupt window */
	MUX_EXIT_KIND_OTHER = 10,
};

_Static_assert(sizeof(struct mux_partition_info) == 48, "mux_partition_info");
_Static_assert(sizeof(struct mux_stats) == 256, "mux_stats");

#endif
