/* SPDX-License-Identifier: MIT */
/*
 * Drivers that break the rules: each kind of fault stops the port of its driver, with the reason in
 * the log, and no other port notices.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "tests/unit/fake_driver.h"

#define BAD (&fake_guests[0])
#define A   (&fake_guests[1])
#define B   (&fake_guests[2])

#define RX (&BAD->queue[VSOCK_QUEUE_RX])
#define TX (&BAD->queue[VSOCK_QUEUE_TX])

/* An address that belongs to no region. */
#define HOLE 0x80000000ULL

static uint8_t bytes[8192];
static struct vsock_header got;

/* ---- what a bad driver does: each makes one head available ---- */

static struct fake_desc *tx_desc(uint16_t index, uint64_t address, uint32_t length, uint16_t flags,
				 uint16_t next)
{
	TX->desc[index] = (struct fake_desc){address, length, flags, next};
	return &TX->desc[index];
}

static struct fake_desc *rx_desc(uint16_t index, uint64_t address, uint32_t length, uint16_t flags,
				 uint16_t next)
{
	RX->desc[index] = (struct fake_desc){address, length, flags, next};
	return &RX->desc[index];
}

/* An indirect table at 0x30000 with `count` good entries of 44 bytes, as head 0 of TX. */
static struct fake_desc *tx_table(uint32_t count)
{
	struct fake_desc *table = fake_ram(BAD, 0x30000);

	for (uint32_t i = 0; i < count; i++) {
		table[i] = (struct fake_desc){0x60000 + i * 64, 44,
					      (uint16_t)(i + 1 < count ? VIRTQ_DESC_NEXT : 0),
					      (uint16_t)(i + 1)};
	}
	tx_desc(0, 0x30000, count * 16, VIRTQ_DESC_INDIRECT, 0);
	return table;
}

