/* SPDX-License-Identifier: MIT */
/*
 * Who goes first: a full destination blocks nobody else, senders share a destination by their
 * weights, and a turn is bounded.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "hv/vsock/schedule.h"
#include "tests/unit/fake_driver.h"

#define GUEST(i) (&fake_guests[i])

static uint8_t bytes[70000];
static struct vsock_header got;

static int teardown(void **state)
{
	(void)state;
	fake_teardown();
	return 0;
}

/* Guest 0 receives; all others may send to it and to the last one. */
static void start_all(uint32_t count, const uint32_t *weights)
{
	fake_setup(count, weights);
	for (uint32_t i = 0; i < count; i++) {
		fake_start_default(GUEST(i));
		fake_permit(GUEST(i), GUEST(0));
		if (i != 0) {
			fake_permit(GUEST(i), GUEST(count - 1));
		}
	}
}

static unsigned send_many(struct fake_guest *from, struct fake_guest *to, uint32_t length,
			  unsigned count)
{
	struct vsock_header sent = fake_rw(to, length);
	unsigned posted = 0;

	while (posted < count && fake_send(from, &sent, bytes, NULL) >= 0) {
		posted++;
	}
	fake_kick(from, VSOCK_QUEUE_TX);
	return posted;
}

/* The receiver takes `total` packets, `window` buffers at a time; senders keep their rings full.
 * Counts bytes by sender. */
static void share(uint32_t senders, const uint32_t *lengths, uint32_t buffer, unsigned total,
		  unsigned window, uint64_t *received)
{
	unsigned taken = 0;

	while (taken < total) {
		for (uint32_t i = 1; i <= senders; i++) {
			fake_reclaim_all(GUEST(i));
			send_many(GUEST(i), GUEST(0), lengths[i], VIRTQ_SIZE_MAX);
		}
		fake_run();
		assert_int_equal(fake_post_rx(GUEST(0), buffer, window), window);
		assert_true(fake_kick(GUEST(0), VSOCK_QUEUE_RX));
		fake_run();
		for (unsigned i = 0; i < window; i++) {
			int64_t length = fake_receive(GUEST(0), &got, bytes, sizeof(bytes));

			assert_true(length >= 0);
			received[got.src_cid - MUX_CID_MIN] += (uint64_t)length;
			taken++;
		}
	}
}

static void expect_ratio(uint64_t a, uint64_t b, double ratio)
{
	double real = (double)a / (double)b;

	if (real < ratio * 0.9 || real > ratio * 1.1) {
		fail_msg("shares %lu and %lu: ratio %f, expected %f", (unsigned long)a,
			 (unsigned long)b, real, ratio);
	}
}

static void equal_weights_share_equally(void **state)
{
	const uint32_t lengths[] = {0, 1000, 1000, 1000};
	uint64_t received[4] = {0};

	(void)state;
	start_all(4, NULL);
	share(3, lengths, 4096, 6000, 40, received);
	expect_ratio(received[1], received[2], 1);
	expect_ratio(received[1], received[3], 1);
}

static void weights_decide_the_share(void **state)
{
	const uint32_t weights[] = {1, 1, 2, 8};
	const uint32_t lengths[] = {0, 500, 500, 500};
	uint64_t received[4] = {0};

	(void)state;
	start_all(4, weights);
	share(3, lengths, 4096, 11000, 32, received);
	expect_ratio(received[2], received[1], 2);
	expect_ratio(received[3], received[1], 8);
}

/* By bytes, with 256 added for each packet: 4096 + 256 against 128 + 256. */
static void large_packets_get_no_larger_share(void **state)
{
	const uint32_t lengths[] = {0, 4096, 128};
	uint64_t received[3] = {0};

	(void)state;
	start_all(3, NULL);
	share(2, lengths, 4096 + 44, 9000, 60, received);
	expect_ratio(received[1] / 4096 * (4096 + VSOCK_PART_COST),
		     received[2] / 128 * (128 + VSOCK_PART_COST), 1);
}

