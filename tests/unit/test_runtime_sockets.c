// SPDX-License-Identifier: MIT
/*
 * The POSIX face of the sockets: descriptors, blocking, timeouts, errno. sockets.c is built here
 * with the host's headers and other function names, over a simulated link on which time passes only
 * while a call waits. The peer on the other side is a step function.
 */
#define socket	    test_socket
#define bind	    test_bind
#define listen	    test_listen
#define accept	    test_accept
#define accept4	    test_accept4
#define connect	    test_connect
#define send	    test_send
#define recv	    test_recv
#define shutdown    test_shutdown
#define getsockname test_getsockname
#define getpeername test_getpeername
#define setsockopt  test_setsockopt
#define getsockopt  test_getsockopt
#define poll	    test_poll

#include "tests/unit/vsock_network.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "appliance/runtime/sockets.c"

#define SELF_CID NETWORK_FIRST_CID
#define PEER_CID (NETWORK_FIRST_CID + 1)
#define PORT	 500

static struct network network;
static void (*peer_step)(void);
static struct vsock_socket *peer, *peer_listener;
static uint64_t waits;

/* What vsock_port.c and clock.c are to sockets.c. */
struct vsock_stack *vsock_port_start(void)
{
	return &network.node[0].stack;
}

void vsock_port_flush(void)
{
}

void vsock_port_pump(void)
{
	for (unsigned int i = 0; i < NETWORK_NODES; i++) {
		vsock_socket_run(&network.node[i].stack);
	}
	while (network_deliver(&network, 0) || network_deliver(&network, 1)) {
	}
}

void vsock_port_wait(uint64_t deadline_us)
{
	uint32_t before = network.node[0].count + network.node[1].count;
	uint64_t next = vsock_socket_next_deadline(&network.node[0].stack);

	waits++;
	assert_true(waits < 100000);
	vsock_port_pump();
	if (peer_step != NULL) {
		peer_step();
	}
	if (before != 0 || network.node[0].count + network.node[1].count != 0) {
		return;
	}
	next = deadline_us < next ? deadline_us : next;
	if (peer_step == NULL) {
		/* Nothing can happen any more but a timeout. */
		assert_true(next != VSOCK_NEVER);
		network.now_us = next;
	} else {
		network.now_us += 1000;
	}
}

uint64_t clock_now_us(void)
{
	return network.now_us;
}

static int setup(void **state)
{
	(void)state;
	network_init(&network, NETWORK_PAYLOAD);
	network.now_us = 1000000;
	peer_step = NULL;
	peer = NULL;
	peer_listener = NULL;
	waits = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sockets_close_all();
	if (peer != NULL) {
		vsock_socket_close(peer);
	}
	if (peer_listener != NULL) {
		vsock_socket_close(peer_listener);
	}
	network_settle(&network);
	network.now_us += VSOCK_CLOSE_TIMEOUT_US;
	network_settle(&network);
	network_end(&network);
	return 0;
}

static int call_connect(int fd, uint32_t port)
{
	struct sockaddr_vm address = {
		.svm_family = AF_VSOCK,
		.svm_cid = PEER_CID,
		.svm_port = port,
	};

	return connect(fd, (struct sockaddr *)&address, sizeof(address));
}

static void accept_step(void)
{
	if (peer == NULL) {
		vsock_socket_accept(peer_listener, &peer);
	}
}

/* A connection from us to the peer, whose end is `peer`. */
static int connected(int type, uint32_t peer_buffer)
{
	int fd = socket(AF_VSOCK, type, 0);

	peer_listener = network_listen(&network, 1,
				       type == SOCK_STREAM ? VIRTIO_VSOCK_TYPE_STREAM
							   : VIRTIO_VSOCK_TYPE_SEQPACKET,
				       PORT, 4, peer_buffer);
	peer_step = accept_step;
	assert_int_equal(fd, 3);
	assert_int_equal(call_connect(fd, PORT), 0);
	accept_step();
	assert_non_null(peer);
	peer_step = NULL;
	return fd;
}

static void set_timeout(int fd, int name, int ms)
{
	struct timeval timeout = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

	assert_int_equal(setsockopt(fd, SOL_SOCKET, name, &timeout, sizeof(timeout)), 0);
}

static void socket_arguments(void **state)
{
	char byte = 0;

	(void)state;
	assert_int_equal(socket(1, SOCK_STREAM, 0), -1);
	assert_int_equal(errno, EAFNOSUPPORT);
	assert_int_equal(socket(AF_VSOCK, 77, 0), -1);
	assert_int_equal(errno, EPROTONOSUPPORT);
	assert_int_equal(recv(1, &byte, 1, 0), -1);
	assert_int_equal(errno, ENOTSOCK);
	assert_int_equal(recv(3, &byte, 1, 0), -1);
	assert_int_equal(errno, EBADF);
	assert_int_equal(sockets_close(-1), -1);
	assert_int_equal(errno, EBADF);
	assert_int_equal(sockets_close(100000), -1);
	assert_int_equal(errno, EBADF);
}