static void tx_jump(void)
{
	tx_desc(0, 0x60000, 44, 0, 0);
	TX->avail[1] = (uint16_t)(TX->size + 1);
}
static void tx_jump_back(void)
{
	TX->avail[1] = 0xffff;
}
static void tx_head_size(void)
{
	fake_publish(TX, TX->size);
}
static void tx_head_max(void)
{
	fake_publish(TX, 0xffff);
}
static void tx_head_busy(void)
{
	struct vsock_header sent = fake_rw(B, 4);
	int head;

	fake_permit(BAD, B);
	fake_reset(B);
	fake_start_default(B); /* no buffers: the packet waits */
	head = fake_send(BAD, &sent, "full", NULL);
	fake_publish(TX, (uint16_t)head);
}
static void tx_next_size(void)
{
	tx_desc(0, 0x60000, 44, VIRTQ_DESC_NEXT, TX->size);
	fake_publish(TX, 0);
}
static void tx_next_max(void)
{
	tx_desc(0, 0x60000, 44, VIRTQ_DESC_NEXT, 0xffff);
	fake_publish(TX, 0);
}
static void tx_loop_self(void)
{
	tx_desc(5, 0x60000, 44, VIRTQ_DESC_NEXT, 5);
	fake_publish(TX, 5);
}
static void tx_loop_two(void)
{
	tx_desc(0, 0x60000, 44, VIRTQ_DESC_NEXT, 1);
	tx_desc(1, 0x60000, 44, VIRTQ_DESC_NEXT, 0);
	fake_publish(TX, 0);
}
static void tx_segments(void)
{
	for (uint16_t i = 0; i <= VIRTQ_SEGMENTS_MAX; i++) {
		tx_desc(i, 0x60000, 44, i < VIRTQ_SEGMENTS_MAX ? VIRTQ_DESC_NEXT : 0,
			(uint16_t)(i + 1));
	}
	fake_publish(TX, 0);
}
static void tx_zero(void)
{
	tx_desc(0, 0x60000, 0, 0, 0);
	fake_publish(TX, 0);
}
static void tx_zero_second(void)
{
	tx_desc(0, 0x60000, 44, VIRTQ_DESC_NEXT, 1);
	tx_desc(1, 0x60000, 0, 0, 0);
	fake_publish(TX, 0);
}
static void tx_hole(void)
{
	tx_desc(0, HOLE, 44, 0, 0);
	fake_publish(TX, 0);
}
static void tx_past_end(void)
{
	tx_desc(0, FAKE_RAM_LOW - 43, 44, 0, 0);
	fake_publish(TX, 0);
}
static void tx_past_end_long(void)
{
	tx_desc(0, 0x60000, FAKE_RAM_LOW, 0, 0);
	fake_publish(TX, 0);
}
static void tx_before_second_region(void)
{
	tx_desc(0, FAKE_HIGH_GPA - 1, 44, 0, 0);
	fake_publish(TX, 0);
}
static void tx_past_second_region(void)
{
	tx_desc(0, FAKE_HIGH_GPA + FAKE_RAM_HIGH - 43, 44, 0, 0);
	fake_publish(TX, 0);
}
static void tx_payload_hole(void)
{
	tx_desc(0, 0x60000, 44, VIRTQ_DESC_NEXT, 1);
	tx_desc(1, HOLE, 1, 0, 0);
	fake_publish(TX, 0);
}
static void tx_wrap(void)
{
	tx_desc(0, UINT64_MAX - 10, 44, 0, 0);
	fake_publish(TX, 0);
}
static void tx_wrap_long(void)
{
	tx_desc(0, UINT64_MAX - 0x1000, UINT32_MAX, 0, 0);
	fake_publish(TX, 0);
}
static void tx_writable(void)
{
	tx_desc(0, 0x60000, 44, VIRTQ_DESC_WRITE, 0);
	fake_publish(TX, 0);
}
static void tx_writable_second(void)
{
	tx_desc(0, 0x60000, 44, VIRTQ_DESC_NEXT, 1);
	tx_desc(1, 0x60000, 44, VIRTQ_DESC_WRITE, 0);
	fake_publish(TX, 0);
}
static void tx_short(void)
{
	tx_desc(0, 0x60000, 43, 0, 0);
	fake_publish(TX, 0);
}
static void tx_short_two(void)
{
	tx_desc(0, 0x60000, 40, VIRTQ_DESC_NEXT, 1);
	tx_desc(1, 0x60000, 3, 0, 0);
	fake_publish(TX, 0);
}
static void in_not_negotiated(void)
{
	tx_table(2);
	fake_publish(TX, 0);
}
static void in_and_next(void)
{
	tx_table(2);
	TX->desc[0].flags |= VIRTQ_DESC_NEXT;
	fake_publish(TX, 0);
}
static void in_length_zero(void)
{
	tx_table(2);
	TX->desc[0].length = 0;
	fake_publish(TX, 0);
}
static void in_length_odd(void)
{
	tx_table(2);
	TX->desc[0].length = 31;
	fake_publish(TX, 0);
}
static void in_hole(void)
{
	tx_table(2);
	TX->desc[0].address = HOLE;
	fake_publish(TX, 0);
}
static void in_past_end(void)
{
	tx_table(2);
	TX->desc[0].address = FAKE_RAM_LOW - 16;
	fake_publish(TX, 0);
}
static void in_too_long(void)
{
	tx_table(2);
	TX->desc[0].length = 0xfffffff0;
	fake_publish(TX, 0);
}
static void in_wrap(void)
{
	tx_table(2);
	TX->desc[0].address = UINT64_MAX - 15;
	fake_publish(TX, 0);
}
static void in_nested(void)
{
	tx_table(2)[1].flags = VIRTQ_DESC_INDIRECT;
	fake_publish(TX, 0);
}
static void in_nested_self(void)
{
	tx_table(1)[0] = (struct fake_desc){0x30000, 16, VIRTQ_DESC_INDIRECT, 0};
	fake_publish(TX, 0);
}
static void in_next(void)
{
	tx_table(2)[0].next = 2;
	fake_publish(TX, 0);
}
static void in_loop(void)
{
	struct fake_desc *table = tx_table(2);

	table[1].flags = VIRTQ_DESC_NEXT;
	table[1].next = 0;
	fake_publish(TX, 0);
}
static void in_segments(void)
{
	tx_table(VIRTQ_SEGMENTS_MAX + 1);
	fake_publish(TX, 0);
}
static void in_entry_hole(void)
{
	tx_table(2)[1].address = HOLE;
	fake_publish(TX, 0);
}
static void in_entry_writable(void)
{
	tx_table(2)[1].flags = VIRTQ_DESC_WRITE;
	fake_publish(TX, 0);
}
static void in_entry_zero(void)
{
	tx_table(2)[1].length = 0;
	fake_publish(TX, 0);
}
static void in_after_others(void)
{
	struct fake_desc *table = tx_table(VIRTQ_SEGMENTS_MAX);

	TX->desc[1] = TX->desc[0];
	tx_desc(0, 0x60000, 44, VIRTQ_DESC_NEXT, 1);
	(void)table; /* 1 + 20 segments */
	fake_publish(TX, 0);
}
static void rx_jump(void)
{
	RX->avail[1] = (uint16_t)(RX->size + 1);
}
static void rx_head(void)
{
	fake_publish(RX, RX->size);
}
static void rx_readable(void)
{
	rx_desc(0, 0x60000, 100, 0, 0);
	fake_publish(RX, 0);
}
static void rx_readable_second(void)
{
	rx_desc(0, 0x60000, 44, VIRTQ_DESC_WRITE | VIRTQ_DESC_NEXT, 1);
	rx_desc(1, 0x60000, 44, 0, 0);
	fake_publish(RX, 0);
}
static void rx_readable_first(void)
{
	rx_desc(0, 0x60000, 44, VIRTQ_DESC_NEXT, 1);
	rx_desc(1, 0x60000, 44, VIRTQ_DESC_WRITE, 0);
	fake_publish(RX, 0);
}
static void rx_short(void)
{
	rx_desc(0, 0x60000, 43, VIRTQ_DESC_WRITE, 0);
	fake_publish(RX, 0);
}
static void rx_header_only(void)
{
	rx_desc(0, 0x60000, 44, VIRTQ_DESC_WRITE, 0);
	fake_publish(RX, 0);
}
static void rx_zero(void)
{
	rx_desc(0, 0x60000, 0, VIRTQ_DESC_WRITE, 0);
	fake_publish(RX, 0);
}
static void rx_hole(void)
{
	rx_desc(0, HOLE, 4096, VIRTQ_DESC_WRITE, 0);
	fake_publish(RX, 0);
}
static void rx_past_end(void)
{
	rx_desc(0, FAKE_RAM_LOW - 99, 100, VIRTQ_DESC_WRITE, 0);
	fake_publish(RX, 0);
}
static void rx_wrap(void)
{
	rx_desc(0, UINT64_MAX - 99, 200, VIRTQ_DESC_WRITE, 0);
	fake_publish(RX, 0);
}
static void rx_loop(void)
{
	rx_desc(0, 0x60000, 44, VIRTQ_DESC_WRITE | VIRTQ_DESC_NEXT, 0);
	fake_publish(RX, 0);
}
static void rx_next(void)
{
	rx_desc(0, 0x60000, 44, VIRTQ_DESC_WRITE | VIRTQ_DESC_NEXT, RX->size);
	fake_publish(RX, 0);
}
static void rx_indirect_readable(void)
{
	tx_table(2);
	RX->desc[0] = TX->desc[0];
	fake_publish(RX, 0);
}
static void rx_indirect_nested(void)
{
	tx_table(1)[0] = (struct fake_desc){0x30000, 16, VIRTQ_DESC_INDIRECT, 0};
	RX->desc[0] = TX->desc[0];
	fake_publish(RX, 0);
}

