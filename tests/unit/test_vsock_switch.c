/* SPDX-License-Identifier: MIT */
/*
 * The switch: forwarding, source stamp, refusals, policy, the device's face.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "tests/unit/fake_driver.h"

#define A (&fake_guests[0])
#define B (&fake_guests[1])
#define C (&fake_guests[2])

static uint8_t bytes[4096];
static struct vsock_header got;

static int setup(void **state)
{
	(void)state;
	fake_setup(3, NULL);
	for (unsigned i = 0; i < 3; i++) {
		fake_start_default(&fake_guests[i]);
		fake_post_rx(&fake_guests[i], 4096 + VSOCK_HEADER_SIZE, 64);
	}
	fake_permit(A, B);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_teardown();
	return 0;
}

static void expect_nothing(struct fake_guest *g)
{
	assert_int_equal(fake_receive(g, &got, bytes, sizeof(bytes)), -1);
}

/* The switch answered `sent` with a reset. */
static void expect_reset(struct fake_guest *g, const struct vsock_header *sent)
{
	assert_int_equal(fake_receive(g, &got, bytes, sizeof(bytes)), 0);
	assert_int_equal(got.op, VSOCK_OP_RST);
	assert_int_equal(got.src_cid, sent->dst_cid);
	assert_int_equal(got.dst_cid, g->cid);
	assert_int_equal(got.src_port, sent->dst_port);
	assert_int_equal(got.dst_port, sent->src_port);
	assert_int_equal(got.type, sent->type);
	assert_int_equal(got.flags, 0);
	assert_int_equal(got.buf_alloc, 0);
	assert_int_equal(got.fwd_cnt, 0);
	expect_nothing(g);
	assert_int_equal(fake_reclaim_all(g), 1);
}

static void forwards_a_packet_unchanged(void **state)
{
	const char text[] = "across the wall";
	struct vsock_header sent = fake_rw(B, sizeof(text));
	struct mux_stats a;
	struct mux_stats b;

	(void)state;
	sent.flags = 0x40;
	int head = fake_send_now(A, &sent, text);
	assert_int_equal(fake_receive(B, &got, bytes, sizeof(bytes)), sizeof(text));
	sent.src_cid = A->cid;
	assert_memory_equal(&got, &sent, sizeof(got));
	assert_memory_equal(bytes, text, sizeof(text));
	assert_int_equal(fake_reclaim(A), head);
	expect_nothing(A);
	expect_nothing(C);
	a = fake_stats(A);
	b = fake_stats(B);
	assert_int_equal(a.tx_packets, 1);
	assert_int_equal(a.tx_bytes, sizeof(text));
	assert_int_equal(a.kicks, 1);
	assert_int_equal(a.rx_packets, 0);
	assert_int_equal(b.rx_packets, 1);
	assert_int_equal(b.rx_bytes, sizeof(text));
	assert_int_equal(b.copied_bytes, sizeof(text));
}

static void keeps_order_within_a_pair(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 100; i++) {
		struct vsock_header sent = fake_rw(B, 4);

		assert_true(fake_send(A, &sent, &i, NULL) >= 0);
	}
	fake_kick(A, VSOCK_QUEUE_TX);
	fake_run();
	for (uint32_t i = 0; i < 100; i++) {
		if (i == 64) { /* its buffers were used up: the rest waited */
			expect_nothing(B);
			fake_post_rx(B, 100, 64);
			assert_true(fake_kick(B, VSOCK_QUEUE_RX));
			fake_run();
		}
		assert_int_equal(fake_receive(B, &got, bytes, sizeof(bytes)), 4);
		assert_memory_equal(bytes, &i, 4);
	}
	expect_nothing(B);
	assert_int_equal(fake_reclaim_all(A), 100);
}

