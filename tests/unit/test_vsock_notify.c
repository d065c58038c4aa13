/* SPDX-License-Identifier: MIT */
/*
 * Kicks and interrupts: exactly when the event index (or the flags) ask for them, and none lost,
 * also where the 16-bit indices wrap.
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

static uint8_t bytes[4096];
static struct vsock_header got;

static int setup(void **state)
{
	(void)state;
	fake_setup(2, NULL);
	fake_start_default(A);
	fake_start_default(B);
	fake_permit(A, B);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_teardown();
	return 0;
}

static void set_used_event(struct fake_guest *g, uint16_t queue, uint16_t event)
{
	g->queue[queue].avail[2 + g->queue[queue].size] = event;
}

static uint16_t avail_event(struct fake_guest *g, uint16_t queue)
{
	return g->queue[queue].used[2 + g->queue[queue].size * 4U];
}

static void send_quietly(unsigned count)
{
	struct vsock_header sent = fake_rw(B, 8);

	for (unsigned i = 0; i < count; i++) {
		assert_true(fake_send(A, &sent, bytes, NULL) >= 0);
	}
}

static void receive_all(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		assert_int_equal(fake_receive(B, &got, bytes, sizeof(bytes)), 8);
	}
	assert_int_equal(fake_receive(B, &got, bytes, sizeof(bytes)), -1);
	assert_int_equal(fake_reclaim_all(A), count);
}

static void first_fill_of_rx_needs_no_kick(void **state)
{
	(void)state;
	assert_int_equal(fake_post_rx(B, 100, 128), 128);
	assert_false(fake_kick(B, VSOCK_QUEUE_RX));
}

static void tx_kick_only_when_idle(void **state)
{
	(void)state;
	fake_post_rx(B, 100, 128);
	send_quietly(1);
	assert_true(fake_kick(A, VSOCK_QUEUE_TX));
	/* until the switch has looked, one kick is enough */
	send_quietly(5);
	assert_false(fake_kick(A, VSOCK_QUEUE_TX));
	fake_run();
	receive_all(6);
	/* it has: the next packet needs one */
	assert_int_equal(avail_event(A, VSOCK_QUEUE_TX), 6);
	send_quietly(1);
	assert_true(fake_kick(A, VSOCK_QUEUE_TX));
	fake_run();
	receive_all(1);
}

static void one_kick_a_batch(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 10; round++) {
		fake_post_rx(B, 100, 128);
		send_quietly(32);
		assert_true(fake_kick(A, VSOCK_QUEUE_TX));
		fake_run();
		receive_all(32);
	}
	assert_int_equal(fake_stats(A).kicks, 10);
	assert_int_equal(fake_stats(B).kicks, 0);
}

static void rx_kick_only_while_somebody_waits(void **state)
{
	(void)state;
	send_quietly(3);
	fake_kick(A, VSOCK_QUEUE_TX);
	fake_run();
	/* three wait */
	fake_post_rx(B, 100, 1);
	assert_true(fake_kick(B, VSOCK_QUEUE_RX));
	fake_run();
	fake_post_rx(B, 100, 1);
	assert_true(fake_kick(B, VSOCK_QUEUE_RX));
	fake_run();
	fake_post_rx(B, 100, 5);
	assert_true(fake_kick(B, VSOCK_QUEUE_RX));
	fake_run();
	receive_all(3);
	/* none waits, four buffers are left */
	for (unsigned i = 0; i < 20; i++) {
		fake_post_rx(B, 100, 1);
		assert_false(fake_kick(B, VSOCK_QUEUE_RX));
	}
	send_quietly(24);
	fake_kick(A, VSOCK_QUEUE_TX);
	fake_run();
	receive_all(24);
	/* the buffers are used up to the last one, and still nobody waits */
	fake_post_rx(B, 100, 1);
	assert_false(fake_kick(B, VSOCK_QUEUE_RX));
}

/* The packets that wait go away: the kick is not wanted any more. */
static void rx_kick_is_taken_back(void **state)
{
	(void)state;
	send_quietly(3);
	fake_kick(A, VSOCK_QUEUE_TX);
	fake_run();
	assert_int_equal(avail_event(B, VSOCK_QUEUE_RX), 0);
	fake_reset(A);
	fake_post_rx(B, 100, 1);
	assert_false(fake_kick(B, VSOCK_QUEUE_RX));
}

