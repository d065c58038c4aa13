// SPDX-License-Identifier: MIT
/*
 * Guests as a partition has them, driver and sockets, around the real switch: everything that they
 * send arrives whole and in order; no wake-up is lost, as a guest that halts here goes on only
 * after an interrupt; and a guest that stands still or restarts does others no harm.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/runtime/vsock_socket.h"
#include "drivers/virtio_vsock.h"
#include "tests/unit/fake_driver.h"

#define GUESTS	      3U
#define PORT	      100U
#define DRIVER_MEMORY 0x100000U
#define MESSAGE_MAX   3000U
#define LINKS_MAX     (GUESTS * (GUESTS - 1) * 2)
#define STEPS_MAX     2000000U
#define TYPES	      2U

struct guest {
	struct fake_guest *fake;
	struct virtio_vsock driver;
	struct vsock_stack stack;
	struct vsock_socket *listener[TYPES];
	bool is_halted, is_frozen;
	unsigned int interrupts_seen;
	unsigned int halts;
};

/* One end of a connection: sends messages of lengths that its number gives, and receives the other
 * end's. */
struct end {
	struct guest *guest;
	struct vsock_socket *socket;
	unsigned int number, peer_number;
	uint32_t sent_messages, received_messages;
	uint32_t sent_bytes, received_bytes; /* of the message under way, SOCK_STREAM */
};

static struct guest guests[GUESTS];
static struct end ends[2 * LINKS_MAX];
static unsigned int end_count;
static uint32_t random_state;
static uint32_t goal; /* messages in each direction of a connection */

static uint32_t random_below(uint32_t bound)
{
	random_state = random_state * 1664525U + 1013904223U;
	return (uint32_t)((uint64_t)random_state * bound >> 32);
}

static uint32_t message_length(unsigned int number, uint32_t index)
{
	uint32_t mix = number * 2654435761U ^ index * 40503U;

	mix ^= mix >> 13;
	return index % 5 == 0 ? 1 + mix % 16 : 1 + mix % MESSAGE_MAX;
}

static uint8_t message_byte(unsigned int number, uint32_t index, uint32_t position)
{
	return (uint8_t)(number * 17 + index * 31 + position + (position >> 8));
}

static void guest_kick(void *context, uint16_t queue)
{
	struct guest *guest = context;

	vsock_device_ops.notify(guest->fake->port, queue);
}

static int guest_send(void *context, const struct virtio_vsock_packet *packet, const void *payload)
{
	struct guest *guest = context;

	return virtio_vsock_send(&guest->driver, packet, payload);
}

static uint32_t guest_room(void *context, uint32_t cid)
{
	struct guest *guest = context;

	return virtio_vsock_room(&guest->driver, cid);
}

static uint64_t guest_now(void *context)
{
	(void)context;
	return 0;
}

static void guest_receive(void *context, const struct virtio_vsock_packet *packet,
			  const uint8_t *payload)
{
	vsock_socket_receive(context, packet, payload);
}

