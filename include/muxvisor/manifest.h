/* SPDX-License-Identifier: MIT */
/*
 * The packed manifest: what tools/muxpack makes of the manifest text and the images that it names,
 * and what the loader hands to ring 0. hv/manifest.c checks it; the packer and the loader use that
 * one check, and ring 0, which is of the loader's own image, relies on it.
 *
 * Layout: header, partition records, segment records, rule records, then segment data, each
 * segment's data aligned to 4 KiB from the start of the blob. All offsets count from the start of
 * the blob. The packer turns every image (ELF, kernel, module, page tables, boot information) into
 * plain segments, so that ring 0 parses no image format: it copies bytes to guest-physical
 * addresses. Several segments may share the same bytes of the blob.
 *
 * There is one canonical order: the records follow the header and each other without gaps; each
 * partition's segment records follow the ones of the partition before it, ascending by address.
 */
#ifndef MUXVISOR_MANIFEST_H
#define MUXVISOR_MANIFEST_H

#include "muxvisor/types.h"

#define MUX_BLOB_MAGIC	 0x31424c4258554dULL /* "MUXBLB1" */
#define MUX_BLOB_VERSION 1U

#define MUX_PARTITIONS_MAX   32U
#define MUX_VCPUS_MAX	     8U	   /* per partition */
#define MUX_SEGMENTS_MAX     4096U /* in the whole blob */
#define MUX_RULES_MAX	     256U
#define MUX_CPUS_MAX	     64U
#define MUX_WEIGHT_MAX	     16U
#define MUX_TIME_SLICE_MIN   100U	  /* microseconds */
#define MUX_TIME_SLICE_MAX   100000U	  /* microseconds */
#define MUX_MEMORY_MAX	     (1ULL << 40) /* bytes of a partition */
#define MUX_PIECE_SIZE	     0x200000ULL  /* partition memory comes in pieces of 2 MiB */
#define MUX_MEMORY_HIGH_BASE 0x100000000ULL
#define MUX_MEMORY_LOW_MAX \
	0xc0000000ULL /* RAM below the PCI window; more is mapped from 4 GiB on */

/* Rights of a partition (record.rights). */
#define MUX_RIGHT_MANAGER (1U << 0) /* may start and stop partitions and change the policy */

/* Flags of a partition (record.flags). */
#define MUX_PARTITION_CONSOLE	    (1U << 0) /* its UART is shown on the machine's console */
#define MUX_PARTITION_STOPS_MACHINE (1U << 1) /* when it stops for good, the machine powers off */
#define MUX_PARTITION_VSOCK	    (1U << 2) /* has a virtio-vsock device */
#define MUX_PARTITION_START_OFF	    (1U << 3) /* not started at boot; the manager starts it */

/* What happens when a partition stops by itself (record.restart). */
#define MUX_RESTART_NEVER   0U
#define MUX_RESTART_ON_FAIL 1U /* after a fault or a non-zero exit code */
#define MUX_RESTART_ALWAYS  2U

#define MUX_POLL_CPU_NONE 0xffffffffU

struct mux_blob_header {
	uint64_t magic;
	uint32_t version;
	uint32_t header_size; /* sizeof(struct mux_blob_header) */
	uint64_t total_size;  /* of the blob, bytes */
	uint32_t crc32c;      /* Castagnoli, over the whole blob with this field zero */
	uint32_t partition_count;
	uint32_t segment_count;
	uint32_t rule_count;
	uint64_t partition_offset;
	uint64_t segment_offset;
	uint64_t rule_offset;
	uint32_t poll_cpu;	/* CPU that only polls the rings, or MUX_POLL_CPU_NONE */
	uint32_t time_slice_us; /* default time slice of a vCPU, 100 .. 100000 */
	uint32_t cpu_count_min; /* CPUs that the manifest needs (highest pin or poll_cpu, + 1) */
	uint32_t reserved[5];
};

struct mux_partition_record {
	char name[MUX_NAME_SIZE];
	uint32_t cid;
	uint32_t rights;
	uint32_t flags;
	uint32_t restart;
	uint32_t restart_max; /* restarts before it stays down; 0: no limit */
	uint32_t start_order; /* of the text; partitions start in the order of the records */
	uint32_t vcpu_count;
	uint32_t weight;		  /* share of its CPUs' time and of the switch, 1 .. 16 */
	uint32_t vcpu_cpu[MUX_VCPUS_MAX]; /* CPU that each vCPU is pinned to */
	uint64_t memory_size;		  /* bytes, a multiple of MUX_PIECE_SIZE */
	uint32_t segment_first;		  /* index into the segment records */
	uint32_t segment_count;
	/* Start state of vCPU 0: 64-bit mode, flat segments, interrupts off, paging on. */
	uint64_t entry;	   /* RIP, guest-virtual (identity mapped) */
	uint64_t cr3;	   /* page tables that a segment brings: identity map of the first 4 GiB */
	uint64_t stack;	   /* RSP, or 0 */
	uint64_t argument; /* RDI and RSI: GPA of the boot information */
	uint64_t reserved[4];
};

struct mux_segment_record {
	uint64_t gpa;	 /* where it goes in the partition */
	uint64_t offset; /* of its bytes in the blob, a multiple of 4096 */
	uint64_t size;	 /* bytes; all other memory of the partition is zero */
	uint64_t reserved;
};

/*
 * A policy rule: `source` may connect to ports first..last of `destination`. Packets from
 * destination back to source whose source port lies in the range are permitted too, except
 * connection requests. Whatever no rule permits is refused.
 */
struct mux_rule_record {
	uint32_t source;      /* CID */
	uint32_t destination; /* CID */
	uint32_t port_first;
	uint32_t port_last;
};

_Static_assert(sizeof(struct mux_blob_header) == 96, "mux_blob_header");
_Static_assert(sizeof(struct mux_partition_record) == 160, "mux_partition_record");
_Static_assert(sizeof(struct mux_segment_record) == 32, "mux_segment_record");
_Static_assert(sizeof(struct mux_rule_record) == 16, "mux_rule_record");

#endif
