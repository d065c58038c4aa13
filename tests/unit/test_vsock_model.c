/* SPDX-License-Identifier: MIT */
/*
 * Random traffic among four ports against a simple model: for each (sender, destination) a queue of
 * the packets sent, which must come out whole, unaltered and in order, and for each sender a queue
 * of the resets that it must get. Nothing else may come.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "tests/unit/fake_driver.h"
#include "tests/unit/vsock_check.h"

#define GUESTS	   4U
#define QUEUE_MAX  512U /* more than all rings hold */
#define TX_STRIDE  24000U
#define RX_STRIDE  9000U
#define LENGTH_MAX 20000U
#define STEPS	   60000U

struct packet {
	struct vsock_header header; /* as it must arrive, but for length and flags of a part */
	uint64_t seed;		    /* of the payload */
	uint32_t done;		    /* bytes that have arrived */
};

struct queue {
	struct packet packet[QUEUE_MAX];
	unsigned first;
	unsigned count;
};

static struct queue pairs[GUESTS][GUESTS];
static struct queue resets[GUESTS];
static uint64_t random_state;
static uint64_t packets_seen;
static uint64_t resets_seen;
static uint8_t bytes[VSOCK_PART_MAX];

static uint32_t pick(uint32_t limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)((random_state >> 20) % limit);
}

static void push(struct queue *q, const struct packet *packet)
{
	assert_true(q->count < QUEUE_MAX);
	q->packet[(q->first + q->count++) % QUEUE_MAX] = *packet;
}

static struct packet *front(struct queue *q)
{
	return q->count != 0 ? &q->packet[q->first] : NULL;
}

static void pop(struct queue *q)
{
	q->first = (q->first + 1) % QUEUE_MAX;
	q->count--;
}

/* Guests may connect to the next one and to the one after it, not to the one before. */
static bool permitted(uint32_t from, uint32_t to)
{
	uint32_t distance = (to + GUESTS - from) % GUESTS;

	return distance == 1 || distance == 2;
}

static void push_reset(uint32_t from, const struct vsock_header *sent)
{
	struct packet reset = {
		.header =
			{
				.src_cid = sent->dst_cid,
				.dst_cid = MUX_CID_MIN + from,
				.src_port = sent->dst_port,
				.dst_port = sent->src_port,
				.type = sent->type,
				.op = VSOCK_OP_RST,
			},
	};

	if (sent->op != VSOCK_OP_RST) {
		push(&resets[from], &reset);
	}
}

static void start_guest(uint32_t i)
{
	uint64_t features = FAKE_FEATURES;

	features |= pick(4) != 0 ? VIRTIO_F_EVENT_INDEX : 0;
	features |= pick(4) != 0 ? VIRTIO_F_INDIRECT : 0;
	assert_int_equal(fake_start(&fake_guests[i], features, (uint16_t)(16U << pick(4)),
				    RX_STRIDE, (uint16_t)(16U << pick(3)), TX_STRIDE),
			 0);
}

/* Cuts header + payload into a few segments, or none. */
static const uint32_t *random_cuts(uint32_t length)
{
	static uint32_t cuts[8];
	uint32_t left = length;
	unsigned count = 0;

	if (pick(3) == 0) {
		return NULL;
	}
	if (pick(2) == 0 && length > VSOCK_HEADER_SIZE) { /* as most drivers do */
		cuts[0] = VSOCK_HEADER_SIZE;
		cuts[1] = length - VSOCK_HEADER_SIZE;
		cuts[2] = 0;
		return cuts;
	}
	while (left > 1 && count < 6) {
		cuts[count] = 1 + pick(left - 1);
		left -= cuts[count++];
	}
	cuts[count++] = left;
	cuts[count] = 0;
	return cuts;
}

static struct vsock_header random_header(uint32_t to)
{
	struct vsock_header header = {
		.dst_cid = MUX_CID_MIN + to,
		.src_port = 1 + pick(3),
		.dst_port = 10 + pick(3),
		.type = (uint16_t)(1 + pick(2)),
		.op = VSOCK_OP_RW,
		.flags = pick(4),
		.buf_alloc = pick(1000000),
		.fwd_cnt = pick(1000000),
	};

