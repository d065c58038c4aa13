/* SPDX-License-Identifier: MIT */
/*
 * Segmentation: packets of 0 bytes to 1 MiB through receive buffers of 64 bytes to 64 KiB arrive
 * whole and in order, cut as the receiver's buffers demand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "tests/unit/fake_driver.h"

#define A (&fake_guests[0])
#define B (&fake_guests[1])

#define LARGEST (1U << 20)

static uint8_t sent_bytes[LARGEST];
static uint8_t got_bytes[LARGEST];

static int setup(void **state)
{
	(void)state;
	fake_setup(2, NULL);
	fake_permit(A, B);
	for (uint32_t i = 0; i < LARGEST; i++) {
		sent_bytes[i] = fake_byte(1, i);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_teardown();
	return 0;
}

static void start(uint32_t rx_buffer)
{
	uint16_t rx_size = rx_buffer > 16384 ? 16 : 128;

	fake_reset(A);
	fake_reset(B);
	assert_int_equal(fake_start(A, FAKE_FEATURES_ALL, 8, 64, 4, LARGEST + 64), 0);
	assert_int_equal(fake_start(B, FAKE_FEATURES_ALL, rx_size, rx_buffer + 8, 8, 64), 0);
}

/* Buffers of `size` bytes, cut in the way number `shape`. */
static void post(uint32_t size, unsigned shape)
{
	const uint32_t shapes[4][6] = {
		{size, 0},
		{44, size - 44, 0},
		{10, size - 10, 0},
		{1, 42, 2, (size - 45) / 2 + 1, size - 46 - (size - 45) / 2, 0},
	};

	while (fake_post(B, VSOCK_QUEUE_RX, shapes[shape], shape == 3) >= 0) {
	}
	fake_kick(B, VSOCK_QUEUE_RX);
	fake_run();
}

/* One packet from A to B; checks every part. */
static void transfer(uint32_t length, uint32_t buffer, unsigned shape, uint16_t type,
		     uint32_t flags, const uint32_t *cuts)
{
	struct vsock_header sent = fake_rw(B, length);
	struct vsock_header got;
	uint32_t most = buffer - 44 < VSOCK_PART_MAX ? buffer - 44 : VSOCK_PART_MAX;
	uint32_t parts = length == 0 ? 1 : (length + most - 1) / most;
	uint32_t at = 0;

	sent.type = type;
	sent.flags = flags;
	assert_true(fake_send(A, &sent, sent_bytes, cuts) >= 0);
	fake_kick(A, VSOCK_QUEUE_TX);
	fake_run();
	for (uint32_t part = 0; part < parts; part++) {
		uint32_t expected = length - at < most ? length - at : most;
		int64_t real = fake_receive(B, &got, got_bytes + at, LARGEST - at);

		if (real < 0) {
			post(buffer, shape);
			real = fake_receive(B, &got, got_bytes + at, LARGEST - at);
		}
		assert_int_equal(real, expected);
		assert_int_equal(got.src_cid, A->cid);
		assert_int_equal(got.op, VSOCK_OP_RW);
		assert_int_equal(got.type, type);
		assert_int_equal(got.src_port, sent.src_port);
		assert_int_equal(got.dst_port, sent.dst_port);
		assert_int_equal(got.buf_alloc, sent.buf_alloc);
		assert_int_equal(got.fwd_cnt, sent.fwd_cnt);
		if (type == VSOCK_TYPE_SEQPACKET && part + 1 < parts) {
			assert_int_equal(got.flags, flags & ~3U);
		} else {
			assert_int_equal(got.flags, flags);
		}
		at += expected;
	}
	assert_int_equal(at, length);
	assert_memory_equal(got_bytes, sent_bytes, length);
	assert_int_equal(fake_receive(B, &got, got_bytes, LARGEST), -1);
	assert_int_equal(fake_reclaim_all(A), 1);
}

static const uint32_t buffers[] = {64,	 65,   100,   127,   128,   1000,  1500,
				   4096, 4140, 16384, 65535, 65536, 65580, 100000};

static void every_size_through_every_buffer(void **state)
{
	static const uint32_t lengths[] = {0,	  1,	 19,	20,	21,	40,    41,
					   63,	  64,	 100,	1023,	1024,	1456,  4051,
					   4052,  4053,	 4096,	8192,	16340,	65491, 65492,
					   65535, 65536, 65537, 100000, 131072, 200001};

	(void)state;
	for (size_t b = 0; b < ARRAY_COUNT(buffers); b++) {
		start(buffers[b]);
		for (size_t l = 0; l < ARRAY_COUNT(lengths); l++) {
			uint16_t type = l % 2 == 0 ? VSOCK_TYPE_STREAM : VSOCK_TYPE_SEQPACKET;

			transfer(lengths[l], buffers[b], (unsigned)(l + b) % 4, type, 0, NULL);
		}
	}
}