static const struct fault_case {
	const char *name;
	void (*act)(void);
	enum vsock_queue queue;
	enum vsock_fault fault;
	uint16_t size; /* of the queues; 0: 32 */
} cases[] = {
#define TXC(name, fault)                                            \
	{                                                           \
#name, name, VSOCK_QUEUE_TX, VSOCK_FAULT_##fault, 0 \
	}
#define RXC(name, fault)                                            \
	{                                                           \
#name, name, VSOCK_QUEUE_RX, VSOCK_FAULT_##fault, 0 \
	}
	TXC(tx_jump, AVAIL_JUMP),
	TXC(tx_jump_back, AVAIL_JUMP),
	TXC(tx_head_size, HEAD_RANGE),
	TXC(tx_head_max, HEAD_RANGE),
	TXC(tx_head_busy, HEAD_BUSY),
	TXC(tx_next_size, NEXT_RANGE),
	TXC(tx_next_max, NEXT_RANGE),
	TXC(tx_loop_self, SEGMENTS),
	TXC(tx_loop_two, SEGMENTS),
	{"tx_loop_self_small", tx_loop_self, VSOCK_QUEUE_TX, VSOCK_FAULT_LOOP, 8},
	{"tx_loop_two_small", tx_loop_two, VSOCK_QUEUE_TX, VSOCK_FAULT_LOOP, 16},
	TXC(tx_segments, SEGMENTS),
	TXC(tx_zero, LENGTH_ZERO),
	TXC(tx_zero_second, LENGTH_ZERO),
	TXC(tx_hole, ADDRESS),
	TXC(tx_past_end, ADDRESS),
	TXC(tx_past_end_long, ADDRESS),
	TXC(tx_before_second_region, ADDRESS),
	TXC(tx_past_second_region, ADDRESS),
	TXC(tx_payload_hole, ADDRESS),
	TXC(tx_wrap, ADDRESS_WRAP),
	TXC(tx_wrap_long, ADDRESS_WRAP),
	TXC(tx_writable, NOT_READABLE),
	TXC(tx_writable_second, NOT_READABLE),
	TXC(tx_short, TX_SHORT),
	TXC(tx_short_two, TX_SHORT),
	TXC(in_not_negotiated, INDIRECT_FEATURE),
	TXC(in_and_next, INDIRECT_NEXT),
	TXC(in_length_zero, INDIRECT_LENGTH),
	TXC(in_length_odd, INDIRECT_LENGTH),
	TXC(in_hole, INDIRECT_ADDRESS),
	TXC(in_past_end, INDIRECT_ADDRESS),
	TXC(in_too_long, INDIRECT_ADDRESS),
	TXC(in_wrap, INDIRECT_ADDRESS),
	TXC(in_nested, INDIRECT_NESTED),
	TXC(in_nested_self, INDIRECT_NESTED),
	TXC(in_next, NEXT_RANGE),
	TXC(in_loop, LOOP),
	TXC(in_segments, SEGMENTS),
	TXC(in_entry_hole, ADDRESS),
	TXC(in_entry_writable, NOT_READABLE),
	TXC(in_entry_zero, LENGTH_ZERO),
	TXC(in_after_others, SEGMENTS),
	RXC(rx_jump, AVAIL_JUMP),
	RXC(rx_head, HEAD_RANGE),
	RXC(rx_readable, NOT_WRITABLE),
	RXC(rx_readable_second, NOT_WRITABLE),
	RXC(rx_readable_first, NOT_WRITABLE),
	RXC(rx_short, RX_SHORT),
	RXC(rx_header_only, RX_SHORT),
	RXC(rx_zero, LENGTH_ZERO),
	RXC(rx_hole, ADDRESS),
	RXC(rx_past_end, ADDRESS),
	RXC(rx_wrap, ADDRESS_WRAP),
	RXC(rx_loop, SEGMENTS),
	RXC(rx_next, NEXT_RANGE),
	RXC(rx_indirect_readable, NOT_WRITABLE),
	RXC(rx_indirect_nested, INDIRECT_NESTED),
};