static void descriptors_are_bounded(void **state)
{
	int fd = 0;

	(void)state;
	for (int i = 0; i < SOCKETS_MAX; i++) {
		fd = socket(AF_VSOCK, SOCK_STREAM, 0);
		assert_int_equal(fd, 3 + i);
	}
	assert_int_equal(socket(AF_VSOCK, SOCK_STREAM, 0), -1);
	assert_int_equal(errno, EMFILE);
	assert_int_equal(sockets_close(fd - 5), 0);
	assert_int_equal(socket(AF_VSOCK, SOCK_STREAM, 0), fd - 5);
}

static void blocking_connect(void **state)
{
	struct sockaddr_vm address;
	socklen_t length = sizeof(address);
	int fd = connected(SOCK_STREAM, 4096);

	(void)state;
	assert_int_equal(getpeername(fd, (struct sockaddr *)&address, &length), 0);
	assert_int_equal(address.svm_cid, PEER_CID);
	assert_int_equal(address.svm_port, PORT);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	assert_int_equal(address.svm_cid, SELF_CID);
	assert_int_equal(address.svm_port, peer->peer_port);
	assert_int_equal(call_connect(fd, PORT), -1);
	assert_int_equal(errno, EISCONN);
}

static void connect_fails(void **state)
{
	struct timeval timeout = {.tv_sec = 0, .tv_usec = 300000};
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0);
	uint64_t start = network.now_us;

	(void)state;
	assert_int_equal(call_connect(fd, PORT), -1);
	assert_int_equal(errno, ECONNREFUSED);
	assert_int_equal(network.now_us, start);
	/* A peer that does not answer at all. */
	assert_int_equal(
		setsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_CONNECT_TIMEOUT, &timeout, sizeof(timeout)),
		0);
	network.capacity = 0;
	assert_int_equal(call_connect(fd, PORT), -1);
	assert_int_equal(errno, ETIMEDOUT);
	assert_int_equal(network.now_us - start, 300000);
	network.capacity = NETWORK_QUEUE;
}

static void nonblocking_connect(void **state)
{
	int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_NONBLOCK, 0);
	struct pollfd entry = {.fd = fd, .events = POLLOUT};
	socklen_t length = sizeof(int);
	int error = -1;

	(void)state;
	assert_int_equal(call_connect(fd, PORT), -1);
	assert_int_equal(errno, EINPROGRESS);
	assert_int_equal(call_connect(fd, PORT), -1);
	assert_int_equal(errno, EALREADY);
	assert_int_equal(poll(&entry, 1, 1000), 1);
	assert_true((entry.revents & (POLLOUT | POLLERR)) == (POLLOUT | POLLERR));
	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length), 0);
	assert_int_equal(error, ECONNREFUSED);
	peer_listener = network_listen(&network, 1, VIRTIO_VSOCK_TYPE_STREAM, PORT, 4, 4096);
	assert_int_equal(call_connect(fd, PORT), -1);
	assert_int_equal(poll(&entry, 1, 1000), 1);
	assert_int_equal(entry.revents, POLLOUT);
	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length), 0);
	assert_int_equal(error, 0);
}

static void connect_step(void)
{
	if (peer == NULL) {
		peer = vsock_socket_create(&network.node[1].stack, VIRTIO_VSOCK_TYPE_STREAM);
		vsock_socket_connect(peer, SELF_CID, PORT);
	}
}

static int open_listener(void)
{
	struct sockaddr_vm address = {
		.svm_family = AF_VSOCK,
		.svm_cid = VMADDR_CID_ANY,
		.svm_port = PORT,
	};
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 5), 0);
	return fd;
}

static void accepts(void **state)
{
	struct sockaddr_vm address;
	socklen_t length = sizeof(address);
	int listener = open_listener();
	struct pollfd entry = {.fd = listener, .events = POLLIN};
	uint64_t start = network.now_us;
	int fd;

	(void)state;
	assert_int_equal(poll(&entry, 1, 20), 0);
	assert_int_equal(network.now_us - start, 20000);
	set_timeout(listener, SO_RCVTIMEO, 50);
	assert_int_equal(accept(listener, NULL, NULL), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(network.now_us - start, 70000);
	peer_step = connect_step;
	fd = accept4(listener, (struct sockaddr *)&address, &length, SOCK_NONBLOCK);
	assert_int_equal(fd, listener + 1);
	assert_int_equal(address.svm_family, AF_VSOCK);
	assert_int_equal(address.svm_cid, PEER_CID);
	assert_int_equal(sockets_control(fd, F_GETFL, 0) & O_NONBLOCK, O_NONBLOCK);
	assert_int_equal(recv(fd, &address, 1, 0), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(accept(fd, NULL, NULL), -1);
	assert_int_equal(errno, EINVAL);
}

static void address_is_checked(void **state)
{
	struct sockaddr_vm address = {
		.svm_family = AF_VSOCK,
		.svm_cid = PEER_CID,
		.svm_port = PORT,
	};
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0);

	(void)state;
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), -1);
	assert_int_equal(errno, EADDRNOTAVAIL);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address) - 1), -1);
	assert_int_equal(errno, EINVAL);
	address.svm_family = 1;
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), -1);
	assert_int_equal(errno, EAFNOSUPPORT);
	open_listener();
	address.svm_family = AF_VSOCK;
	address.svm_cid = VMADDR_CID_ANY;
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), -1);
	assert_int_equal(errno, EADDRINUSE);
}