static void header_in_many_pieces(void **state)
{
	static const uint32_t cuts[][8] = {
		{44, 16, 0},	   {1, 43, 16, 0}, {20, 20, 20, 0},
		{43, 1, 1, 15, 0}, {45, 15, 0},	   {8, 8, 8, 8, 8, 8, 12, 0},
	};
	const char text[17] = "0123456789abcdef";

	(void)state;
	for (unsigned i = 0; i < ARRAY_COUNT(cuts); i++) {
		for (unsigned j = 0; j < ARRAY_COUNT(cuts); j++) {
			struct vsock_header sent = fake_rw(C, 16);

			fake_reset(C);
			assert_int_equal(fake_start(C, FAKE_FEATURES_ALL, 8, 256, 8, 256), 0);
			if (i == 0 && j == 0) {
				fake_permit(A, C);
			}
			assert_true(fake_post(C, VSOCK_QUEUE_RX, cuts[j], (i & 1) != 0) >= 0);
			fake_send(A, &sent, text, cuts[i]);
			fake_kick(A, VSOCK_QUEUE_TX);
			fake_run();
			assert_int_equal(fake_receive(C, &got, bytes, sizeof(bytes)), 16);
			assert_memory_equal(bytes, text, 16);
			sent.src_cid = A->cid;
			assert_memory_equal(&got, &sent, sizeof(got));
			fake_reclaim_all(A);
		}
	}
}

static void payload_may_be_shorter_than_the_chain(void **state)
{
	const uint32_t lengths[] = {44, 100, 0};
	struct vsock_header sent = fake_rw(B, 10);

	(void)state;
	fake_send(A, &sent, "0123456789", lengths);
	fake_kick(A, VSOCK_QUEUE_TX);
	fake_run();
	assert_int_equal(fake_receive(B, &got, bytes, sizeof(bytes)), 10);
	assert_memory_equal(bytes, "0123456789", 10);
}

static void refuses_a_forged_source(void **state)
{
	static const uint64_t forged[] = {4, 1, 5, 1ULL << 32 | 2, UINT64_MAX};

	(void)state;
	for (unsigned i = 0; i < ARRAY_COUNT(forged); i++) {
		struct vsock_header sent = fake_rw(B, 1);

		sent.src_cid = forged[i];
		fake_send_now(A, &sent, "x");
		expect_nothing(B);
		expect_reset(A, &sent);
		assert_int_equal(fake_stats(A).refused_address, i + 1);
		assert_int_equal(fake_stats(A).refused_policy, 0);
		assert_int_equal(fake_stats(A).resets_sent, i + 1);
	}
}

static void refuses_unknown_destinations(void **state)
{
	static const uint64_t cids[] = {0,	    1,	       5, 1023, 1024, 1ULL << 32 | 3,
					UINT32_MAX, UINT64_MAX};

	(void)state;
	for (unsigned i = 0; i < ARRAY_COUNT(cids); i++) {
		struct vsock_header sent = fake_rw(B, 1);

		sent.dst_cid = cids[i];
		fake_send_now(A, &sent, "x");
		expect_nothing(B);
		expect_reset(A, &sent);
		assert_int_equal(fake_stats(A).refused_address, i + 1);
	}
}

static void refuses_broken_headers(void **state)
{
	struct vsock_header good = fake_rw(B, 4);
	struct vsock_header bad[10];
	unsigned count = 0;

	(void)state;
	bad[count] = good, bad[count++].type = 0;
	bad[count] = good, bad[count++].type = 3;
	bad[count] = good, bad[count++].type = 33; /* shift count wraps */
	bad[count] = good, bad[count++].op = 0;
	bad[count] = good, bad[count++].op = 8;
	bad[count] = good, bad[count++].op = 0xffff;
	bad[count] = good, bad[count++].op = VSOCK_OP_REQUEST; /* control with payload */
	bad[count] = good, bad[count++].op = VSOCK_OP_CREDIT_UPDATE;
	for (unsigned i = 0; i < count; i++) {
		fake_send_now(A, &bad[i], "full");
		expect_nothing(B);
		expect_reset(A, &bad[i]);
	}
	assert_int_equal(fake_stats(A).refused_address, count);
	count = 6; /* those that are not right without payload either */
	for (unsigned i = 0; i < count; i++) {
		bad[i].len = 0;
		fake_send_now(A, &bad[i], NULL);
		expect_nothing(B);
		expect_reset(A, &bad[i]);
	}
	assert_int_equal(fake_stats(A).device_errors, 0);
	fake_send_now(A, &good, "full");
	assert_int_equal(fake_receive(B, &got, bytes, sizeof(bytes)), 4);
}