static int setup(void **state)
{
	(void)state;
	fake_setup(3, NULL);
	fake_start_default(A);
	fake_start_default(B);
	fake_permit(A, B);
	fake_permit(A, BAD);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_teardown();
	return 0;
}

static void check_others(void)
{
	struct vsock_header sent = fake_rw(B, 6);

	fake_post_rx(B, 100, 1);
	fake_send_now(A, &sent, "others");
	assert_int_equal(fake_receive(B, &got, bytes, sizeof(bytes)), 6);
	assert_memory_equal(bytes, "others", 6);
	assert_true(fake_reclaim(A) >= 0);
}

static void check_works(void)
{
	struct vsock_header sent = fake_rw(BAD, 2);

	fake_post_rx(BAD, 100, 1);
	fake_send_now(A, &sent, "up");
	assert_int_equal(fake_receive(BAD, &got, bytes, sizeof(bytes)), 2);
	assert_true(fake_reclaim(A) >= 0);
}

static void expect_refused(void)
{
	struct vsock_header sent = fake_rw(BAD, 4);

	fake_post_rx(A, 100, 1);
	fake_send_now(A, &sent, "full");
	assert_int_equal(fake_receive(A, &got, bytes, sizeof(bytes)), 0);
	assert_int_equal(got.op, VSOCK_OP_RST);
	assert_true(fake_reclaim(A) >= 0);
}