/* Parts count, not packets: the large ones are cut by the receiver's small buffers. */
static void segmented_packets_share_too(void **state)
{
	const uint32_t lengths[] = {0, 4096, 300};
	uint64_t received[3] = {0};

	(void)state;
	start_all(3, NULL);
	share(2, lengths, 344, 9000, 60, received);
	expect_ratio(received[1], received[2], 0.996);
}

/* A lone sender gets everything, whatever its weight. */
static void a_share_is_not_wasted(void **state)
{
	const uint32_t weights[] = {1, 1, 16};
	const uint32_t lengths[] = {0, 1000};
	uint64_t received[3] = {0};

	(void)state;
	start_all(3, weights);
	share(1, lengths, 4096, 1000, 50, received);
	assert_int_equal(received[1], 1000 * 1000);
}

/* A sender of single packets that are much larger than its quantum gets no more than its share. */
static void single_large_packets_are_paid_for(void **state)
{
	struct fake_guest *to = GUEST(0);
	struct vsock_header large;
	uint64_t received[3] = {0};

	(void)state;
	fake_setup(3, NULL);
	large = fake_rw(to, 60000);
	assert_int_equal(fake_start(to, FAKE_FEATURES_ALL, 16, 65536, 8, 64), 0);
	assert_int_equal(fake_start(GUEST(1), FAKE_FEATURES_ALL, 8, 64, 8, 65536), 0);
	fake_start_default(GUEST(2));
	fake_permit(GUEST(1), to);
	fake_permit(GUEST(2), to);
	for (unsigned round = 0; round < 4000; round++) {
		if (fake_reclaim_all(GUEST(1)) != 0 || round == 0) {
			fake_send(GUEST(1), &large, NULL, NULL);
			fake_kick(GUEST(1), VSOCK_QUEUE_TX);
		}
		fake_reclaim_all(GUEST(2));
		send_many(GUEST(2), to, 1000, 128);
		fake_run();
		fake_post_rx(to, 65536, 4);
		fake_kick(to, VSOCK_QUEUE_RX);
		fake_run();
		while (fake_receive(to, &got, bytes, sizeof(bytes)) >= 0) {
			received[got.src_cid - MUX_CID_MIN] += got.len;
		}
	}
	expect_ratio(received[1], received[2] / 1000 * (1000 + VSOCK_PART_COST), 1);
}

/* Whoever finds buffers for others too serves them for a round, not all of them. */
static void a_turn_serves_others_for_one_round_only(void **state)
{
	(void)state;
	start_all(3, NULL);
	send_many(GUEST(1), GUEST(0), 8, 100);
	fake_run();
	fake_post_rx(GUEST(0), 100, 128); /* the kick has not come yet */
	send_many(GUEST(2), GUEST(0), 8, 1);
	while (vsock_switch_turn(GUEST(2)->port)) {
	}
	assert_int_equal(fake_reclaim_all(GUEST(2)), 1);
	assert_in_range(fake_stats(GUEST(0)).rx_packets, 2, VSOCK_QUANTUM / VSOCK_PART_COST + 2);
	assert_true(fake_kick(GUEST(0), VSOCK_QUEUE_RX));
	fake_run();
	assert_int_equal(fake_stats(GUEST(0)).rx_packets, 101);
}

/* A known route does not jump the queue of another sender. */
static void a_known_route_waits_its_turn(void **state)
{
	(void)state;
	start_all(3, NULL);
	fake_post_rx(GUEST(0), 100, 1);
	send_many(GUEST(2), GUEST(0), 8, 1);
	fake_run();
	assert_int_equal(fake_receive(GUEST(0), &got, bytes, sizeof(bytes)), 8);
	send_many(GUEST(1), GUEST(0), 8, 5);
	fake_run();
	fake_post_rx(GUEST(0), 100, 1);
	send_many(GUEST(2), GUEST(0), 8, 1);
	while (vsock_switch_turn(GUEST(2)->port)) {
	}
	assert_int_equal(fake_receive(GUEST(0), &got, bytes, sizeof(bytes)), 8);
	assert_int_equal(got.src_cid, GUEST(1)->cid);
}