static void interrupt_at_the_event_only(void **state)
{
	(void)state;
	fake_post_rx(B, 100, 128);
	/* Driver B wants to hear after its 10th packet, driver A never. */
	set_used_event(B, VSOCK_QUEUE_RX, 9);
	set_used_event(A, VSOCK_QUEUE_TX, 0x8000);
	for (unsigned i = 0; i < 20; i++) {
		send_quietly(1);
		fake_kick(A, VSOCK_QUEUE_TX);
		fake_run();
		assert_int_equal(B->transport.interrupts[VSOCK_QUEUE_RX], i >= 9);
	}
	assert_int_equal(A->transport.interrupts[VSOCK_QUEUE_TX], 0);
	assert_int_equal(B->transport.interrupts[VSOCK_QUEUE_TX], 0);
	assert_int_equal(A->transport.interrupts[VSOCK_QUEUE_RX], 0);
}

static void one_interrupt_a_batch(void **state)
{
	(void)state;
	for (unsigned round = 1; round <= 10; round++) {
		fake_post_rx(B, 100, 128);
		send_quietly(30);
		fake_kick(A, VSOCK_QUEUE_TX);
		fake_run();
		assert_int_equal(B->transport.interrupts[VSOCK_QUEUE_RX], round);
		assert_int_equal(A->transport.interrupts[VSOCK_QUEUE_TX], round);
		receive_all(30);
		set_used_event(B, VSOCK_QUEUE_RX, B->queue[VSOCK_QUEUE_RX].used_seen);
		set_used_event(A, VSOCK_QUEUE_TX, A->queue[VSOCK_QUEUE_TX].used_seen);
	}
}

static void no_interrupt_without_completion(void **state)
{
	(void)state;
	send_quietly(5); /* B has no buffers: nothing is completed */
	fake_kick(A, VSOCK_QUEUE_TX);
	fake_run();
	assert_int_equal(A->transport.interrupts[VSOCK_QUEUE_TX], 0);
	vsock_device_ops.notify(A->port, VSOCK_QUEUE_TX);
	vsock_device_ops.notify(A->port, VSOCK_QUEUE_RX);
	vsock_device_ops.notify(A->port, VSOCK_QUEUE_EVENT);
	fake_run();
	assert_int_equal(A->transport.interrupts[VSOCK_QUEUE_TX], 0);
	assert_int_equal(B->transport.interrupts[VSOCK_QUEUE_RX], 0);
}

/* Packets one by one and in batches of varying size over several wraps of every index. */
static void indices_wrap(void **state)
{
	uint32_t total = 0;
	uint32_t seed = 1;

	(void)state;
	while (total < 200000) {
		unsigned count = 1 + (seed = seed * 1664525 + 1013904223) / 65536 % 40;

		fake_post_rx(B, 100, 128);
		send_quietly(count);
		set_used_event(B, VSOCK_QUEUE_RX, B->queue[VSOCK_QUEUE_RX].used_seen);
		set_used_event(A, VSOCK_QUEUE_TX, A->queue[VSOCK_QUEUE_TX].used_seen);
		B->transport.interrupts[VSOCK_QUEUE_RX] = 0;
		A->transport.interrupts[VSOCK_QUEUE_TX] = 0;
		assert_true(fake_kick(A, VSOCK_QUEUE_TX));
		fake_run();
		assert_int_equal(B->transport.interrupts[VSOCK_QUEUE_RX], 1);
		assert_int_equal(A->transport.interrupts[VSOCK_QUEUE_TX], 1);
		receive_all(count);
		total += count;
	}
	assert_int_equal(fake_stats(B).rx_packets, total);
}

/* The same while packets wait for buffers: kicks of RX over the wraps. */
static void indices_wrap_while_waiting(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 70000; i++) {
		send_quietly(1);
		assert_true(fake_kick(A, VSOCK_QUEUE_TX));
		fake_run();
		fake_post_rx(B, 100, 1);
		assert_true(fake_kick(B, VSOCK_QUEUE_RX));
		fake_run();
		receive_all(1);
	}
}