static void start_bad(uint16_t size, bool indirect)
{
	uint64_t features = FAKE_FEATURES_ALL & ~(indirect ? 0 : VIRTIO_F_INDIRECT);

	assert_int_equal(fake_start(BAD, features, size, 4096, size, 4096), 0);
}

static void run_case(const struct fault_case *c)
{
	uint16_t size = c->size != 0 ? c->size : 32;

	start_bad(size, c->act != in_not_negotiated);
	c->act();
	if (c->queue == VSOCK_QUEUE_TX) {
		vsock_device_ops.notify(BAD->port, VSOCK_QUEUE_TX);
		fake_run();
	} else {
		/* A's packet meets the buffer, in a turn of A. */
		expect_refused();
	}
	if (BAD->transport.needs_reset != 1 ||
	    strstr(fake_log, vsock_fault_text(c->fault)) == NULL) {
		print_error("case %s: needs_reset %u, log \"%s\", expected \"%s\"\n", c->name,
			    BAD->transport.needs_reset, fake_log, vsock_fault_text(c->fault));
		fail();
	}
	assert_int_equal(fake_log_count, 1);
	assert_non_null(strstr(fake_log, c->queue == VSOCK_QUEUE_TX ? "tx queue" : "rx queue"));
	assert_int_equal(fake_stats(BAD).device_errors, 1);
	/* It stays stopped, whatever its driver does ... */
	vsock_device_ops.notify(BAD->port, VSOCK_QUEUE_TX);
	vsock_device_ops.notify(BAD->port, VSOCK_QUEUE_RX);
	fake_run();
	vsock_device_ops.driver_ok(BAD->port);
	expect_refused();
	check_others();
	assert_int_equal(fake_stats(BAD).device_errors, 1);
	/* ... until it resets the device. */
	fake_reset(BAD);
	start_bad(32, true);
	check_works();
	check_others();
}

static void each_fault_stops_its_own_port(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		if (i != 0) {
			teardown(NULL);
			setup(NULL);
		}
		run_case(&cases[i]);
	}
}

/* What the limits still permit: 20 segments in the ring's table, in an indirect one, and 1 + 19. */
static void the_limits_themselves_are_fine(void **state)
{
	struct vsock_header sent = fake_rw(B, VIRTQ_SEGMENTS_MAX * 44 - 44);

	(void)state;
	sent.src_cid = BAD->cid;
	fake_permit(BAD, B);
	fake_post_rx(B, 4096, 4);
	for (unsigned i = 0; i < 3; i++) {
		start_bad(32, true);
		memcpy(fake_ram(BAD, 0x60000), &sent, sizeof(sent));
		if (i == 0) {
			for (uint16_t j = 0; j < VIRTQ_SEGMENTS_MAX; j++) {
				tx_desc(j, 0x60000 + j * 44U, 44,
					j + 1U < VIRTQ_SEGMENTS_MAX ? VIRTQ_DESC_NEXT : 0,
					(uint16_t)(j + 1));
			}
		} else {
			tx_table(VIRTQ_SEGMENTS_MAX + 1 - i);
		}
		if (i == 2) {
			TX->desc[1] = TX->desc[0];
			TX->desc[1].flags |= VIRTQ_DESC_WRITE; /* to be ignored there */
			tx_desc(0, 0x60000, 44, VIRTQ_DESC_NEXT, 1);
		}
		fake_publish(TX, 0);
		vsock_device_ops.notify(BAD->port, VSOCK_QUEUE_TX);
		fake_run();
		assert_int_equal(fake_receive(B, &got, bytes, sizeof(bytes)),
				 VIRTQ_SEGMENTS_MAX * 44 - 44);
		fake_reset(BAD);
	}
	assert_int_equal(fake_log_count, 0);
}