	switch (pick(8)) {
	case 0: header.op = (uint16_t)(VSOCK_OP_RESPONSE + pick(3)); break;
	case 1: header.op = VSOCK_OP_CREDIT_UPDATE; break;
	default: break;
	}
	if (header.op == VSOCK_OP_RW) {
		header.len = pick(4) == 0 ? pick(LENGTH_MAX) : pick(200);
	}
	return header;
}

static void send_random(uint32_t from)
{
	uint32_t to = pick(GUESTS + 1);
	struct packet packet = {.header = random_header(to), .seed = random_state};
	const uint32_t *cuts = random_cuts(VSOCK_HEADER_SIZE + packet.header.len);

	for (uint32_t i = 0; i < packet.header.len; i++) {
		bytes[i] = fake_byte(packet.seed, i);
	}
	if (fake_send(&fake_guests[from], &packet.header, bytes, cuts) < 0) {
		return;
	}
	packet.header.src_cid = MUX_CID_MIN + from;
	/* A rule permits both ways but connection requests, of which there are none here. */
	if (to == GUESTS || (!permitted(from, to) && !permitted(to, from))) {
		push_reset(from, &packet.header);
	} else {
		push(&pairs[from][to], &packet);
	}
}

static void check_part(struct packet *packet, const struct vsock_header *got)
{
	struct vsock_header expected = packet->header;
	bool last = packet->done + got->len == packet->header.len;

	assert_true(packet->done + got->len <= packet->header.len);
	assert_true(got->len != 0 || packet->header.len == 0);
	expected.len = got->len;
	if (!last && expected.type == VSOCK_TYPE_SEQPACKET) {
		expected.flags &= ~(VSOCK_SEQ_EOM | VSOCK_SEQ_EOR);
	}
	assert_memory_equal(got, &expected, sizeof(expected));
	for (uint32_t i = 0; i < got->len; i++) {
		if (bytes[i] != fake_byte(packet->seed, packet->done + i)) {
			fail_msg("byte %u of a packet is wrong", packet->done + i);
		}
	}
	packet->done += got->len;
}

static bool receive_one(uint32_t to)
{
	struct vsock_header got;
	struct packet *packet = front(&resets[to]);
	struct queue *pair;

	if (fake_receive(&fake_guests[to], &got, bytes, sizeof(bytes)) < 0) {
		return false;
	}
	packets_seen++;
	if (packet != NULL && memcmp(&packet->header, &got, sizeof(got)) == 0) {
		pop(&resets[to]);
		resets_seen++;
		return true;
	}
	assert_in_range(got.src_cid, MUX_CID_MIN, MUX_CID_MIN + GUESTS - 1);
	pair = &pairs[got.src_cid - MUX_CID_MIN][to];
	packet = front(pair);
	assert_non_null(packet);
	check_part(packet, &got);
	if (packet->done == packet->header.len) {
		pop(pair);
	}
	return true;
}

static void post_random(uint32_t i)
{
	uint32_t size = 45 + (pick(3) == 0 ? pick(RX_STRIDE - 100) : pick(300));
	const uint32_t apart[] = {VSOCK_HEADER_SIZE, size - VSOCK_HEADER_SIZE, 0};
	const uint32_t many[] = {7, 30, size - 37, 0};
	const uint32_t one[] = {size, 0};
	const uint32_t *shapes[] = {one, apart, many};
	bool indirect = (fake_guests[i].features & VIRTIO_F_INDIRECT) != 0 && pick(2) == 0;

	for (unsigned count = pick(20); count != 0; count--) {
		fake_post(&fake_guests[i], VSOCK_QUEUE_RX, shapes[pick(3)], indirect);
	}
}

/* One port goes and comes back, when the switch has taken all that was sent: what still waits for
 * it becomes resets, and what waits from it is gone. */
