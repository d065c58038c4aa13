/* SPDX-License-Identifier: MIT */
/*
 * What a bare-metal partition can ask of its runtime beyond the C library and sockets: boot
 * information, modules, hypercalls, the clock's raw form, and the set-up of the vsock driver.
 *
 * A program has an ordinary main(argc, argv); argv[0] is the partition's name, the rest is the
 * manifest's "args". What main returns is the partition's exit code. One thread; nothing here may
 * be called from an interrupt handler.
 */
#ifndef APPLIANCE_RUNTIME_MUX_H
#define APPLIANCE_RUNTIME_MUX_H

#include "muxvisor/guest_boot.h"
#include "muxvisor/hypercall.h"
#include "muxvisor/manifest.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Boot information, checked at start; never changes. */
const struct mux_guest_boot *mux_boot(void);
const char *mux_partition_name(void);
uint32_t mux_cid(void);

/* The module that the manifest calls `name`: its first byte and, where size is not NULL, its size;
 * NULL when there is none. Modules are 4 KiB aligned and may be written to. */
const void *mux_module(const char *name, size_t *size);
/* Module number `index` (from 0), or NULL past the last one; name and size may be NULL. */
const void *mux_module_at(size_t index, const char **name, size_t *size);

/*
 * Time. The monotonic clock (clock_gettime, mux_time_us) counts from the partition's start;
 * CLOCK_REALTIME equals it, as the platform has no calendar.
 */
static inline uint64_t mux_tsc(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}
uint64_t mux_tsc_khz(void);
uint64_t mux_time_us(void);

/*
 * Hypercalls (include/muxvisor/hypercall.h gives each one's errors). Those that can fail return a
 * negative errno value.
 */
int mux_abi_version(void);
__attribute__((noreturn)) void mux_exit(int code); /* at once: no atexit, no flush */
void mux_yield(void);
/* cid 0: the caller itself. */
int mux_stats(uint32_t cid, struct mux_stats *out);
/* Manager right. -ENOENT: index is past the last partition. */
int mux_partition_info(uint32_t index, struct mux_partition_info *out);
/* Manager right. */
int mux_partition_control(uint32_t cid, enum mux_control control);
/* Manager right. */
int mux_policy_add(const struct mux_rule_record *rule);
int mux_policy_remove(const struct mux_rule_record *rule);
/* Manager right. Packets that the rule has permitted; -ENOENT: no such rule. */
int64_t mux_policy_count(const struct mux_rule_record *rule);
/* Manager right. Flushes stdout; returns only when refused. */
int mux_machine_off(int code);

/*
 * The vsock driver starts with the first socket(). Before that a program may choose its buffers.
 * Sizes are payload bytes a packet; a receive buffer takes 44 bytes more for the header.
 */
struct mux_vsock_config {
	uint32_t rx_buffer_count; /* 2..256; no more than the device's queue takes */
	uint32_t rx_buffer_size;  /* 1..65536 */
	uint32_t tx_buffer_count; /* 4..256, likewise */
	uint32_t tx_buffer_size;  /* 1..65536 */
	bool busy_poll;		  /* never halt, and take no interrupts: lowest latency */
};

#define MUX_VSOCK_CONFIG_DEFAULT                                                      \
	{                                                                             \
		.rx_buffer_count = 64, .rx_buffer_size = 4096, .tx_buffer_count = 64, \
		.tx_buffer_size = 8192, .busy_poll = false                            \
	}

/* 0; -EINVAL: out of range; -EBUSY: the driver runs already. */
int mux_vsock_configure(const struct mux_vsock_config *config);

/* Counters of this partition's driver and sockets since its start. */
struct mux_vsock_counters {
	uint64_t tx_packets;
	uint64_t tx_bytes; /* payload */
	uint64_t rx_packets;
	uint64_t rx_bytes;
	uint64_t kicks;
	uint64_t halts;	     /* times the CPU was halted for lack of work */
	uint64_t interrupts; /* taken */
	uint64_t rx_dropped; /* packets that broke the format */
	uint64_t resets;     /* connections that broke the protocol and were reset */
};
void mux_vsock_get_counters(struct mux_vsock_counters *out);

#endif