static void log_is_bounded(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		start_bad(32, true);
		tx_zero();
		vsock_device_ops.notify(BAD->port, VSOCK_QUEUE_TX);
		fake_run();
		fake_reset(BAD);
	}
	assert_int_equal(fake_log_count, 16);
	assert_int_equal(fake_stats(BAD).device_errors, 100);
	check_others();
}

static void names_the_descriptor(void **state)
{
	(void)state;
	start_bad(32, true);
	tx_desc(7, 0x60000, 44, VIRTQ_DESC_NEXT, 9);
	tx_desc(9, HOLE, 44, 0, 0);
	fake_publish(TX, 7);
	vsock_device_ops.notify(BAD->port, VSOCK_QUEUE_TX);
	fake_run();
	assert_string_equal(
		fake_log, "guest: vsock port stopped: tx queue, descriptor 9: address out of RAM");
}

static void every_fault_has_a_text(void **state)
{
	(void)state;
	for (unsigned i = 0; i < VSOCK_FAULT_COUNT; i++) {
		assert_string_not_equal(vsock_fault_text((enum vsock_fault)i), "unknown fault");
	}
	assert_string_equal(vsock_fault_text(VSOCK_FAULT_COUNT), "unknown fault");
}

static int enable(uint16_t queue, uint16_t size, uint64_t desc, uint64_t driver, uint64_t device)
{
	struct virtio_queue_config config = {size, gpa(desc), gpa(driver), gpa(device)};

	return vsock_device_ops.queue_enable(BAD->port, queue, &config);
}

static void bad_rings_are_refused(void **state)
{
	static const struct {
		uint16_t size;
		uint64_t desc;
		uint64_t driver;
		uint64_t device;
		enum vsock_fault fault;
	} rings[] = {
		{0, 0x1000, 0x2000, 0x3000, VSOCK_FAULT_QUEUE_SIZE},
		{3, 0x1000, 0x2000, 0x3000, VSOCK_FAULT_QUEUE_SIZE},
		{256, 0x1000, 0x2000, 0x3000, VSOCK_FAULT_QUEUE_SIZE},
		{32768, 0x1000, 0x2000, 0x3000, VSOCK_FAULT_QUEUE_SIZE},
		{16, 0x1008, 0x2000, 0x3000, VSOCK_FAULT_QUEUE_ALIGNMENT},
		{16, 0x1000, 0x2001, 0x3000, VSOCK_FAULT_QUEUE_ALIGNMENT},
		{16, 0x1000, 0x2000, 0x3002, VSOCK_FAULT_QUEUE_ALIGNMENT},
		{16, HOLE, 0x2000, 0x3000, VSOCK_FAULT_QUEUE_ADDRESS},
		{16, 0x1000, HOLE, 0x3000, VSOCK_FAULT_QUEUE_ADDRESS},
		{16, 0x1000, 0x2000, HOLE, VSOCK_FAULT_QUEUE_ADDRESS},
		{16, FAKE_RAM_LOW - 16 * 16 + 16, 0x2000, 0x3000, VSOCK_FAULT_QUEUE_ADDRESS},
		{16, 0x1000, FAKE_RAM_LOW - 16 * 2 - 4, 0x3000, VSOCK_FAULT_QUEUE_ADDRESS},
		{16, 0x1000, 0x2000, FAKE_RAM_LOW - 16 * 8 - 4, VSOCK_FAULT_QUEUE_ADDRESS},
		{16, UINT64_MAX - 15, 0x2000, 0x3000, VSOCK_FAULT_QUEUE_ADDRESS},
		{16, 0x1000, UINT64_MAX - 1, 0x3000, VSOCK_FAULT_QUEUE_ADDRESS},
	};

	(void)state;
	assert_true(vsock_device_ops.features_ok(BAD->port, FAKE_FEATURES_ALL));
	for (size_t i = 0; i < ARRAY_COUNT(rings); i++) {
		for (uint16_t queue = 0; queue < VSOCK_QUEUE_COUNT; queue++) {
			fake_log[0] = '\0';
			BAD->port->fault_logs = 1;
			assert_int_equal(enable(queue, rings[i].size, rings[i].desc,
						rings[i].driver, rings[i].device),
					 -EINVAL);
			assert_non_null(strstr(fake_log, vsock_fault_text(rings[i].fault)));
			fake_reset(BAD);
		}
	}
	assert_int_equal(enable(VSOCK_QUEUE_COUNT, 16, 0x1000, 0x2000, 0x3000), -EINVAL);
	/* exactly up to the end of RAM */
	assert_int_equal(enable(0, 16, FAKE_RAM_LOW - 16 * 16, 0x2000, 0x3000), 0);
	assert_int_equal(enable(1, 16, 0x1000, FAKE_RAM_LOW - 16 * 2 - 6, 0x3000), 0);
	fake_reset(BAD);
	assert_int_equal(enable(1, 16, 0x1000, 0x2000, FAKE_RAM_LOW - 16 * 8 - 8), 0);
}