static void refuses_a_length_past_the_chain(void **state)
{
	static const uint32_t claimed[] = {
		9, 10, 4096, VSOCK_PART_MAX + 1, UINT32_MAX, UINT32_MAX - 43};

	(void)state;
	for (unsigned i = 0; i < ARRAY_COUNT(claimed); i++) {
		struct vsock_header sent = fake_rw(B, claimed[i]);
		const uint32_t lengths[] = {52, 0};
		int head = fake_post(A, VSOCK_QUEUE_TX, lengths, false);
		struct fake_queue *q = &A->queue[VSOCK_QUEUE_TX];

		sent.src_cid = A->cid;
		memcpy(fake_ram(A, q->buffers + (unsigned)head * q->stride), &sent, sizeof(sent));
		fake_kick(A, VSOCK_QUEUE_TX);
		fake_run();
		expect_nothing(B);
		expect_reset(A, &sent);
	}
}

/* The same, where the packet before was a good one of the same connection. */
static void a_known_route_is_no_excuse(void **state)
{
	struct vsock_header good = fake_rw(B, 4);
	struct vsock_header bad;
	struct fake_queue *q = &A->queue[VSOCK_QUEUE_TX];
	int head;

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		bad = good;
		bad.src_cid = i == 0 ? C->cid : A->cid;
		bad.dst_cid = i == 1 ? C->cid : B->cid;
		bad.type = i == 2 ? 3 : good.type;
		bad.op = i == 3 ? 9 : good.op;
		bad.len = i == 4 ? 5 : i == 5 ? UINT32_MAX : 4;
		fake_send_now(A, &good, "full");
		assert_int_equal(fake_receive(B, &got, bytes, sizeof(bytes)), 4);
		assert_int_equal(fake_reclaim_all(A), 1);
		head = fake_send(A, &good, "full", NULL);
		memcpy(fake_ram(A, q->buffers + (unsigned)head * q->stride), &bad, sizeof(bad));
		fake_kick(A, VSOCK_QUEUE_TX);
		fake_run();
		expect_nothing(B);
		expect_nothing(C);
		expect_reset(A, &bad);
	}
	assert_int_equal(fake_stats(A).resets_sent, 6);
}

static void no_reset_for_a_reset(void **state)
{
	struct vsock_header sent = fake_rw(C, 0);

	(void)state;
	sent.op = VSOCK_OP_RST;
	fake_send_now(A, &sent, NULL); /* no rule */
	sent.dst_cid = 99;
	fake_send_now(A, &sent, NULL); /* no such CID */
	sent.dst_cid = B->cid;
	sent.src_cid = C->cid;
	fake_send_now(A, &sent, NULL); /* forged */
	expect_nothing(A);
	expect_nothing(B);
	expect_nothing(C);
	assert_int_equal(fake_reclaim_all(A), 3);
	assert_int_equal(fake_stats(A).refused_policy, 1);
	assert_int_equal(fake_stats(A).refused_address, 2);
	assert_int_equal(fake_stats(A).resets_sent, 0);
}

static void a_reset_waits_for_a_buffer(void **state)
{
	struct vsock_header sent = fake_rw(C, 4);

	(void)state;
	fake_reset(A);
	fake_start_default(A); /* no receive buffers now */
	for (uint32_t i = 0; i < 128; i++) {
		sent.src_port = i;
		assert_true(fake_send(A, &sent, "full", NULL) >= 0);
	}
	assert_int_equal(fake_send(A, &sent, "full", NULL), -1);
	fake_kick(A, VSOCK_QUEUE_TX);
	fake_run();
	assert_int_equal(fake_reclaim_all(A), 0);
	for (uint32_t i = 0; i < 128; i++) {
		assert_int_equal(fake_post_rx(A, 64, 1), 1);
		assert_true(fake_kick(A, VSOCK_QUEUE_RX));
		fake_run();
		sent.src_port = i;
		expect_reset(A, &sent);
	}
	assert_int_equal(fake_stats(A).refused_policy, 128);
}