static void recv_times_out(void **state)
{
	int fd = connected(SOCK_STREAM, 4096);
	uint64_t start = network.now_us;
	char byte;

	(void)state;
	set_timeout(fd, SO_RCVTIMEO, 250);
	assert_int_equal(recv(fd, &byte, 1, 0), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(network.now_us - start, 250000);
	assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(network.now_us - start, 250000);
}

static uint32_t dripped;

static void drip_step(void)
{
	if (dripped < 10) {
		dripped += (uint32_t)vsock_socket_send(peer, "x", 1, 0);
	}
}

static void recv_waits_for_all(void **state)
{
	int fd = connected(SOCK_STREAM, 4096);
	char data[16];

	(void)state;
	dripped = 0;
	peer_step = drip_step;
	assert_int_equal(recv(fd, data, 10, MSG_WAITALL), 10);
	assert_int_equal(dripped, 10);
	/* The end of the stream cuts it short. */
	dripped = 5;
	vsock_socket_shutdown(peer, VIRTIO_VSOCK_SHUTDOWN_SEND);
	assert_int_equal(recv(fd, data, 16, MSG_WAITALL), 0);
}

static uint32_t drained;

static void drain_step(void)
{
	static uint8_t data[100];
	long got = vsock_socket_recv(peer, data, sizeof(data), 0);

	for (long i = 0; i < got; i++) {
		assert_int_equal(data[i], (uint8_t)(drained + (uint32_t)i));
	}
	drained += got > 0 ? (uint32_t)got : 0;
}

static void fill_bytes(uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		data[i] = (uint8_t)i;
	}
}

static void send_waits_for_credit(void **state)
{
	int fd = connected(SOCK_STREAM, 300);
	static uint8_t data[5000];

	(void)state;
	fill_bytes(data, sizeof(data));
	drained = 0;
	peer_step = drain_step;
	assert_int_equal(send(fd, data, sizeof(data), 0), sizeof(data));
	while (drained < sizeof(data)) {
		vsock_port_wait(network.now_us + 1);
	}
}

