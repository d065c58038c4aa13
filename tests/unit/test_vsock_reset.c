/* SPDX-License-Identifier: MIT */
/*
 * Ports that go away and come back in the middle of traffic.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "tests/unit/fake_driver.h"

#define A (&fake_guests[0])
#define B (&fake_guests[1])
#define C (&fake_guests[2])

static uint8_t bytes[8192];
static struct vsock_header got;

static int setup(void **state)
{
	(void)state;
	fake_setup(3, NULL);
	for (unsigned i = 0; i < 3; i++) {
		fake_start_default(&fake_guests[i]);
		for (unsigned j = 0; j < 3; j++) {
			if (i != j) {
				fake_permit(&fake_guests[i], &fake_guests[j]);
			}
		}
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_teardown();
	return 0;
}

static void send_numbered(struct fake_guest *from, struct fake_guest *to, uint32_t first,
			  uint32_t count)
{
	for (uint32_t i = first; i < first + count; i++) {
		struct vsock_header sent = fake_rw(to, 8);

		sent.src_port = i;
		assert_true(fake_send(from, &sent, bytes, NULL) >= 0);
	}
	fake_kick(from, VSOCK_QUEUE_TX);
	fake_run();
}

static void expect_resets(struct fake_guest *g, const struct fake_guest *from, uint32_t first,
			  uint32_t count)
{
	for (uint32_t i = first; i < first + count; i++) {
		assert_int_equal(fake_receive(g, &got, bytes, sizeof(bytes)), 0);
		assert_int_equal(got.op, VSOCK_OP_RST);
		assert_int_equal(got.src_cid, from->cid);
		assert_int_equal(got.dst_port, i);
	}
	assert_int_equal(fake_receive(g, &got, bytes, sizeof(bytes)), -1);
}

static void waiting_packets_get_resets(void **state)
{
	(void)state;
	send_numbered(A, B, 0, 20);
	send_numbered(C, B, 100, 30);
	fake_post_rx(A, 100, 64);
	fake_post_rx(C, 100, 64);
	fake_reset(B);
	expect_resets(A, B, 0, 20);
	expect_resets(C, B, 100, 30);
	assert_int_equal(fake_reclaim_all(A), 20);
	assert_int_equal(fake_reclaim_all(C), 30);
	assert_int_equal(fake_stats(A).resets_sent, 20);
	/* and what comes later, until the driver is back */
	send_numbered(A, B, 20, 1);
	expect_resets(A, B, 20, 1);
	fake_start_default(B);
	fake_post_rx(B, 100, 64);
	send_numbered(A, B, 21, 1);
	assert_int_equal(fake_receive(B, &got, bytes, sizeof(bytes)), 8);
	assert_int_equal(got.src_port, 21);
	assert_int_equal(fake_receive(B, &got, bytes, sizeof(bytes)), -1);
}

/* The senders have no buffers for the resets either: these wait in turn. */
static void resets_wait_too(void **state)
{
	(void)state;
	send_numbered(A, B, 0, 128);
	fake_reset(B);
	assert_int_equal(fake_reclaim_all(A), 0);
	for (uint32_t i = 0; i < 128; i++) {
		fake_post_rx(A, 100, 1);
		assert_true(fake_kick(A, VSOCK_QUEUE_RX));
		fake_run();
		expect_resets(A, B, i, 1);
		assert_int_equal(fake_reclaim_all(A), 1);
	}
}

/* More resets than one budget covers: the senders' own turns go on with them, and are woken. */
static void many_resets_are_handed_over(void **state)
{
	(void)state;
	send_numbered(A, B, 0, 128);
	send_numbered(C, B, 0, 128);
	fake_post_rx(A, 100, 128);
	fake_post_rx(C, 100, 128);
	fake_reset(B);
	assert_true(vsock_switch_has_work(C->port));
	assert_true(C->transport.interrupts[VSOCK_QUEUE_RX] >= 1);
	fake_run();
	expect_resets(A, B, 0, 128);
	expect_resets(C, B, 0, 128);
}