static void guest_start(struct guest *guest, const struct virtio_vsock_config *config,
			uint32_t port_seed)
{
	const struct virtio_device_ops *ops = &vsock_device_ops;
	struct vsock_transport transport = {
		.send = guest_send,
		.room = guest_room,
		.now = guest_now,
		.context = guest,
		.payload_max = config->tx_payload,
	};
	size_t size = virtio_vsock_memory_size(config);
	void *memory = fake_ram(guest->fake, DRIVER_MEMORY);

	assert_int_not_equal(size, 0);
	assert_true(DRIVER_MEMORY + size <= FAKE_RAM_LOW);
	memset(memory, 0, size);
	virtio_vsock_init(&guest->driver, config, memory, DRIVER_MEMORY, guest_kick, guest);
	assert_true(ops->features_ok(guest->fake->port, VIRTIO_VSOCK_FEATURES));
	for (uint16_t i = 0; i < VIRTIO_VSOCK_QUEUES; i++) {
		const struct virtio_ring *ring = &guest->driver.ring[i];
		uint64_t at = guest->driver.gpa[i];
		struct virtio_queue_config queue = {
			.size = ring->size,
			.descriptors = gpa(at),
			.driver = gpa(at + virtio_ring_available_offset(ring->size)),
			.device = gpa(at + virtio_ring_used_offset(ring->size)),
		};

		assert_int_equal(ops->queue_enable(guest->fake->port, i, &queue), 0);
	}
	ops->driver_ok(guest->fake->port);
	transport.packets_max = virtio_vsock_room_max(&guest->driver);
	vsock_socket_stack_init(&guest->stack, &transport, guest->fake->cid, 64U << 20, port_seed);
	virtio_vsock_start(&guest->driver);
	guest->is_halted = false;
	for (unsigned int i = 0; i < TYPES; i++) {
		guest->listener[i] =
			vsock_socket_create(&guest->stack, i == 0 ? VIRTIO_VSOCK_TYPE_STREAM
								  : VIRTIO_VSOCK_TYPE_SEQPACKET);
		guest->listener[i]->option_size = 4096 + random_below(8000);
		assert_int_equal(vsock_socket_bind(guest->listener[i], PORT + i), 0);
		assert_int_equal(vsock_socket_listen(guest->listener[i], 8), 0);
	}
}

/* True when anything moved. */
static bool guest_pump(struct guest *guest)
{
	uint32_t taken = virtio_vsock_receive(&guest->driver, guest_receive, &guest->stack, 1000);

	vsock_socket_run(&guest->stack);
	virtio_vsock_flush(&guest->driver);
	assert_false(virtio_vsock_is_broken(&guest->driver));
	return taken != 0;
}

static unsigned int interrupts_of(const struct guest *guest)
{
	const struct virtio_pci *transport = &guest->fake->transport;

	assert_int_equal(transport->needs_reset, 0);
	return transport->interrupts[0] + transport->interrupts[1] + transport->interrupts[2];
}

static bool send_message(struct end *end)
{
	static uint8_t data[MESSAGE_MAX];
	uint32_t length = message_length(end->number, end->sent_messages);
	bool is_stream = end->socket->type == VIRTIO_VSOCK_TYPE_STREAM;
	long sent;

	if (end->sent_messages == goal) {
		return false;
	}
	for (uint32_t i = 0; i < length; i++) {
		data[i] = message_byte(end->number, end->sent_messages, i);
	}
	sent = vsock_socket_send(end->socket, data + end->sent_bytes, length - end->sent_bytes,
				 is_stream ? 0 : VSOCK_SEND_WHOLE);
	if (sent == -EAGAIN) {
		return false;
	}
	assert_true(sent > 0);
	end->sent_bytes += (uint32_t)sent;
	assert_true(is_stream || end->sent_bytes == length);
	if (end->sent_bytes == length) {
		end->sent_bytes = 0;
		end->sent_messages++;
	}
	return true;
}

static bool receive_message(struct end *end)
{
	static uint8_t data[MESSAGE_MAX + 1];
	uint32_t index = end->received_messages;
	uint32_t length = message_length(end->peer_number, index);
	bool is_stream = end->socket->type == VIRTIO_VSOCK_TYPE_STREAM;
	long got;

	if (index == goal) {
		return false;
	}
	got = vsock_socket_recv(end->socket, data,
				is_stream ? length - end->received_bytes : sizeof(data), 0);
	if (got == -EAGAIN) {
		return false;
	}
	assert_true(got > 0);
	assert_true(is_stream || (uint32_t)got == length);
	for (uint32_t i = 0; i < (uint32_t)got; i++) {
		assert_int_equal(data[i],
				 message_byte(end->peer_number, index, end->received_bytes + i));
	}
	end->received_bytes += (uint32_t)got;
	if (end->received_bytes == length) {
		end->received_bytes = 0;
		end->received_messages++;
	}
	return true;
}