static void default_is_to_deny(void **state)
{
	struct vsock_header sent = fake_rw(C, 1);

	(void)state;
	for (uint16_t op = VSOCK_OP_REQUEST; op <= VSOCK_OP_CREDIT_REQUEST; op++) {
		sent.op = op;
		sent.len = 0;
		fake_send_now(A, &sent, NULL);
		expect_nothing(C);
		if (op == VSOCK_OP_RST) {
			expect_nothing(A);
			fake_reclaim_all(A);
		} else {
			expect_reset(A, &sent);
		}
	}
	assert_int_equal(fake_stats(A).refused_policy, 7);
	assert_int_equal(fake_stats(C).rx_packets, 0);
}

static bool passes(struct fake_guest *from, struct fake_guest *to, uint16_t op, uint32_t src_port,
		   uint32_t dst_port)
{
	struct vsock_header sent = fake_rw(to, 0);
	uint64_t refused = fake_stats(from).refused_policy;
	bool passed;

	sent.op = op;
	sent.src_port = src_port;
	sent.dst_port = dst_port;
	fake_send_now(from, &sent, NULL);
	fake_reclaim_all(from);
	passed = fake_receive(to, &got, bytes, sizeof(bytes)) == 0;
	assert_int_equal(fake_stats(from).refused_policy, refused + !passed);
	if (!passed && op != VSOCK_OP_RST) {
		assert_int_equal(fake_receive(from, &got, bytes, sizeof(bytes)), 0);
	}
	fake_post_rx(from, 100, 1);
	fake_post_rx(to, 100, 1);
	return passed;
}

static void rule_covers_its_ports_and_the_way_back(void **state)
{
	struct mux_rule_record rule = {2, 4, 100, 200};

	(void)state;
	assert_int_equal(vsock_policy_add(&rule), 0);
	assert_true(passes(A, C, VSOCK_OP_REQUEST, 5, 100));
	assert_true(passes(A, C, VSOCK_OP_REQUEST, 5, 200));
	assert_true(passes(A, C, VSOCK_OP_RST, 5, 150));
	assert_false(passes(A, C, VSOCK_OP_REQUEST, 5, 99));
	assert_false(passes(A, C, VSOCK_OP_REQUEST, 150, 201));
	assert_false(passes(A, C, VSOCK_OP_RST, 150, 99));
	/* back: what comes from the port range, but no requests */
	for (uint16_t op = VSOCK_OP_RESPONSE; op <= VSOCK_OP_CREDIT_REQUEST; op++) {
		assert_true(passes(C, A, op, 100, 5));
		assert_true(passes(C, A, op, 200, 5));
		assert_false(passes(C, A, op, 99, 100));
		assert_false(passes(C, A, op, 201, 100));
	}
	assert_false(passes(C, A, VSOCK_OP_REQUEST, 150, 5));
	assert_false(passes(C, A, VSOCK_OP_REQUEST, 150, 150));
	assert_int_equal(vsock_policy_count(&rule), 3 + 2 * 6);
	/* other pairs are not touched */
	assert_false(passes(B, C, VSOCK_OP_REQUEST, 5, 150));
	assert_false(passes(C, B, VSOCK_OP_RW, 150, 5));
}

static void rules_at_the_ends_of_the_port_range(void **state)
{
	struct mux_rule_record low = {2, 4, 0, 0};
	struct mux_rule_record high = {2, 4, UINT32_MAX, UINT32_MAX};

	(void)state;
	assert_int_equal(vsock_policy_add(&low), 0);
	assert_int_equal(vsock_policy_add(&high), 0);
	assert_true(passes(A, C, VSOCK_OP_REQUEST, 5, 0));
	assert_true(passes(A, C, VSOCK_OP_REQUEST, 5, UINT32_MAX));
	assert_false(passes(A, C, VSOCK_OP_REQUEST, 5, 1));
	assert_false(passes(A, C, VSOCK_OP_REQUEST, 5, UINT32_MAX - 1));
}