static void a_missing_queue_stops_the_port(void **state)
{
	(void)state;
	for (uint16_t queue = 0; queue < 2; queue++) {
		assert_true(vsock_device_ops.features_ok(BAD->port, FAKE_FEATURES_ALL));
		assert_int_equal(enable(queue, 16, 0x1000, 0x2000, 0x3000), 0);
		vsock_device_ops.driver_ok(BAD->port);
		assert_int_equal(BAD->transport.needs_reset, queue + 1);
		assert_non_null(strstr(fake_log, queue == 0 ? "tx queue" : "rx queue"));
		expect_refused();
		fake_reset(BAD);
	}
}

static void a_queue_of_a_running_device_cannot_be_moved(void **state)
{
	(void)state;
	start_bad(32, true);
	assert_int_equal(enable(VSOCK_QUEUE_RX, 16, 0x1000, 0x2000, 0x3000), -EINVAL);
	assert_non_null(strstr(fake_log, vsock_fault_text(VSOCK_FAULT_QUEUE_LATE)));
	expect_refused();
	check_others();
}

static void kicks_before_driver_ok_do_nothing(void **state)
{
	(void)state;
	for (uint16_t queue = 0; queue < VSOCK_QUEUE_COUNT; queue++) {
		vsock_device_ops.notify(BAD->port, queue);
		fake_run();
	}
	assert_int_equal(fake_log_count, 0);
	start_bad(32, true);
	check_works();
}

/* The port sends to itself, and its receive buffer is broken. */
static void a_port_that_breaks_its_own_delivery(void **state)
{
	struct vsock_header sent = fake_rw(BAD, 4);
	static const uint32_t shapes[][4] = {{48, 0}, {44, 4, 0}, {20, 20, 8, 0}};

	(void)state;
	fake_permit(BAD, BAD);
	for (size_t i = 0; i < ARRAY_COUNT(shapes); i++) {
		BAD->transport.needs_reset = 0;
		start_bad(32, true);
		rx_readable();
		fake_send(BAD, &sent, "self", shapes[i]);
		fake_send(BAD, &sent, "self", shapes[i]);
		vsock_device_ops.notify(BAD->port, VSOCK_QUEUE_TX);
		fake_run();
		assert_int_equal(BAD->transport.needs_reset, 1);
		fake_reset(BAD);
	}
	check_others();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_fault_stops_its_own_port),
		TEST(the_limits_themselves_are_fine),
		TEST(log_is_bounded),
		TEST(names_the_descriptor),
		TEST(every_fault_has_a_text),
		TEST(bad_rings_are_refused),
		TEST(a_missing_queue_stops_the_port),
		TEST(a_queue_of_a_running_device_cannot_be_moved),
		TEST(kicks_before_driver_ok_do_nothing),
		TEST(a_port_that_breaks_its_own_delivery),
	};

	return cmocka_run_group_tests_name("vsock_faults", tests, NULL, NULL);
}