static void without_event_index_the_flags_decide(void **state)
{
	(void)state;
	fake_reset(A);
	fake_reset(B);
	assert_int_equal(fake_start(A, FAKE_FEATURES, 16, 128, 16, 128), 0);
	assert_int_equal(fake_start(B, FAKE_FEATURES, 16, 128, 16, 128), 0);
	assert_int_equal(B->queue[VSOCK_QUEUE_RX].used[0], VIRTQ_USED_NO_NOTIFY);
	assert_int_equal(A->queue[VSOCK_QUEUE_TX].used[0], 0);
	send_quietly(2);
	assert_true(fake_kick(A, VSOCK_QUEUE_TX));
	fake_run();
	assert_int_equal(B->queue[VSOCK_QUEUE_RX].used[0], 0); /* somebody waits */
	B->queue[VSOCK_QUEUE_RX].avail[0] = VIRTQ_AVAIL_NO_INTERRUPT;
	fake_post_rx(B, 100, 4);
	assert_true(fake_kick(B, VSOCK_QUEUE_RX));
	fake_run();
	assert_int_equal(B->queue[VSOCK_QUEUE_RX].used[0], VIRTQ_USED_NO_NOTIFY);
	assert_int_equal(B->transport.interrupts[VSOCK_QUEUE_RX], 0);
	assert_int_equal(A->transport.interrupts[VSOCK_QUEUE_TX], 1);
	receive_all(2);
	B->queue[VSOCK_QUEUE_RX].avail[0] = 0;
	send_quietly(1);
	fake_kick(A, VSOCK_QUEUE_TX);
	fake_run();
	assert_int_equal(B->transport.interrupts[VSOCK_QUEUE_RX], 1);
	receive_all(1);
}

static void polling_asks_for_no_kick(void **state)
{
	(void)state;
	fake_teardown();
	fake_setup(2, NULL);
	vsock_switch_set_polling();
	fake_start_default(A);
	assert_int_equal(fake_start(B, FAKE_FEATURES, 16, 128, 16, 128), 0);
	fake_permit(A, B);
	for (unsigned i = 0; i < 100; i++) {
		send_quietly(1);
		assert_false(fake_kick(A, VSOCK_QUEUE_TX));
		vsock_switch_poll();
		fake_post_rx(B, 100, 1);
		assert_false(fake_kick(B, VSOCK_QUEUE_RX));
		vsock_switch_poll();
		receive_all(1);
	}
	assert_int_equal(B->transport.interrupts[VSOCK_QUEUE_RX], 100);
}

/* Polling an idle port writes nothing to its rings. */
static void polling_when_idle_leaves_the_rings_alone(void **state)
{
	uint8_t before[3 * 4096];
	void *rings;

	(void)state;
	fake_teardown();
	fake_setup(1, NULL);
	vsock_switch_set_polling();
	fake_start_default(A);
	rings = fake_ram(A, A->queue[VSOCK_QUEUE_TX].gpa);
	memset(A->queue[VSOCK_QUEUE_TX].used, 0x55, 2048); /* what the device wrote last */
	memcpy(before, rings, sizeof(before));
	assert_false(vsock_switch_poll());
	assert_memory_equal(before, rings, sizeof(before));
}

static void packets_added_before_driver_ok(void **state)
{
	(void)state;
	fake_post_rx(B, 100, 8);
	fake_reset(A);
	assert_int_equal(fake_start(A, FAKE_FEATURES_ALL, 16, 128, 16, 128), 0);
	/* again, as a driver that fills its ring between queue_enable and DRIVER_OK */
	fake_reset(A);
	assert_true(vsock_device_ops.features_ok(A->port, FAKE_FEATURES_ALL));
	for (uint16_t i = 0; i < 2; i++) {
		struct virtio_queue_config config = {16, gpa(A->queue[i].gpa),
						     gpa(A->queue[i].gpa + 0x1000),
						     gpa(A->queue[i].gpa + 0x2000)};

		assert_int_equal(vsock_device_ops.queue_enable(A->port, i, &config), 0);
	}
	send_quietly(3);
	assert_false(vsock_switch_has_work(A->port));
	vsock_device_ops.driver_ok(A->port);
	assert_true(vsock_switch_has_work(A->port));
	fake_run();
	receive_all(3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(first_fill_of_rx_needs_no_kick),
		TEST(tx_kick_only_when_idle),
		TEST(one_kick_a_batch),
		TEST(rx_kick_only_while_somebody_waits),
		TEST(rx_kick_is_taken_back),
		TEST(interrupt_at_the_event_only),
		TEST(one_interrupt_a_batch),
		TEST(no_interrupt_without_completion),
		TEST(indices_wrap),
		TEST(indices_wrap_while_waiting),
		TEST(without_event_index_the_flags_decide),
		TEST(polling_asks_for_no_kick),
		TEST(polling_when_idle_leaves_the_rings_alone),
		TEST(packets_added_before_driver_ok),
	};

	return cmocka_run_group_tests_name("vsock_notify", tests, NULL, NULL);
}