/* A packet of 16 segments, which are all the same 64 KiB, in descriptors that the fake driver does
 * not use any more. Returns its payload's length. */
static uint32_t send_huge(struct fake_guest *from, struct fake_guest *to)
{
	struct fake_queue *q = &from->queue[VSOCK_QUEUE_TX];
	struct vsock_header header = fake_rw(to, 16 * 65536 - VSOCK_HEADER_SIZE);
	uint64_t buffer = q->buffers + 112ULL * q->stride; /* those of 16 heads: 65 KiB */

	q->free_count = (uint16_t)(q->free_count - 16);
	memmove(q->free, q->free + 16, q->free_count * sizeof(q->free[0])); /* 112 .. 127 */
	for (uint16_t i = 112; i < 128; i++) {
		q->desc[i] = (struct fake_desc){buffer, 65536, i < 127 ? VIRTQ_DESC_NEXT : 0,
						(uint16_t)(i + 1)};
	}
	header.src_cid = from->cid;
	memcpy(fake_ram(from, buffer), &header, sizeof(header));
	fake_publish(q, 112);
	q->chain[112] = 1;
	q->chain_desc[112][0] = 112;
	return header.len;
}

/* A sender whose own packets take the whole budget of each turn still serves those that wait. */
static void fresh_packets_do_not_starve_old_ones(void **state)
{
	struct vsock_header fresh;
	uint32_t length;

	(void)state;
	start_all(3, NULL);
	fresh = fake_rw(GUEST(2), 0);
	fake_post_rx(GUEST(0), 4096 + VSOCK_HEADER_SIZE, 128);
	length = send_huge(GUEST(1), GUEST(0));
	for (unsigned turn = 0; turn < 100 && fake_stats(GUEST(0)).rx_bytes < length; turn++) {
		/* its buffers never run out, so that no kick is asked for */
		while (fake_receive(GUEST(0), &got, bytes, sizeof(bytes)) >= 0) {
		}
		fake_post_rx(GUEST(0), 4096 + VSOCK_HEADER_SIZE, 128);
		while (fake_receive(GUEST(2), &got, bytes, sizeof(bytes)) >= 0) {
		}
		fake_post_rx(GUEST(2), 45, 128);
		fake_reclaim_all(GUEST(1));
		while (fake_send(GUEST(1), &fresh, NULL, NULL) >= 0) {
		}
		vsock_device_ops.notify(GUEST(1)->port, VSOCK_QUEUE_TX);
		vsock_switch_turn(GUEST(1)->port);
	}
	assert_int_equal(fake_stats(GUEST(0)).rx_bytes, length);
	assert_int_equal(fake_stats(GUEST(0)).kicks, 0);
}

static void a_full_destination_blocks_nobody_else(void **state)
{
	(void)state;
	start_all(4, NULL);
	/* 0 has no buffers; guest 1 has packets for it in front of those for 3. */
	assert_int_equal(send_many(GUEST(1), GUEST(0), 100, 60), 60);
	fake_run();
	fake_post_rx(GUEST(3), 4096, 128);
	assert_int_equal(send_many(GUEST(1), GUEST(3), 100, 60), 60);
	assert_int_equal(send_many(GUEST(2), GUEST(3), 100, 60), 60);
	fake_run();
	for (unsigned i = 0; i < 120; i++) {
		assert_int_equal(fake_receive(GUEST(3), &got, bytes, sizeof(bytes)), 100);
	}
	/* completed out of order: exactly those to 3 */
	assert_int_equal(fake_reclaim_all(GUEST(1)), 60);
	assert_int_equal(fake_reclaim_all(GUEST(2)), 60);
	/* and the others are still there, in order */
	fake_post_rx(GUEST(0), 4096, 128);
	assert_true(fake_kick(GUEST(0), VSOCK_QUEUE_RX));
	fake_run();
	for (unsigned i = 0; i < 60; i++) {
		assert_int_equal(fake_receive(GUEST(0), &got, bytes, sizeof(bytes)), 100);
	}
	assert_int_equal(fake_reclaim_all(GUEST(1)), 60);
}