static bool ends_step(struct guest *guest)
{
	bool moved = false;

	for (unsigned int i = 0; i < end_count; i++) {
		if (ends[i].guest == guest && ends[i].socket->state == VSOCK_ESTABLISHED) {
			moved |= random_below(2) == 0 ? send_message(&ends[i])
						      : receive_message(&ends[i]);
			moved |= receive_message(&ends[i]);
			moved |= send_message(&ends[i]);
		}
	}
	return moved;
}

/* One turn of a guest's loop: work, else halt; a halted one needs an interrupt. */
static void guest_step(struct guest *guest)
{
	if (guest->is_frozen) {
		return;
	}
	if (guest->is_halted) {
		if (interrupts_of(guest) == guest->interrupts_seen) {
			return;
		}
		guest->is_halted = false;
	}
	if (guest_pump(guest) || ends_step(guest)) {
		virtio_vsock_flush(&guest->driver);
		return;
	}
	virtio_vsock_flush(&guest->driver);
	guest->interrupts_seen = interrupts_of(guest);
	guest->is_halted = virtio_vsock_arm(&guest->driver);
	guest->halts += guest->is_halted;
}

static bool anything_can_move(void)
{
	for (unsigned int i = 0; i < GUESTS; i++) {
		if (vsock_switch_has_work(guests[i].fake->port)) {
			return true;
		}
		if (!guests[i].is_frozen &&
		    (!guests[i].is_halted ||
		     interrupts_of(&guests[i]) != guests[i].interrupts_seen)) {
			return true;
		}
	}
	return false;
}

static bool all_complete(void)
{
	for (unsigned int i = 0; i < end_count; i++) {
		if (ends[i].sent_messages != goal || ends[i].received_messages != goal) {
			return false;
		}
	}
	return true;
}

/* Guests and switch in random turns until `done`; a standstill before that is a lost wake-up. */
static void run_until(bool (*done)(void))
{
	for (unsigned int step = 0; !done(); step++) {
		unsigned int i = random_below(GUESTS);

		assert_true(step < STEPS_MAX);
		assert_true(anything_can_move());
		if (random_below(2) == 0) {
			guest_step(&guests[i]);
		} else if (vsock_switch_has_work(guests[i].fake->port)) {
			vsock_switch_turn(guests[i].fake->port);
		}
	}
}

static bool nothing_moves(void)
{
	return !anything_can_move();
}

static void setup_guests(uint32_t seed)
{
	static const uint32_t rx_payload[] = {64, 4096, 500, 20, 16384, 1000};
	static const uint32_t tx_payload[] = {1000, 200, 8192, 4096};

	random_state = seed;
	end_count = 0;
	fake_setup(GUESTS, NULL);
	for (unsigned int i = 0; i < GUESTS; i++) {
		struct virtio_vsock_config config = {
			.rx_count = 2 + random_below(60),
			.rx_payload = rx_payload[(seed + i) % 6],
			.tx_count = 33 + random_below(60),
			.tx_payload = tx_payload[(seed / 2 + i) % 4],
			.queue_size_max = {128, 128, 128},
		};

		guests[i] = (struct guest){.fake = &fake_guests[i]};
		guest_start(&guests[i], &config, seed * 1000);
		for (unsigned int j = 0; j < GUESTS; j++) {
			if (i != j) {
				fake_permit(&fake_guests[i], &fake_guests[j]);
			}
		}
	}
}

static void teardown_guests(void)
{
	for (unsigned int i = 0; i < GUESTS; i++) {
		for (unsigned int t = 0; t < TYPES; t++) {
			if (guests[i].listener[t] != NULL) {
				vsock_socket_close(guests[i].listener[t]);
			}
		}
		assert_int_equal(guests[i].stack.socket_count, 0);
		assert_int_equal(guests[i].stack.memory_used, 0);
		assert_int_equal(guests[i].stack.protocol_errors, 0);
	}
	fake_teardown();
}