static void a_mebibyte_through_every_buffer(void **state)
{
	(void)state;
	for (size_t b = 0; b < ARRAY_COUNT(buffers); b++) {
		start(buffers[b]);
		transfer(LARGEST, buffers[b], (unsigned)b % 4, VSOCK_TYPE_STREAM, 0, NULL);
	}
}

static void every_length_up_to_some_parts(void **state)
{
	(void)state;
	start(64);
	for (uint32_t length = 0; length <= 200; length++) {
		transfer(length, 64, length % 4, VSOCK_TYPE_STREAM, 0, NULL);
	}
}

static void end_marks_stay_on_the_last_part(void **state)
{
	(void)state;
	start(1000);
	for (uint32_t flags = 0; flags < 8; flags++) {
		transfer(5000, 1000, 0, VSOCK_TYPE_SEQPACKET, flags, NULL);
		transfer(956, 1000, 0, VSOCK_TYPE_SEQPACKET, flags, NULL);
		transfer(957, 1000, 0, VSOCK_TYPE_SEQPACKET, flags, NULL);
		transfer(0, 1000, 0, VSOCK_TYPE_SEQPACKET, flags, NULL);
		transfer(5000, 1000, 0, VSOCK_TYPE_STREAM, flags, NULL);
	}
}

static void scattered_senders(void **state)
{
	static const uint32_t cuts[][VIRTQ_SEGMENTS_MAX + 1] = {
		{44, 5000, 0},
		{1, 5043, 0},
		{45, 1, 1, 1, 4996, 0},
		{44, 4000, 1, 999, 0},
		{30, 30, 4984, 0},
		{5000, 44, 0},
		{2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 4476, 0},
	};

	(void)state;
	for (size_t b = 0; b < ARRAY_COUNT(buffers); b++) {
		start(buffers[b]);
		for (size_t c = 0; c < ARRAY_COUNT(cuts); c++) {
			transfer(5000, buffers[b], (unsigned)(b + c) % 4, VSOCK_TYPE_STREAM, 0,
				 cuts[c]);
		}
	}
}

/* The receiver's buffers differ in size from one to the next. */
static void mixed_buffers(void **state)
{
	struct vsock_header sent = fake_rw(B, 60000);
	struct vsock_header got;
	uint32_t at = 0;
	uint32_t seed = 7;

	(void)state;
	start(9000);
	fake_send_now(A, &sent, sent_bytes);
	while (at < 60000) {
		uint32_t size = 45 + (seed = seed * 1103515245 + 12345) % 3000;
		int64_t length;

		fake_post_rx(B, size, 1);
		fake_kick(B, VSOCK_QUEUE_RX);
		fake_run();
		length = fake_receive(B, &got, got_bytes + at, LARGEST - at);
		assert_int_equal(length, min_u64(size - 44, 60000 - at));
		at += (uint32_t)length;
	}
	assert_memory_equal(got_bytes, sent_bytes, 60000);
	assert_int_equal(fake_reclaim_all(A), 1);
}

/* A buffer for a header alone serves packets without payload. */
static void header_sized_buffers_take_control_packets(void **state)
{
	struct vsock_header sent = fake_rw(B, 0);
	struct vsock_header got;

	(void)state;
	start(64);
	fake_post_rx(B, 44, 2);
	sent.op = VSOCK_OP_REQUEST;
	fake_send_now(A, &sent, NULL);
	assert_int_equal(fake_receive(B, &got, got_bytes, 0), 0);
	assert_int_equal(got.op, VSOCK_OP_REQUEST);
	assert_int_equal(B->transport.needs_reset, 0);
	sent.op = VSOCK_OP_RW;
	sent.len = 1;
	fake_send_now(A, &sent, "x");
	assert_int_equal(B->transport.needs_reset, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_size_through_every_buffer),
		TEST(a_mebibyte_through_every_buffer),
		TEST(every_length_up_to_some_parts),
		TEST(end_marks_stay_on_the_last_part),
		TEST(scattered_senders),
		TEST(mixed_buffers),
		TEST(header_sized_buffers_take_control_packets),
	};

	return cmocka_run_group_tests_name("vsock_segment", tests, NULL, NULL);
}