static void send_times_out(void **state)
{
	int fd = connected(SOCK_STREAM, 300);
	static uint8_t data[5000];
	uint64_t start = network.now_us;

	(void)state;
	set_timeout(fd, SO_SNDTIMEO, 100);
	assert_int_equal(send(fd, data, sizeof(data), 0), 300);
	assert_int_equal(network.now_us - start, 100000);
	assert_int_equal(send(fd, data, sizeof(data), 0), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(send(fd, data, sizeof(data), MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(network.now_us - start, 200000);
}

static void half_a_message_ends_the_connection(void **state)
{
	int fd = connected(SOCK_SEQPACKET, 2000);
	static uint8_t data[2000];

	(void)state;
	set_timeout(fd, SO_SNDTIMEO, 100);
	assert_int_equal(send(fd, data, 1500, 0), 1500);
	assert_int_equal(send(fd, data, 1000, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
	/* 500 bytes of it find credit; the rest never does. */
	assert_int_equal(send(fd, data, 1000, 0), -1);
	assert_int_equal(errno, ETIMEDOUT);
	assert_int_equal(send(fd, data, 1, 0), -1);
	assert_int_equal(errno, EPIPE);
	vsock_port_pump();
	assert_int_equal(peer->error, ECONNRESET);
	assert_int_equal(send(fd, data, 2001, 0), -1);
}

static void seqpacket_keeps_messages(void **state)
{
	int fd = connected(SOCK_SEQPACKET, 4096);
	static uint8_t data[2000];

	(void)state;
	assert_int_equal(send(fd, data, 1000, MSG_EOR), 1000);
	assert_int_equal(send(fd, data, 0, 0), 0);
	assert_int_equal(send(fd, data, 5000, 0), -1);
	assert_int_equal(errno, EMSGSIZE);
	vsock_port_pump();
	assert_int_equal(vsock_socket_recv(peer, data, sizeof(data), 0), 1000);
	assert_int_equal(vsock_socket_recv(peer, data, sizeof(data), 0), 0);
	assert_int_equal(vsock_socket_send(peer, data, 700, VSOCK_SEND_WHOLE), 700);
	assert_int_equal(recv(fd, data, 10, MSG_PEEK | MSG_TRUNC), 700);
	assert_int_equal(recv(fd, data, 10, 0), 10);
	assert_int_equal(recv(fd, data, 10, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
}

static void peer_goes_away(void **state)
{
	int fd = connected(SOCK_STREAM, 4096);
	struct pollfd entry = {.fd = fd, .events = POLLIN};
	char data[8];

	(void)state;
	assert_int_equal(poll(&entry, 1, 0), 0);
	vsock_socket_send(peer, "end", 3, 0);
	vsock_socket_abort(peer, 0);
	assert_int_equal(poll(&entry, 1, 1000), 1);
	assert_true((entry.revents & (POLLIN | POLLERR | POLLHUP)) == (POLLIN | POLLERR | POLLHUP));
	assert_int_equal(recv(fd, data, sizeof(data), 0), 3);
	assert_int_equal(recv(fd, data, sizeof(data), 0), -1);
	assert_int_equal(errno, ECONNRESET);
	assert_int_equal(recv(fd, data, sizeof(data), 0), 0);
	assert_int_equal(send(fd, data, 1, 0), -1);
	assert_int_equal(errno, EPIPE);
}

static void shutdown_works(void **state)
{
	int fd = connected(SOCK_STREAM, 4096);
	char data[8];

	(void)state;
	assert_int_equal(shutdown(fd, 7), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	assert_int_equal(send(fd, "x", 1, 0), -1);
	assert_int_equal(errno, EPIPE);
	vsock_port_pump();
	assert_int_equal(vsock_socket_recv(peer, data, 1, 0), 0);
	assert_int_equal(vsock_socket_send(peer, "yes", 3, 0), 3);
	assert_int_equal(recv(fd, data, sizeof(data), 0), 3);
	assert_int_equal(shutdown(fd, SHUT_RD), 0);
	assert_int_equal(recv(fd, data, sizeof(data), 0), 0);
}

static void buffer_sizes_are_clamped(void **state)
{
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0);
	uint64_t size = 1U << 20, got = 0;
	socklen_t length = sizeof(got);

	(void)state;
	assert_int_equal(setsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_BUFFER_SIZE, &size, sizeof(size)),
			 0);
	assert_int_equal(getsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_BUFFER_SIZE, &got, &length), 0);
	assert_int_equal(got, VSOCK_BUFFER_SIZE_LIMIT);
	assert_int_equal(
		setsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_BUFFER_MAX_SIZE, &size, sizeof(size)), 0);
	assert_int_equal(setsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_BUFFER_SIZE, &size, sizeof(size)),
			 0);
	assert_int_equal(getsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_BUFFER_SIZE, &got, &length), 0);
	assert_int_equal(got, size);
	size = 1;
	assert_int_equal(setsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_BUFFER_SIZE, &size, sizeof(size)),
			 0);
	assert_int_equal(getsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_BUFFER_SIZE, &got, &length), 0);
	assert_int_equal(got, VSOCK_BUFFER_SIZE_LEAST);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, 9999, &size, sizeof(size)), -1);
	assert_int_equal(errno, ENOPROTOOPT);
	assert_int_equal(setsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_BUFFER_SIZE, &size, 2), -1);
	assert_int_equal(errno, EINVAL);
}

static void poll_ignores_and_names_bad_descriptors(void **state)
{
	struct pollfd entries[] = {
		{.fd = -1, .events = POLLIN, .revents = 7},
		{.fd = 77, .events = POLLIN},
		{.fd = 1, .events = POLLOUT},
		{.fd = 0, .events = POLLIN},
	};

	(void)state;
	errno = 0;
	assert_int_equal(poll(entries, 4, 0), 2);
	assert_int_equal(entries[0].revents, 0);
	assert_int_equal(entries[1].revents, POLLNVAL);
	assert_int_equal(entries[2].revents, POLLOUT);
	assert_int_equal(entries[3].revents, 0);
	assert_int_equal(errno, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(socket_arguments),
		TEST(descriptors_are_bounded),
		TEST(blocking_connect),
		TEST(connect_fails),
		TEST(nonblocking_connect),
		TEST(accepts),
		TEST(address_is_checked),
		TEST(recv_times_out),
		TEST(recv_waits_for_all),
		TEST(send_waits_for_credit),
		TEST(send_times_out),
		TEST(half_a_message_ends_the_connection),
		TEST(seqpacket_keeps_messages),
		TEST(peer_goes_away),
		TEST(shutdown_works),
		TEST(buffer_sizes_are_clamped),
		TEST(poll_ignores_and_names_bad_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