/* A receiver that takes one buffer at a time slows only those who send to it. */
static void a_slow_receiver_slows_no_other_pair(void **state)
{
	(void)state;
	start_all(4, NULL);
	fake_post_rx(GUEST(3), 4096, 128);
	for (unsigned round = 0; round < 200; round++) {
		send_many(GUEST(1), GUEST(0), 64, 128);
		fake_run();
		assert_int_equal(send_many(GUEST(2), GUEST(3), 64, 16), 16);
		fake_run();
		for (unsigned i = 0; i < 16; i++) {
			assert_int_equal(fake_receive(GUEST(3), &got, bytes, sizeof(bytes)), 64);
		}
		assert_int_equal(fake_reclaim_all(GUEST(2)), 16);
		fake_post_rx(GUEST(3), 4096, 16);
		fake_post_rx(GUEST(0), 4096, 1);
		fake_kick(GUEST(0), VSOCK_QUEUE_RX);
		fake_run();
		assert_int_equal(fake_receive(GUEST(0), &got, bytes, sizeof(bytes)), 64);
		assert_int_equal(fake_reclaim_all(GUEST(1)), 1);
	}
}

static void a_turn_is_bounded_by_packets(void **state)
{
	const unsigned per_stage = VSOCK_STAGE_BUDGET / (2 * VSOCK_STEP_COST);
	unsigned turns = 0;

	(void)state;
	start_all(2, NULL);
	fake_post_rx(GUEST(0), 100, 128);
	assert_int_equal(send_many(GUEST(1), GUEST(0), 0, 128), 128);
	while (vsock_switch_has_work(GUEST(1)->port)) {
		uint64_t before = fake_stats(GUEST(0)).rx_packets;

		vsock_switch_turn(GUEST(1)->port);
		assert_true(fake_stats(GUEST(0)).rx_packets - before <= per_stage);
		turns++;
	}
	assert_int_equal(fake_stats(GUEST(0)).rx_packets, 128);
	assert_int_equal(turns, 128 / per_stage + 1);
}

static void a_turn_is_bounded_by_bytes(void **state)
{
	struct fake_guest *to = GUEST(0);
	struct fake_guest *from = GUEST(1);
	unsigned turns = 0;

	(void)state;
	fake_setup(2, NULL);
	assert_int_equal(fake_start(to, FAKE_FEATURES_ALL, 32, 65536 + 128, 8, 64), 0);
	assert_int_equal(fake_start(from, FAKE_FEATURES_ALL, 8, 64, 32, 65536 + 128), 0);
	fake_permit(from, to);
	fake_post_rx(to, 65536 + VSOCK_HEADER_SIZE, 32);
	assert_int_equal(send_many(from, to, 65536, 32), 32);
	do {
		uint64_t before = fake_stats(to).rx_bytes;

		vsock_switch_turn(from->port);
		assert_true(fake_stats(to).rx_bytes - before <=
			    2 * (VSOCK_STAGE_BUDGET + VSOCK_PART_MAX));
		turns++;
	} while (vsock_switch_has_work(from->port));
	assert_int_equal(fake_stats(to).rx_bytes, 32 * 65536);
	assert_true(turns >= 4);
}

/* A receiver in the middle of a flood still gets its own packets out in each turn. */
static void a_flood_leaves_the_other_direction_its_share(void **state)
{
	(void)state;
	start_all(3, NULL);
	fake_permit(GUEST(0), GUEST(2));
	fake_post_rx(GUEST(2), 100, 100);
	send_many(GUEST(1), GUEST(0), 4096, 128);
	fake_run();
	fake_post_rx(GUEST(0), 200, 128); /* 27 parts a packet: more than a turn's budget */
	assert_true(fake_kick(GUEST(0), VSOCK_QUEUE_RX));
	send_many(GUEST(0), GUEST(2), 16, 4);
	vsock_switch_turn(GUEST(0)->port);
	assert_int_equal(fake_stats(GUEST(2)).rx_packets, 4);
	assert_true(vsock_switch_has_work(GUEST(0)->port));
}