static void a_sender_that_goes_takes_its_packets_along(void **state)
{
	(void)state;
	send_numbered(A, B, 0, 10);
	send_numbered(C, B, 100, 10);
	fake_reset(A);
	fake_start_default(A);
	fake_post_rx(B, 100, 64);
	fake_kick(B, VSOCK_QUEUE_RX);
	fake_run();
	for (uint32_t i = 100; i < 110; i++) {
		assert_int_equal(fake_receive(B, &got, bytes, sizeof(bytes)), 8);
		assert_int_equal(got.src_cid, C->cid);
		assert_int_equal(got.src_port, i);
	}
	assert_int_equal(fake_receive(B, &got, bytes, sizeof(bytes)), -1);
	assert_int_equal(fake_reclaim_all(A), 0);
	/* its new packets pass */
	send_numbered(A, B, 10, 3);
	assert_int_equal(fake_receive(B, &got, bytes, sizeof(bytes)), 8);
	assert_int_equal(got.src_port, 10);
}

/* The receiver is reset when half of a packet was delivered: its successor must not get the rest.
 */
static void half_a_packet(void **state)
{
	struct vsock_header sent = fake_rw(B, 4000);

	(void)state;
	fake_post_rx(B, 1044, 2);
	fake_post_rx(A, 100, 4);
	fake_send_now(A, &sent, bytes);
	assert_int_equal(fake_receive(B, &got, bytes, sizeof(bytes)), 1000);
	fake_reset(B);
	fake_start_default(B);
	fake_post_rx(B, 1044, 8);
	vsock_device_ops.notify(B->port, VSOCK_QUEUE_RX);
	fake_run();
	assert_int_equal(fake_receive(B, &got, bytes, sizeof(bytes)), -1);
	expect_resets(A, B, sent.src_port, 1);
	assert_int_equal(fake_reclaim_all(A), 1);
}

static void half_a_packet_of_a_sender_that_goes(void **state)
{
	struct vsock_header sent = fake_rw(B, 4000);

	(void)state;
	fake_post_rx(B, 1044, 2);
	fake_send_now(A, &sent, bytes);
	assert_int_equal(fake_receive(B, &got, bytes, sizeof(bytes)), 1000);
	assert_int_equal(fake_receive(B, &got, bytes, sizeof(bytes)), 1000);
	fake_reset(A);
	fake_start_default(A);
	fake_post_rx(B, 1044, 8);
	vsock_device_ops.notify(B->port, VSOCK_QUEUE_RX);
	fake_run();
	assert_int_equal(fake_receive(B, &got, bytes, sizeof(bytes)), -1);
	send_numbered(A, B, 5, 1);
	assert_int_equal(fake_receive(B, &got, bytes, sizeof(bytes)), 8);
}

/* A broken buffer after some good ones: what was delivered counts, the rest gets a reset. */
static void a_receiver_that_breaks_half_way(void **state)
{
	struct vsock_header sent = fake_rw(B, 4000);
	struct fake_queue *rx = &B->queue[VSOCK_QUEUE_RX];

	(void)state;
	fake_post_rx(A, 100, 8);
	fake_post_rx(B, 1044, 3);
	rx->desc[rx->avail[2 + 2]].flags = 0; /* not writable */
	fake_send(A, &sent, bytes, NULL);
	send_numbered(A, B, 7, 2);
	assert_int_equal(B->transport.needs_reset, 1);
	assert_int_equal(fake_receive(A, &got, bytes, sizeof(bytes)), 0);
	assert_int_equal(got.dst_port, sent.src_port);
	expect_resets(A, B, 7, 2);
	assert_int_equal(fake_reclaim_all(A), 3);
	/* C never noticed */
	fake_post_rx(C, 100, 1);
	send_numbered(A, C, 1, 1);
	assert_int_equal(fake_receive(C, &got, bytes, sizeof(bytes)), 8);
}

