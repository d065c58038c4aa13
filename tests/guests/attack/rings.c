// SPDX-License-Identifier: MIT
/*
 * Broken queues: every kind of hv/vsock/fault.h that a partition of this size can make. Ring 0
 * stops the port, counts it and says why; the partition resets the device and goes on.
 */
#include "tests/guests/attack/attack.h"
#include "tests/guests/attack/raw.h"

#include <stdio.h>

#define RAM_END 0x400000ULL
#define HEADER	44U

static uint64_t errors_before;
static char why[64];

static void begin(uint64_t features)
{
	raw_start(features);
	errors_before = attack_stats().device_errors;
}

/* The port is stopped, counted once, and works again after a reset. */
static const char *is_stopped(void)
{
	uint64_t errors = attack_stats().device_errors - errors_before;

	if ((raw_status() & RAW_STATUS_NEEDS_RESET) == 0) {
		return "the device does not want a reset";
	}
	if (errors != 1) {
		snprintf(why, sizeof(why), "%u errors counted", (unsigned)errors);
		return why;
	}
	raw_kick(RAW_TX);
	raw_kick(RAW_RX);
	attack_out8(0x2014, RAW_STATUS_OK);
	raw_start(RAW_FEATURES);
	return raw_status() == RAW_STATUS_OK ? NULL : "it does not start again";
}

/* A packet to oneself fills a receive buffer: that is when RX descriptors are looked at. */
static void provoke_receive(void)
{
	struct virtio_vsock_packet packet = raw_packet(1022, 1, VIRTIO_VSOCK_OP_REQUEST);

	raw_send(&packet, 0);
}

static uint64_t out_address(void)
{
	return (uint64_t)(uintptr_t)raw_out;
}

/* One chain from head 0, whose first descriptor is given. */
static const char *send_chain(uint64_t features, uint64_t address, uint32_t length, uint16_t flags,
			      uint16_t next)
{
	begin(features);
	raw_describe(RAW_TX, 0, address, length, flags, next);
	raw_give(RAW_TX, 0);
	return is_stopped();
}

static const char *tx_jump(void)
{
	begin(RAW_FEATURES);
	raw_queues[RAW_TX].avail_index = RAW_SIZE + 1;
	raw_kick(RAW_TX);
	return is_stopped();
}

static const char *tx_jump_back(void)
{
	begin(RAW_FEATURES);
	raw_queues[RAW_TX].avail_index = 0xffff;
	raw_kick(RAW_TX);
	return is_stopped();
}

static const char *tx_head_range(void)
{
	begin(RAW_FEATURES);
	raw_give(RAW_TX, RAW_SIZE);
	return is_stopped();
}

static const char *tx_head_far(void)
{
	begin(RAW_FEATURES);
	raw_give(RAW_TX, 0xffff);
	return is_stopped();
}

/* Head 0 waits, as its destination (the attacker itself) has no buffer; then it comes again. */
static const char *tx_head_busy(void)
{
	struct virtio_vsock_packet packet = raw_packet(mux_cid(), 9, VIRTIO_VSOCK_OP_REQUEST);

	raw_negotiate(RAW_FEATURES);
	raw_enable_all();
	attack_out8(RAW_STATUS, RAW_STATUS_OK);
	errors_before = attack_stats().device_errors;
	__builtin_memcpy(raw_out, &packet, sizeof(packet));
	raw_describe(RAW_TX, 0, out_address(), HEADER, 0, 0);
	raw_give(RAW_TX, 0);
	raw_give(RAW_TX, 0);
	return is_stopped();
}

static const char *tx_next_range(void)
{
	return send_chain(RAW_FEATURES, out_address(), HEADER, RAW_NEXT, RAW_SIZE);
}

static const char *tx_next_far(void)
{
	return send_chain(RAW_FEATURES, out_address(), HEADER, RAW_NEXT, 0xffff);
}