static void rules_come_and_go(void **state)
{
	struct mux_rule_record rule = {2, 4, 100, 200};
	struct mux_rule_record bad = {2, 4, 2, 1};
	struct mux_rule_record unknown = {2, 9, 1, 2};

	(void)state;
	assert_int_equal(vsock_policy_add(&bad), -EINVAL);
	assert_int_equal(vsock_policy_add(&unknown), -ENOENT);
	assert_int_equal(vsock_policy_remove(&unknown), -ENOENT);
	assert_int_equal(vsock_policy_count(&unknown), -ENOENT);
	assert_int_equal(vsock_policy_remove(&rule), -ENOENT);
	assert_int_equal(vsock_policy_count(&rule), -ENOENT);
	assert_int_equal(vsock_policy_add(&rule), 0);
	assert_int_equal(vsock_policy_add(&rule), -EEXIST);
	assert_true(passes(A, C, VSOCK_OP_REQUEST, 5, 150));
	assert_int_equal(vsock_policy_remove(&rule), 0);
	assert_false(passes(A, C, VSOCK_OP_REQUEST, 5, 150));
	assert_int_equal(vsock_policy_remove(&rule), -ENOENT);
}

static void rules_are_bounded_and_reused(void **state)
{
	struct mux_rule_record rule = {3, 4, 0, 0};

	(void)state;
	for (unsigned round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < MUX_RULES_MAX - 1; i++) { /* A to B has one */
			rule.port_first = rule.port_last = i * 2;
			assert_int_equal(vsock_policy_add(&rule), 0);
		}
		rule.port_first = rule.port_last = 1;
		assert_int_equal(vsock_policy_add(&rule), -ENOSPC);
		assert_true(passes(B, C, VSOCK_OP_REQUEST, 5, 0));
		assert_true(passes(B, C, VSOCK_OP_REQUEST, 5, (MUX_RULES_MAX - 2) * 2));
		assert_false(passes(B, C, VSOCK_OP_REQUEST, 5, 1));
		for (uint32_t i = 0; i < MUX_RULES_MAX - 1; i++) {
			rule.port_first = rule.port_last = (i * 7 % (MUX_RULES_MAX - 1)) * 2;
			assert_int_equal(vsock_policy_remove(&rule), 0);
		}
	}
	assert_true(passes(A, B, VSOCK_OP_REQUEST, 5, 150));
}

static void removed_rule_stops_what_waits(void **state)
{
	struct mux_rule_record rule = {2, 4, 2000, 2000};
	struct mux_rule_record other = {2, 4, 3000, 3000};
	struct vsock_header sent = fake_rw(C, 4);
	struct vsock_header kept = fake_rw(C, 4);

	(void)state;
	fake_reset(C);
	fake_start_default(C);
	assert_int_equal(vsock_policy_add(&rule), 0);
	assert_int_equal(vsock_policy_add(&other), 0);
	kept.dst_port = 3000;
	fake_send(A, &sent, "gone", NULL);
	fake_send(A, &kept, "kep1", NULL);
	fake_send(A, &sent, "gone", NULL);
	fake_send(A, &kept, "kep2", NULL);
	fake_send_now(A, &sent, "gone");
	assert_int_equal(vsock_policy_remove(&rule), 0);
	assert_int_equal(fake_stats(A).refused_policy, 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(fake_receive(A, &got, bytes, sizeof(bytes)), 0);
		assert_int_equal(got.op, VSOCK_OP_RST);
		assert_int_equal(got.src_port, 2000);
	}
	fake_post_rx(C, 1000, 8);
	fake_kick(C, VSOCK_QUEUE_RX);
	fake_run();
	assert_int_equal(fake_receive(C, &got, bytes, sizeof(bytes)), 4);
	assert_memory_equal(bytes, "kep1", 4);
	assert_int_equal(fake_receive(C, &got, bytes, sizeof(bytes)), 4);
	assert_memory_equal(bytes, "kep2", 4);
	expect_nothing(C);
	assert_int_equal(fake_reclaim_all(A), 5);
}