/* The flow of a connection must not outlive the destination that it leads to. */
static void a_known_route_ends_with_its_destination(void **state)
{
	(void)state;
	fake_post_rx(A, 100, 8);
	fake_post_rx(B, 100, 8);
	send_numbered(A, B, 1, 1);
	assert_int_equal(fake_receive(B, &got, bytes, sizeof(bytes)), 8);
	fake_reset(B);
	send_numbered(A, B, 1, 1);
	expect_resets(A, B, 1, 1);
	fake_start_default(B);
	fake_post_rx(B, 100, 8);
	send_numbered(A, B, 1, 1);
	assert_int_equal(fake_receive(B, &got, bytes, sizeof(bytes)), 8);
}

static void a_known_route_ends_with_its_rule(void **state)
{
	struct mux_rule_record rule = {A->cid, B->cid, 0, UINT32_MAX};
	struct mux_rule_record back = {B->cid, A->cid, 0, UINT32_MAX};

	(void)state;
	fake_post_rx(A, 100, 8);
	fake_post_rx(B, 100, 8);
	send_numbered(A, B, 1, 1);
	assert_int_equal(fake_receive(B, &got, bytes, sizeof(bytes)), 8);
	assert_int_equal(vsock_policy_remove(&back), 0);
	send_numbered(A, B, 1, 1);
	assert_int_equal(fake_receive(B, &got, bytes, sizeof(bytes)), 8);
	assert_int_equal(vsock_policy_remove(&rule), 0);
	send_numbered(A, B, 1, 1);
	assert_int_equal(fake_receive(B, &got, bytes, sizeof(bytes)), -1);
	expect_resets(A, B, 1, 1);
}

/* A packet of a known route may not overtake those of another connection that wait. */
static void a_known_route_does_not_overtake(void **state)
{
	(void)state;
	fake_post_rx(B, 100, 1);
	send_numbered(A, B, 1, 1);
	send_numbered(A, B, 2, 2); /* they wait */
	fake_post_rx(B, 100, 4);   /* no kick yet */
	send_numbered(A, B, 1, 1);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(fake_receive(B, &got, bytes, sizeof(bytes)), 8);
		assert_int_equal(got.src_port, i < 3 ? i + 1 : 1);
	}
}

static void reset_of_everything_in_every_state(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 50; round++) {
		for (unsigned i = 0; i < 3; i++) {
			struct fake_guest *from = &fake_guests[i];
			struct fake_guest *to = &fake_guests[(i + 1) % 3];

			fake_reclaim_all(from);
			if (from->queue[VSOCK_QUEUE_TX].free_count >= 10) {
				send_numbered(from, to, 0, 10);
			}
			if ((round + i) % 3 == 0) {
				fake_post_rx(from, 60, 7);
				fake_kick(from, VSOCK_QUEUE_RX);
			}
		}
		fake_reset(&fake_guests[round % 3]);
		fake_reset(&fake_guests[round % 3]);
		if (round % 2 == 0) {
			fake_run();
		}
		fake_start_default(&fake_guests[round % 3]);
		fake_run();
	}
	/* all of them still work */
	for (unsigned i = 0; i < 3; i++) {
		fake_reset(&fake_guests[i]);
		fake_start_default(&fake_guests[i]);
		fake_post_rx(&fake_guests[i], 100, 8);
	}
	send_numbered(A, B, 0, 1);
	assert_int_equal(fake_receive(B, &got, bytes, sizeof(bytes)), 8);
	send_numbered(B, C, 0, 1);
	assert_int_equal(fake_receive(C, &got, bytes, sizeof(bytes)), 8);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(waiting_packets_get_resets),
		TEST(resets_wait_too),
		TEST(many_resets_are_handed_over),
		TEST(a_sender_that_goes_takes_its_packets_along),
		TEST(half_a_packet),
		TEST(half_a_packet_of_a_sender_that_goes),
		TEST(a_receiver_that_breaks_half_way),
		TEST(a_known_route_ends_with_its_destination),
		TEST(a_known_route_ends_with_its_rule),
		TEST(a_known_route_does_not_overtake),
		TEST(reset_of_everything_in_every_state),
	};

	return cmocka_run_group_tests_name("vsock_reset", tests, NULL, NULL);
}