static const char *tx_loop_one(void)
{
	return send_chain(RAW_FEATURES, out_address(), HEADER, RAW_NEXT, 0);
}

static const char *tx_loop_two(void)
{
	begin(RAW_FEATURES);
	raw_describe(RAW_TX, 0, out_address(), 8, RAW_NEXT, 1);
	raw_describe(RAW_TX, 1, out_address(), 8, RAW_NEXT, 0);
	raw_give(RAW_TX, 0);
	return is_stopped();
}

static const char *tx_length_zero(void)
{
	return send_chain(RAW_FEATURES, out_address(), 0, 0, 0);
}

static const char *tx_address(void)
{
	return send_chain(RAW_FEATURES, RAM_END, HEADER, 0, 0);
}

static const char *tx_address_ring0(void)
{
	return send_chain(RAW_FEATURES, 0x3e000000, HEADER, 0, 0);
}

static const char *tx_address_across(void)
{
	return send_chain(RAW_FEATURES, RAM_END - 43, HEADER, 0, 0);
}

static const char *tx_address_wrap(void)
{
	return send_chain(RAW_FEATURES, ~0ULL - 40, HEADER, 0, 0);
}

static const char *tx_length_huge(void)
{
	return send_chain(RAW_FEATURES, out_address(), 0xffffffffU, 0, 0);
}

static const char *tx_not_readable(void)
{
	return send_chain(RAW_FEATURES, out_address(), HEADER, RAW_WRITE, 0);
}

static const char *tx_short(void)
{
	return send_chain(RAW_FEATURES, out_address(), HEADER - 1, 0, 0);
}

static const char *tx_indirect_feature(void)
{
	return send_chain(RAW_FEATURES, out_address(), 32, RAW_INDIRECT, 0);
}

static const char *tx_indirect_next(void)
{
	return send_chain(RAW_FEATURES | RAW_FEATURE_INDIRECT, out_address(), 32,
			  RAW_INDIRECT | RAW_NEXT, 1);
}

static const char *tx_indirect_length(void)
{
	return send_chain(RAW_FEATURES | RAW_FEATURE_INDIRECT, out_address(), 17, RAW_INDIRECT, 0);
}

static const char *tx_indirect_empty(void)
{
	return send_chain(RAW_FEATURES | RAW_FEATURE_INDIRECT, out_address(), 0, RAW_INDIRECT, 0);
}

static const char *tx_indirect_address(void)
{
	return send_chain(RAW_FEATURES | RAW_FEATURE_INDIRECT, RAM_END - 16, 32, RAW_INDIRECT, 0);
}

static struct raw_desc table[64];

static const char *send_table(void)
{
	return send_chain(RAW_FEATURES | RAW_FEATURE_INDIRECT, (uint64_t)(uintptr_t)table,
			  sizeof(table), RAW_INDIRECT, 0);
}

static const char *tx_indirect_nested(void)
{
	table[0] = (struct raw_desc){(uint64_t)(uintptr_t)table, 32, RAW_INDIRECT, 0};
	return send_table();
}

/* More segments than a chain may have, without a loop. */
static const char *tx_segments(void)
{
	for (uint16_t i = 0; i < ARRAY_COUNT(table); i++) {
		table[i] = (struct raw_desc){out_address(), 64, RAW_NEXT, (uint16_t)(i + 1)};
	}
	table[ARRAY_COUNT(table) - 1].flags = 0;
	return send_table();
}

static const char *tx_indirect_loop(void)
{
	for (uint16_t i = 0; i < ARRAY_COUNT(table); i++) {
		table[i] = (struct raw_desc){out_address(), 64, RAW_NEXT, (uint16_t)(i ^ 1)};
	}
	return send_table();
}

/* --- receive queue --- */

/* The first receive buffer is as given, the others are good. */
static const char *receive_into(uint64_t address, uint32_t length, uint16_t flags, uint16_t next)
{
	begin(RAW_FEATURES);
	raw_describe(RAW_RX, 0, address, length, flags, next);
	provoke_receive();
	return is_stopped();
}