/* The policy does not apply to what the switch itself says. */
static void removed_rule_leaves_resets_alone(void **state)
{
	struct mux_rule_record rule = {2, 2, 0, UINT32_MAX};
	struct vsock_header sent = fake_rw(C, 4);

	(void)state;
	fake_permit(A, A);
	fake_reset(A);
	fake_start_default(A);
	fake_send_now(A, &sent, "full"); /* refused; the reset waits for a buffer */
	assert_int_equal(vsock_policy_remove(&rule), 0);
	fake_post_rx(A, 100, 1);
	fake_kick(A, VSOCK_QUEUE_RX);
	fake_run();
	expect_reset(A, &sent);
}

static void a_port_may_talk_to_itself(void **state)
{
	struct vsock_header sent = fake_rw(A, 5);

	(void)state;
	fake_send_now(A, &sent, "hello");
	expect_reset(A, &sent);
	fake_permit(A, A);
	fake_send_now(A, &sent, "hello");
	assert_int_equal(fake_receive(A, &got, bytes, sizeof(bytes)), 5);
	assert_memory_equal(bytes, "hello", 5);
	assert_int_equal(got.src_cid, A->cid);
}

static void buffers_in_the_second_region(void **state)
{
	struct fake_queue *q = &B->queue[VSOCK_QUEUE_RX];
	struct vsock_header sent = fake_rw(B, 4);

	(void)state;
	q->desc[q->avail[2]].address = FAKE_HIGH_GPA + 0x10000 - 48; /* up to its last byte */
	q->desc[q->avail[2]].length = 48;
	fake_send_now(A, &sent, "high");
	assert_int_equal(q->used[1], 1);
	assert_memory_equal(B->high + 0x10000 - 4, "high", 4);
}

static void types_follow_the_features(void **state)
{
	static const struct {
		uint64_t features;
		bool seqpacket;
	} cases[] = {
		{0, false},
		{VSOCK_F_STREAM, false},
		{VSOCK_F_SEQPACKET, true},
		{VSOCK_F_STREAM | VSOCK_F_SEQPACKET, true},
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_COUNT(cases); i++) {
		fake_reset(A);
		assert_int_equal(
			fake_start(A, VIRTIO_F_VERSION_1 | cases[i].features, 16, 256, 16, 256), 0);
		fake_post_rx(A, 64, 8);
		for (uint16_t type = 1; type <= 2; type++) {
			struct vsock_header sent = fake_rw(B, 1);

			sent.type = type;
			fake_send_now(A, &sent, "x");
			if (type == 1 || cases[i].seqpacket) {
				assert_int_equal(fake_receive(B, &got, bytes, sizeof(bytes)), 1);
				fake_reclaim_all(A);
			} else {
				expect_reset(A, &sent);
			}
		}
	}
}

static void features_are_checked(void **state)
{
	const struct virtio_device_ops *ops = &vsock_device_ops;

	(void)state;
	fake_reset(A);
	assert_int_equal(ops->device_id, 19);
	assert_int_equal(ops->queue_count, 3);
	assert_false(ops->features_ok(A->port, ops->features & ~VIRTIO_F_VERSION_1));
	assert_false(ops->features_ok(A->port, ops->features | 1ULL << 35));
	assert_true(ops->features_ok(A->port, ops->features));
}

static void config_is_the_cid(void **state)
{
	const struct virtio_device_ops *ops = &vsock_device_ops;

	(void)state;
	assert_int_equal(ops->config_read(C->port, 0, 4), 4);
	assert_int_equal(ops->config_read(C->port, 0, 2), 4);
	assert_int_equal(ops->config_read(C->port, 0, 1), 4);
	assert_int_equal(ops->config_read(C->port, 1, 1), 0);
	assert_int_equal(ops->config_read(C->port, 4, 4), 0);
	assert_int_equal(ops->config_read(C->port, 8, 4), 0);
	assert_int_equal(ops->config_read(C->port, UINT32_MAX, 4), 0);
}