static void restart(uint32_t i)
{
	struct fake_guest *g = &fake_guests[i];

	for (unsigned j = 0; j < GUESTS; j++) {
		vsock_device_ops.notify(fake_guests[j].port, VSOCK_QUEUE_TX);
		vsock_device_ops.notify(fake_guests[j].port, VSOCK_QUEUE_RX);
	}
	fake_run();
	for (uint32_t j = 0; j < GUESTS; j++) {
		while (receive_one(j)) {
		}
	}
	for (uint32_t j = 0; j < GUESTS; j++) {
		while (front(&pairs[j][i]) != NULL) {
			if (j != i) {
				push_reset(j, &front(&pairs[j][i])->header);
			}
			pop(&pairs[j][i]);
		}
		pairs[i][j].count = 0;
	}
	resets[i].count = 0;
	fake_reset(g);
	start_guest(i);
}

/* Everything arrives in the end, and all descriptors come back. */
static void drain(void)
{
	bool more = true;

	while (more) {
		more = false;
		for (uint32_t i = 0; i < GUESTS; i++) {
			while (receive_one(i)) {
				more = true;
			}
			more |= fake_reclaim_all(&fake_guests[i]) != 0;
			fake_post_rx(&fake_guests[i], 4000, 8);
			vsock_device_ops.notify(fake_guests[i].port, VSOCK_QUEUE_RX);
			vsock_device_ops.notify(fake_guests[i].port, VSOCK_QUEUE_TX);
		}
		if (vsock_switch.polling) {
			while (vsock_switch_poll()) {
				more = true;
			}
		} else {
			fake_run();
		}
	}
	for (uint32_t i = 0; i < GUESTS; i++) {
		assert_int_equal(resets[i].count, 0);
		for (uint32_t j = 0; j < GUESTS; j++) {
			assert_int_equal(pairs[i][j].count, 0);
		}
		assert_int_equal(fake_guests[i].transport.needs_reset, 0);
		assert_int_equal(fake_guests[i].queue[VSOCK_QUEUE_TX].free_count,
				 fake_guests[i].queue[VSOCK_QUEUE_TX].size);
	}
}

static void act(uint32_t i, bool restarts)
{
	struct fake_guest *g = &fake_guests[i];

	switch (pick(restarts ? 200 : 190) / 10) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4:
	case 5: send_random(i); break;
	case 6:
	case 7: fake_kick(g, VSOCK_QUEUE_TX); break;
	case 8:
	case 9: post_random(i); break;
	case 10:
	case 11: fake_kick(g, VSOCK_QUEUE_RX); break;
	case 12:
	case 13:
	case 14: receive_one(i); break;
	case 15:
	case 16: fake_reclaim_all(g); break;
	case 19:
		if (pick(10) == 0) {
			restart(i);
		}
		break;
	default:
		if (vsock_switch.polling) {
			vsock_switch_poll();
		} else if (vsock_switch_has_work(g->port)) {
			vsock_switch_turn(g->port);
		}
		break;
	}
}

static void run(uint64_t seed, bool polling, bool restarts)
{
	memset(pairs, 0, sizeof(pairs));
	memset(resets, 0, sizeof(resets));
	random_state = seed;
	packets_seen = 0;
	resets_seen = 0;
	fake_setup(GUESTS, NULL);
	if (polling) {
		vsock_switch_set_polling();
	}
	for (uint32_t i = 0; i < GUESTS; i++) {
		start_guest(i);
		for (uint32_t j = 0; j < GUESTS; j++) {
			if (permitted(i, j)) {
				fake_permit(&fake_guests[i], &fake_guests[j]);
			}
		}
	}
	for (unsigned step = 0; step < STEPS; step++) {
		act(pick(GUESTS), restarts);
		vsock_check();
	}
	drain();
	assert_true(packets_seen > STEPS / 10);
	assert_true(resets_seen > STEPS / 100);
	fake_teardown();
}

static void kicked(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 6; seed++) {
		run(seed * 0x9e3779b97f4a7c15ULL, false, false);
	}
}

static void polled(void **state)
{
	(void)state;
	for (uint64_t seed = 11; seed <= 13; seed++) {
		run(seed * 0x9e3779b97f4a7c15ULL, true, false);
	}
}

static void with_restarts(void **state)
{
	(void)state;
	for (uint64_t seed = 21; seed <= 26; seed++) {
		run(seed * 0x9e3779b97f4a7c15ULL, false, true);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kicked),
		cmocka_unit_test(polled),
		cmocka_unit_test(with_restarts),
	};

	return cmocka_run_group_tests_name("vsock_model", tests, NULL, NULL);
}