static uint64_t in_address(void)
{
	return (uint64_t)(uintptr_t)raw_in[0];
}

static const char *rx_jump(void)
{
	begin(RAW_FEATURES);
	raw_queues[RAW_RX].avail_index = 8 + RAW_SIZE + 1;
	for (unsigned int i = 0; i < 9; i++) {
		provoke_receive();
	}
	return is_stopped();
}

static const char *rx_head_range(void)
{
	begin(RAW_FEATURES);
	raw_queues[RAW_RX].avail[0] = RAW_SIZE;
	provoke_receive();
	return is_stopped();
}

static const char *rx_not_writable(void)
{
	return receive_into(in_address(), 4096, 0, 0);
}

static const char *rx_ring0(void)
{
	return receive_into(0x3e000000, 4096, RAW_WRITE, 0);
}

static const char *rx_across_end(void)
{
	return receive_into(RAM_END - 2048, 4096, RAW_WRITE, 0);
}

static const char *rx_wrap(void)
{
	return receive_into(~0ULL - 2047, 4096, RAW_WRITE, 0);
}

static const char *rx_bar(void)
{
	return receive_into(RAW_MEMORY_BAR, 4096, RAW_WRITE, 0);
}

static const char *rx_short(void)
{
	return receive_into(in_address(), HEADER - 1, RAW_WRITE, 0);
}

static const char *rx_zero(void)
{
	return receive_into(in_address(), 0, RAW_WRITE, 0);
}

static const char *rx_huge(void)
{
	return receive_into(in_address(), 0xffffffffU, RAW_WRITE, 0);
}

static const char *rx_loop(void)
{
	return receive_into(in_address(), 8, RAW_WRITE | RAW_NEXT, 0);
}

static const char *rx_second_readable(void)
{
	begin(RAW_FEATURES);
	raw_describe(RAW_RX, 0, in_address(), 8, RAW_WRITE | RAW_NEXT, 9);
	raw_describe(RAW_RX, 9, in_address(), 4096, 0, 0);
	provoke_receive();
	return is_stopped();
}

static const char *rx_indirect(void)
{
	return receive_into(in_address(), 16, RAW_WRITE | RAW_INDIRECT, 0);
}

/* --- rings --- */

static const char *enable(uint16_t size, uint64_t descriptors, uint64_t available, uint64_t used)
{
	raw_negotiate(RAW_FEATURES);
	errors_before = attack_stats().device_errors;
	raw_enable(RAW_TX, size, descriptors, available, used);
	return is_stopped();
}

static const char *ring_outside(void)
{
	return enable(RAW_SIZE, out_address(), out_address(), RAM_END - 64);
}

static const char *ring_in_ring0(void)
{
	return enable(RAW_SIZE, 0x3e000000, out_address(), out_address());
}

static const char *ring_in_bar(void)
{
	return enable(RAW_SIZE, out_address(), RAW_MEMORY_BAR, out_address());
}

static const char *ring_wraps(void)
{
	return enable(RAW_SIZE, ~0xfULL, out_address(), out_address());
}

static const char *ring_misaligned(void)
{
	return enable(RAW_SIZE, out_address() + 8, out_address(), out_address());
}

static const char *ring_missing(void)
{
	raw_negotiate(RAW_FEATURES);
	errors_before = attack_stats().device_errors;
	attack_out8(RAW_STATUS, RAW_STATUS_OK);
	return is_stopped();
}