static struct vsock_socket *connect_to(struct guest *from, const struct guest *to,
				       unsigned int type)
{
	struct vsock_socket *socket = vsock_socket_create(
		&from->stack, type == 0 ? VIRTIO_VSOCK_TYPE_STREAM : VIRTIO_VSOCK_TYPE_SEQPACKET);

	socket->option_size = 4096 + random_below(5000);
	assert_int_equal(vsock_socket_connect(socket, to->fake->cid, PORT + type), -EINPROGRESS);
	from->is_halted = false;
	return socket;
}

static void connect_pair(struct guest *from, struct guest *to, unsigned int type)
{
	struct end *near = &ends[end_count];
	struct end *far = &ends[end_count + 1];

	*near = (struct end){from, connect_to(from, to, type), end_count, end_count + 1, 0, 0, 0,
			     0};
	*far = (struct end){to, NULL, end_count + 1, end_count, 0, 0, 0, 0};
	run_until(nothing_moves);
	assert_int_equal(near->socket->state, VSOCK_ESTABLISHED);
	assert_int_equal(vsock_socket_accept(to->listener[type], &far->socket), 0);
	assert_int_equal(far->socket->peer_cid, from->fake->cid);
	end_count += 2;
}

static void connect_all(void)
{
	goal = 0;
	for (unsigned int i = 0; i < GUESTS; i++) {
		for (unsigned int j = 0; j < GUESTS; j++) {
			for (unsigned int type = 0; type < TYPES && i != j; type++) {
				connect_pair(&guests[i], &guests[j], type);
			}
		}
	}
}

static void wake_all(void)
{
	for (unsigned int i = 0; i < GUESTS; i++) {
		guests[i].is_halted = false;
	}
}

static void close_all(void)
{
	for (unsigned int i = 0; i < end_count; i++) {
		vsock_socket_close(ends[i].socket);
	}
	end_count = 0;
	wake_all();
	run_until(nothing_moves);
}

static void everything_arrives(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= 12; seed++) {
		unsigned int halts = 0;

		setup_guests(seed);
		connect_all();
		goal = 40;
		wake_all();
		run_until(all_complete);
		for (unsigned int i = 0; i < GUESTS; i++) {
			struct mux_stats stats = fake_stats(guests[i].fake);

			assert_int_equal(stats.device_errors, 0);
			assert_int_equal(stats.refused_policy + stats.refused_address, 0);
			assert_int_equal(stats.rx_bytes, guests[i].driver.rx_bytes);
			assert_int_equal(stats.copied_bytes, stats.rx_bytes);
			halts += guests[i].halts;
		}
		assert_true(halts > 0);
		close_all();
		teardown_guests();
	}
}

/* Guest 2 takes nothing out of its rings; the connections of 0 and 1 to it fill up, and those
 * between 0 and 1 go on. */
static void frozen_guest_blocks_nobody(void **state)
{
	(void)state;
	setup_guests(3);
	connect_all();
	goal = 60;
	guests[2].is_frozen = true;
	wake_all();
	for (unsigned int step = 0; step < 400000; step++) {
		unsigned int i = random_below(GUESTS);

		guest_step(&guests[i]);
		if (vsock_switch_has_work(guests[i].fake->port)) {
			vsock_switch_turn(guests[i].fake->port);
		}
	}
	for (unsigned int i = 0; i < end_count; i += 2) {
		if (ends[i].guest != &guests[2] && ends[i + 1].guest != &guests[2]) {
			assert_int_equal(ends[i].received_messages, goal);
			assert_int_equal(ends[i + 1].received_messages, goal);
		}
	}
	/* It comes back, and everything ends well. */
	guests[2].is_frozen = false;
	wake_all();
	run_until(all_complete);
	close_all();
	teardown_guests();
}