static void attach_checks(void **state)
{
	struct vsock_port_config config = {"x", 77, 1, &A->mem, &A->transport, A->port_memory};
	struct vsock_port *port;

	(void)state;
	config.cid = MUX_CID_MIN - 1;
	assert_int_equal(vsock_port_attach(&config, &port), -EINVAL);
	config.cid = MUX_CID_MAX + 1;
	assert_int_equal(vsock_port_attach(&config, &port), -EINVAL);
	config.cid = 77;
	config.weight = 0;
	assert_int_equal(vsock_port_attach(&config, &port), -EINVAL);
	config.weight = VSOCK_WEIGHT_MAX + 1;
	assert_int_equal(vsock_port_attach(&config, &port), -EINVAL);
	config.weight = 1;
	config.memory = (uint8_t *)A->port_memory + 8;
	assert_int_equal(vsock_port_attach(&config, &port), -EINVAL);
	config.memory = A->port_memory;
	config.cid = A->cid;
	assert_int_equal(vsock_port_attach(&config, &port), -EEXIST);
	assert_null(vsock_port_find(77));
	assert_null(vsock_port_find(MUX_CID_MAX + 1));
	for (uint32_t i = 3; i < MUX_PARTITIONS_MAX; i++) {
		config.cid = 100 + i;
		assert_int_equal(vsock_port_attach(&config, &port), 0);
		assert_ptr_equal(vsock_port_find(config.cid), port);
	}
	config.cid = 99;
	assert_int_equal(vsock_port_attach(&config, &port), -ENOSPC);
}

static void every_cid_and_every_port_works(void **state)
{
	(void)state;
	fake_teardown();
	fake_setup(FAKE_GUESTS_MAX, NULL);
	for (unsigned i = 0; i < FAKE_GUESTS_MAX; i++) {
		fake_start_default(&fake_guests[i]);
		fake_post_rx(&fake_guests[i], 200, 64);
	}
	for (unsigned i = 0; i < FAKE_GUESTS_MAX; i++) {
		for (unsigned j = 0; j < FAKE_GUESTS_MAX; j++) {
			struct vsock_header sent = fake_rw(&fake_guests[j], 2);
			uint8_t text[2] = {(uint8_t)i, (uint8_t)j};

			fake_permit(&fake_guests[i], &fake_guests[j]);
			fake_send_now(&fake_guests[i], &sent, text);
			assert_int_equal(fake_receive(&fake_guests[j], &got, bytes, 2), 2);
			assert_int_equal(got.src_cid, fake_guests[i].cid);
			assert_memory_equal(bytes, text, 2);
		}
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(forwards_a_packet_unchanged),
		TEST(keeps_order_within_a_pair),
		TEST(header_in_many_pieces),
		TEST(payload_may_be_shorter_than_the_chain),
		TEST(refuses_a_forged_source),
		TEST(refuses_unknown_destinations),
		TEST(refuses_broken_headers),
		TEST(refuses_a_length_past_the_chain),
		TEST(a_known_route_is_no_excuse),
		TEST(no_reset_for_a_reset),
		TEST(a_reset_waits_for_a_buffer),
		TEST(default_is_to_deny),
		TEST(rule_covers_its_ports_and_the_way_back),
		TEST(rules_at_the_ends_of_the_port_range),
		TEST(rules_come_and_go),
		TEST(rules_are_bounded_and_reused),
		TEST(removed_rule_stops_what_waits),
		TEST(removed_rule_leaves_resets_alone),
		TEST(a_port_may_talk_to_itself),
		TEST(buffers_in_the_second_region),
		TEST(types_follow_the_features),
		TEST(features_are_checked),
		TEST(config_is_the_cid),
		TEST(attach_checks),
		TEST(every_cid_and_every_port_works),
	};

	return cmocka_run_group_tests_name("vsock_switch", tests, NULL, NULL);
}