static const struct attack tx_attacks[] = {
	{"available index jumps", tx_jump, ATTACK_REFUSED},
	{"available index jumps back", tx_jump_back, ATTACK_REFUSED},
	{"head out of the table", tx_head_range, ATTACK_REFUSED},
	{"head in use", tx_head_busy, ATTACK_REFUSED},
	{"next out of the table", tx_next_range, ATTACK_REFUSED},
	{"chain of two in a loop", tx_loop_two, ATTACK_REFUSED},
	{"descriptor of length 0", tx_length_zero, ATTACK_REFUSED},
	{"buffer past the end of RAM", tx_address, ATTACK_REFUSED},
	{"buffer across the end of RAM", tx_address_across, ATTACK_REFUSED},
	{"buffer across the end of addresses", tx_address_wrap, ATTACK_REFUSED},
	{"buffer of 4 GiB", tx_length_huge, ATTACK_REFUSED},
	{"TX buffer to be written", tx_not_readable, ATTACK_REFUSED},
	{"packet shorter than its header", tx_short, ATTACK_REFUSED},
};

static const struct attack indirect_attacks[] = {
	{"head far out of the table", tx_head_far, ATTACK_REFUSED},
	{"next far out of the table", tx_next_far, ATTACK_REFUSED},
	{"chain of one in a loop", tx_loop_one, ATTACK_REFUSED},
	{"buffer where ring 0 lies", tx_address_ring0, ATTACK_REFUSED},
	{"indirect table not negotiated", tx_indirect_feature, ATTACK_REFUSED},
	{"indirect descriptor with a next one", tx_indirect_next, ATTACK_REFUSED},
	{"indirect table of odd length", tx_indirect_length, ATTACK_REFUSED},
	{"indirect table of length 0", tx_indirect_empty, ATTACK_REFUSED},
	{"indirect table past the end of RAM", tx_indirect_address, ATTACK_REFUSED},
	{"indirect table in an indirect table", tx_indirect_nested, ATTACK_REFUSED},
	{"too many segments", tx_segments, ATTACK_REFUSED},
	{"indirect table with a loop", tx_indirect_loop, ATTACK_REFUSED},
};

static const struct attack rx_attacks[] = {
	{"RX available index jumps", rx_jump, ATTACK_REFUSED},
	{"RX head out of the table", rx_head_range, ATTACK_REFUSED},
	{"RX buffer to be read", rx_not_writable, ATTACK_REFUSED},
	{"RX buffer where ring 0 lies", rx_ring0, ATTACK_REFUSED},
	{"RX buffer across the end of RAM", rx_across_end, ATTACK_REFUSED},
	{"RX buffer across the end of addresses", rx_wrap, ATTACK_REFUSED},
	{"RX buffer in the BAR", rx_bar, ATTACK_REFUSED},
	{"RX buffer shorter than a header", rx_short, ATTACK_REFUSED},
	{"RX buffer of length 0", rx_zero, ATTACK_REFUSED},
	{"RX buffer of 4 GiB", rx_huge, ATTACK_REFUSED},
	{"RX chain in a loop", rx_loop, ATTACK_REFUSED},
	{"RX chain whose second buffer is to be read", rx_second_readable, ATTACK_REFUSED},
	{"RX indirect table not negotiated", rx_indirect, ATTACK_REFUSED},
};

static const struct attack ring_attacks[] = {
	{"ring past the end of RAM", ring_outside, ATTACK_REFUSED},
	{"ring where ring 0 lies", ring_in_ring0, ATTACK_REFUSED},
	{"ring in the BAR", ring_in_bar, ATTACK_REFUSED},
	{"ring across the end of addresses", ring_wraps, ATTACK_REFUSED},
	{"ring misaligned", ring_misaligned, ATTACK_REFUSED},
	{"ready without queues", ring_missing, ATTACK_REFUSED},
};

const struct attack_family attack_tx = {"tx", tx_attacks, ARRAY_COUNT(tx_attacks)};
const struct attack_family attack_rx = {"rx", rx_attacks, ARRAY_COUNT(rx_attacks)};
const struct attack_family attack_indirect = {"indirect", indirect_attacks,
					      ARRAY_COUNT(indirect_attacks)};
const struct attack_family attack_ring = {"ring", ring_attacks, ARRAY_COUNT(ring_attacks)};