static void forget(struct guest *guest)
{
	for (unsigned int i = 0; i < end_count; i++) {
		if (ends[i].guest == guest) {
			vsock_socket_close(ends[i].socket);
			ends[i].socket = NULL;
		}
	}
	for (unsigned int t = 0; t < TYPES; t++) {
		vsock_socket_close(guest->listener[t]);
	}
	/* What its memory held is gone with it; run past the close timeouts of the test's copy. */
	vsock_socket_stack_reset(&guest->stack, guest->fake->cid);
	assert_int_equal(guest->stack.socket_count, 0);
}

static void restarted_guest_is_told_and_reached_again(void **state)
{
	struct virtio_vsock_config config = {
		.rx_count = 16,
		.rx_payload = 4096,
		.tx_count = 64,
		.tx_payload = 4096,
		.queue_size_max = {128, 128, 128},
	};
	struct vsock_socket *old;
	uint8_t byte;

	(void)state;
	setup_guests(5);
	goal = 0;
	connect_pair(&guests[0], &guests[1], 0);
	old = ends[0].socket;
	fake_reset(guests[1].fake);
	forget(&guests[1]);
	end_count = 0;
	/* While it is down. */
	assert_int_equal(vsock_socket_send(old, "x", 1, 0), 1);
	wake_all();
	guests[1].is_frozen = true;
	run_until(nothing_moves);
	assert_int_equal(vsock_socket_recv(old, &byte, 1, 0), -ECONNRESET);
	vsock_socket_close(old);
	/* And up again. */
	guests[1].is_frozen = false;
	guest_start(&guests[1], &config, 77);
	connect_pair(&guests[0], &guests[1], 0);
	connect_pair(&guests[1], &guests[0], 1);
	goal = 20;
	wake_all();
	run_until(all_complete);
	close_all();
	teardown_guests();
}

/* A connection that survived on one side only: the restarted guest does not know it. */
static void unknown_connection_is_reset_after_restart(void **state)
{
	struct virtio_vsock_config config = {
		.rx_count = 16,
		.rx_payload = 4096,
		.tx_count = 64,
		.tx_payload = 4096,
		.queue_size_max = {128, 128, 128},
	};
	struct vsock_socket *old;
	uint8_t byte;

	(void)state;
	setup_guests(6);
	goal = 0;
	connect_pair(&guests[0], &guests[1], 1);
	old = ends[0].socket;
	fake_reset(guests[1].fake);
	forget(&guests[1]);
	end_count = 0;
	guest_start(&guests[1], &config, 99);
	assert_int_equal(vsock_socket_recv(old, &byte, 1, 0), -EAGAIN);
	assert_int_equal(vsock_socket_send(old, "x", 1, 0), 1);
	wake_all();
	run_until(nothing_moves);
	assert_int_equal(vsock_socket_recv(old, &byte, 1, 0), -ECONNRESET);
	vsock_socket_close(old);
	teardown_guests();
}

static void refused_by_policy(void **state)
{
	struct mux_rule_record rule;
	struct vsock_socket *socket;

	(void)state;
	setup_guests(7);
	rule = (struct mux_rule_record){guests[0].fake->cid, guests[1].fake->cid, 0, UINT32_MAX};
	assert_int_equal(vsock_policy_remove(&rule), 0);
	socket = connect_to(&guests[0], &guests[1], 0);
	run_until(nothing_moves);
	assert_int_equal(vsock_socket_take_error(socket), ECONNREFUSED);
	assert_int_equal(fake_stats(guests[0].fake).refused_policy, 1);
	vsock_socket_close(socket);
	teardown_guests();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_arrives),
		cmocka_unit_test(frozen_guest_blocks_nobody),
		cmocka_unit_test(restarted_guest_is_told_and_reached_again),
		cmocka_unit_test(unknown_connection_is_reset_after_restart),
		cmocka_unit_test(refused_by_policy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