/* One destination with much to take does not hold up another that the same turns have to serve. */
static void owed_destinations_take_turns(void **state)
{
	struct fake_guest *from = GUEST(2);
	struct vsock_header sent;
	unsigned seen = 0;

	(void)state;
	fake_setup(3, NULL);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(fake_start(GUEST(i), FAKE_FEATURES_ALL, 128, 4200, 8, 64), 0);
		fake_permit(from, GUEST(i));
	}
	assert_int_equal(fake_start(from, FAKE_FEATURES_ALL, 8, 64, 4, 1 << 20), 0);
	for (unsigned i = 0; i < 2; i++) {
		sent = fake_rw(GUEST(i), 900000);
		fake_send(from, &sent, NULL, NULL);
	}
	fake_kick(from, VSOCK_QUEUE_TX);
	/* both are refilled before every turn: neither ever blocks the sender */
	for (unsigned turn = 0; turn < 6; turn++) {
		for (unsigned i = 0; i < 2; i++) {
			while (fake_receive(GUEST(i), &got, bytes, sizeof(bytes)) >= 0) {
				seen |= 1U << i;
			}
			fake_post_rx(GUEST(i), 4096 + VSOCK_HEADER_SIZE, 128);
			fake_kick(GUEST(i), VSOCK_QUEUE_RX);
		}
		vsock_switch_turn(from->port);
	}
	assert_int_equal(seen, 3);
	assert_int_equal(fake_stats(GUEST(0)).kicks, 0);
	expect_ratio(fake_stats(GUEST(0)).rx_bytes, fake_stats(GUEST(1)).rx_bytes, 1);
}

static void polling_serves_everyone(void **state)
{
	(void)state;
	fake_setup(4, NULL);
	vsock_switch_set_polling();
	for (uint32_t i = 0; i < 4; i++) {
		fake_start_default(GUEST(i));
		fake_permit(GUEST(i), GUEST(0));
	}
	assert_false(vsock_switch_poll());
	for (unsigned round = 0; round < 100; round++) {
		for (unsigned i = 1; i < 4; i++) {
			struct vsock_header sent = fake_rw(GUEST(0), 50);

			for (unsigned j = 0; j < 20; j++) {
				fake_send(GUEST(i), &sent, bytes, NULL);
			}
			assert_false(fake_kick(GUEST(i), VSOCK_QUEUE_TX));
			assert_false(vsock_switch_has_work(GUEST(i)->port));
		}
		while (vsock_switch_poll()) {
		}
		fake_post_rx(GUEST(0), 100, 60);
		assert_false(fake_kick(GUEST(0), VSOCK_QUEUE_RX));
		while (vsock_switch_poll()) {
		}
		for (unsigned i = 0; i < 60; i++) {
			assert_int_equal(fake_receive(GUEST(0), &got, bytes, sizeof(bytes)), 50);
		}
		for (unsigned i = 1; i < 4; i++) {
			assert_int_equal(fake_reclaim_all(GUEST(i)), 20);
		}
	}
	assert_int_equal(fake_stats(GUEST(1)).kicks, 0);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(equal_weights_share_equally),
		TEST(weights_decide_the_share),
		TEST(large_packets_get_no_larger_share),
		TEST(segmented_packets_share_too),
		TEST(a_share_is_not_wasted),
		TEST(single_large_packets_are_paid_for),
		TEST(a_turn_serves_others_for_one_round_only),
		TEST(a_known_route_waits_its_turn),
		TEST(fresh_packets_do_not_starve_old_ones),
		TEST(a_full_destination_blocks_nobody_else),
		TEST(a_slow_receiver_slows_no_other_pair),
		TEST(a_turn_is_bounded_by_packets),
		TEST(a_turn_is_bounded_by_bytes),
		TEST(a_flood_leaves_the_other_direction_its_share),
		TEST(owed_destinations_take_turns),
		TEST(polling_serves_everyone),
	};

	return cmocka_run_group_tests_name("vsock_schedule", tests, NULL, NULL);
}
