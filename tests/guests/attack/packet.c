// SPDX-License-Identifier: MIT
/*
 * Packets (invariants I2, I3): forged, forbidden, malformed. The switch answers with a reset and
 * counts; nothing reaches its destination. And packets that are permitted, but break the protocol
 * of connections: the server and its other clients go on.
 */
#include "tests/guests/attack/attack.h"
#include "tests/guests/attack/raw.h"

#include <stdio.h>

#define MONITOR	    2U
#define PEER	    20U /* no rule permits it */
#define PULSE	    21U
#define TARGET	    22U /* port 9000 is permitted */
#define TARGET_PORT 9000U
#define PULSE_PORT  5555U /* from which the bystanders connect */
#define HEADER	    44U
#define OP_UNKNOWN  8U

static char why[96];

static const char *wrong(const char *what, uint64_t detail)
{
	snprintf(why, sizeof(why), "%s (0x%lx)", what, (unsigned long)detail);
	return why;
}

enum refusal { BY_POLICY, BY_ADDRESS };

/* The packet is taken, comes back as a reset, and is counted, once. */
static const char *refuse(struct virtio_vsock_packet packet, uint32_t payload, enum refusal by)
{
	struct mux_stats before = attack_stats(), after;
	struct virtio_vsock_packet answer;

	if (!raw_send(&packet, payload)) {
		return wrong("not taken", packet.destination_cid);
	}
	after = attack_stats();
	if (after.refused_policy - before.refused_policy != (by == BY_POLICY) ||
	    after.refused_address - before.refused_address != (by == BY_ADDRESS)) {
		return wrong("not counted", packet.destination_cid);
	}
	if (packet.operation == VIRTIO_VSOCK_OP_RESET) {
		return raw_receive(&answer) ? "a reset was answered" : NULL;
	}
	if (!raw_receive(&answer) || answer.operation != VIRTIO_VSOCK_OP_RESET ||
	    answer.source_cid != packet.destination_cid || answer.destination_cid != mux_cid() ||
	    answer.source_port != packet.destination_port ||
	    answer.destination_port != packet.source_port || answer.length != 0) {
		return wrong("no reset", packet.destination_cid);
	}
	return NULL;
}

static struct virtio_vsock_packet request(uint64_t cid, uint32_t port)
{
	return raw_packet(cid, port, VIRTIO_VSOCK_OP_REQUEST);
}

static const char *forged_source(void)
{
	const uint64_t sources[] = {0,
				    1,
				    2,
				    PEER,
				    PULSE,
				    TARGET,
				    1023,
				    ~0ULL,
				    1ULL << 32 | mux_cid(),
				    1ULL << 63 | mux_cid()};
	const char *result = NULL;

	raw_start(RAW_FEATURES);
	for (size_t i = 0; i < ARRAY_COUNT(sources) && result == NULL; i++) {
		struct virtio_vsock_packet packet = request(TARGET, TARGET_PORT);

		packet.source_cid = sources[i];
		result = refuse(packet, 0, BY_ADDRESS);
	}
	return result;
}

static const char *unknown_destination(void)
{
	static const uint64_t cids[] = {
		0, 1, 900, 1023, 1024, 0xffffffffU, 1ULL << 32 | TARGET, 1ULL << 63, ~0ULL};
	const char *result = NULL;

	raw_start(RAW_FEATURES);
	for (size_t i = 0; i < ARRAY_COUNT(cids) && result == NULL; i++) {
		result = refuse(request(cids[i], TARGET_PORT), 0, BY_ADDRESS);
	}
	return result;
}

static const char *forbidden_destination(void)
{
	static const struct {
		uint64_t cid;
		uint32_t port;
	} to[] = {
		{PEER, 9000},	    {PULSE, PULSE_PORT}, {TARGET, 8999},	{TARGET, 9001},
		{TARGET, 0},	    {MONITOR, 7000},	 {MONITOR, 0},		{MONITOR, 2},
		{TARGET, 0x12328U}, {TARGET, ~0U},	 {TARGET, 0x80002328U},
	};
	const char *result = NULL;

	raw_start(RAW_FEATURES);
	for (uint16_t op = VIRTIO_VSOCK_OP_REQUEST; op <= VIRTIO_VSOCK_OP_CREDIT_REQUEST; op++) {
		for (size_t i = 0; i < ARRAY_COUNT(to) && result == NULL; i++) {
			result = refuse(raw_packet(to[i].cid, to[i].port, op), 0, BY_POLICY);
		}
	}
	return result;
}

static const char *own_address(void)
{
	raw_start(RAW_FEATURES);
	return refuse(request(mux_cid(), TARGET_PORT), 0, BY_POLICY);
}

/* As if they came from the bystander's server: they would be its answers. */
static const char *injected_answers(void)
{
	const char *result = NULL;

	raw_start(RAW_FEATURES);
	for (uint16_t op = VIRTIO_VSOCK_OP_RESPONSE; op <= VIRTIO_VSOCK_OP_CREDIT_UPDATE; op++) {
		struct virtio_vsock_packet packet = raw_packet(PULSE, PULSE_PORT, op);

		packet.source_port = 9000;
		if (result == NULL) {
			result = refuse(packet, 0, BY_POLICY);
		}
		packet.source_cid = PEER;
		if (result == NULL) {
			result = refuse(packet, 0, BY_ADDRESS);
		}
	}
	return result;
}

static const char *lying_length(void)
{
	static const struct {
		uint32_t length, payload;
		uint16_t op;
	} lies[] = {
		{1, 0, VIRTIO_VSOCK_OP_DATA},
		{100, 99, VIRTIO_VSOCK_OP_DATA},
		{0xffffffffU, 0, VIRTIO_VSOCK_OP_DATA},
		{0xffffffffU, 4096, VIRTIO_VSOCK_OP_DATA},
		{0x80000000U, 64, VIRTIO_VSOCK_OP_DATA},
		{65537, 65536, VIRTIO_VSOCK_OP_DATA},
		{0xffffffd4U, 0, VIRTIO_VSOCK_OP_DATA},
		{4, 4, VIRTIO_VSOCK_OP_REQUEST},
		{4, 4, VIRTIO_VSOCK_OP_CREDIT_UPDATE},
		{4, 4, VIRTIO_VSOCK_OP_SHUTDOWN},
		{0xffffffffU, 4, VIRTIO_VSOCK_OP_REQUEST},
	};
	const char *result = NULL;

	raw_start(RAW_FEATURES);
	for (size_t i = 0; i < ARRAY_COUNT(lies) && result == NULL; i++) {
		struct virtio_vsock_packet packet = raw_packet(TARGET, TARGET_PORT, lies[i].op);

		packet.length = lies[i].length;
		result = refuse(packet, lies[i].payload, BY_ADDRESS);
	}
	return result;
}

static const char *unknown_operation(void)
{
	static const uint16_t ops[] = {0, OP_UNKNOWN, 9, 255, 256 + 1, 0xffff};
	const char *result = NULL;

	raw_start(RAW_FEATURES);
	for (size_t i = 0; i < ARRAY_COUNT(ops) && result == NULL; i++) {
		result = refuse(raw_packet(TARGET, TARGET_PORT, ops[i]), 0, BY_ADDRESS);
	}
	return result;
}

static const char *unknown_type(void)
{
	static const uint16_t types[] = {0, 2, 3, 31, 32, 33, 64 + 1, 0xffff};
	const char *result = NULL;

	raw_start(0x100000001ULL); /* STREAM only */
	for (size_t i = 0; i < ARRAY_COUNT(types) && result == NULL; i++) {
		struct virtio_vsock_packet packet = request(TARGET, TARGET_PORT);

		packet.type = types[i];
		result = refuse(packet, 0, BY_ADDRESS);
	}
	return result;
}

/* --- protocol of connections --- */

/* The server shares its CPU with a dozen others: it gets several times what an answer takes. */
static bool take(uint16_t operation)
{
	struct virtio_vsock_packet answer;
	unsigned int waits = 0;

	for (unsigned int i = 0; i < 128 && waits < 8; i++) {
		if (!raw_receive(&answer)) {
			waits++;
		} else if (answer.operation == operation && answer.source_cid == TARGET) {
			return true;
		}
	}
	return false;
}

static const char *open_connection(uint32_t buffer_size)
{
	struct virtio_vsock_packet packet = request(TARGET, TARGET_PORT);

	raw_start(RAW_FEATURES);
	packet.buffer_size = buffer_size;
	raw_send(&packet, 0);
	return take(VIRTIO_VSOCK_OP_RESPONSE) ? NULL : "the server does not answer";
}

static void send_data(uint32_t length, uint32_t buffer_size, uint32_t forward_count)
{
	struct virtio_vsock_packet packet = raw_packet(TARGET, TARGET_PORT, VIRTIO_VSOCK_OP_DATA);

	packet.length = length;
	packet.buffer_size = buffer_size;
	packet.forward_count = forward_count;
	raw_send(&packet, length);
}

static const char *is_still_served(void)
{
	const char *result = open_connection(4096);

	if (result == NULL) {
		send_data(8, 4096, 0);
		result = take(VIRTIO_VSOCK_OP_DATA) ? NULL : "no echo any more";
	}
	return result;
}

/* Data, control packets and answers of a connection that nobody has. */
static const char *no_connection(void)
{
	raw_start(RAW_FEATURES);
	for (uint16_t op = VIRTIO_VSOCK_OP_RESPONSE; op <= VIRTIO_VSOCK_OP_CREDIT_REQUEST; op++) {
		struct virtio_vsock_packet packet = raw_packet(TARGET, TARGET_PORT, op);

		packet.source_port = PULSE_PORT; /* another partition's connection has it */
		packet.flags = VIRTIO_VSOCK_SHUTDOWN_BOTH;
		raw_send(&packet, 0);
	}
	return is_still_served();
}

static const char *no_credit(void)
{
	const char *result = open_connection(0);

	for (unsigned int i = 0; i < 40; i++) {
		send_data(1000, 0, 0);
	}
	return result != NULL ? result : is_still_served();
}

static const char *too_much_credit(void)
{
	const char *result = open_connection(0xffffffffU);

	for (unsigned int i = 0; i < 40; i++) {
		send_data(4000, 0xffffffffU, i % 2 == 0 ? 0x80000000U : 0xdeadbeefU);
	}
	return result != NULL ? result : is_still_served();
}

/* More than the server's buffer holds, however little it has read. */
static const char *overrun(void)
{
	const char *result = open_connection(4096);

	for (unsigned int i = 0; i < 40; i++) {
		send_data(65000, 4096, 0);
	}
	return result != NULL ? result : is_still_served();
}

static const char *repeated_requests(void)
{
	struct virtio_vsock_packet packet = request(TARGET, TARGET_PORT);
	const char *result = open_connection(4096);

	for (unsigned int i = 0; i < 40; i++) {
		packet.source_port = i < 20 ? 77 : 100 + i;
		raw_send(&packet, 0);
		packet.operation = VIRTIO_VSOCK_OP_REQUEST;
	}
	/* What is open now is closed again. */
	packet.operation = VIRTIO_VSOCK_OP_RESET;
	for (uint32_t port = 77; port < 150; port++) {
		packet.source_port = port;
		raw_send(&packet, 0);
	}
	return result != NULL ? result : is_still_served();
}

static const char *odd_shutdown(void)
{
	const char *result = open_connection(4096);

	for (uint32_t flags = 0; flags < 8; flags++) {
		struct virtio_vsock_packet packet =
			raw_packet(TARGET, TARGET_PORT, VIRTIO_VSOCK_OP_SHUTDOWN);

		packet.flags = flags | (flags > 3 ? 0xfffffff0U : 0);
		raw_send(&packet, 0);
		send_data(16, 4096, 0);
	}
	return result != NULL ? result : is_still_served();
}

static const char *seqpacket_on_stream(void)
{
	struct virtio_vsock_packet packet = raw_packet(TARGET, TARGET_PORT, VIRTIO_VSOCK_OP_DATA);
	const char *result = open_connection(4096);

	packet.type = VIRTIO_VSOCK_TYPE_SEQPACKET;
	for (uint32_t flags = 0; flags < 4; flags++) {
		packet.flags = flags;
		packet.length = 32;
		raw_send(&packet, 32);
	}
	return result != NULL ? result : is_still_served();
}

static const struct attack attacks[] = {
	{"forged source CID", forged_source, ATTACK_REFUSED},
	{"unknown CID", unknown_destination, ATTACK_REFUSED},
	{"forbidden destination or port", forbidden_destination, ATTACK_REFUSED},
	{"own CID", own_address, ATTACK_REFUSED},
	{"answers injected into a connection of others", injected_answers, ATTACK_REFUSED},
	{"length that is not the payload's", lying_length, ATTACK_REFUSED},
	{"unknown operation", unknown_operation, ATTACK_REFUSED},
	{"unknown type", unknown_type, ATTACK_REFUSED},
	{"packets without a connection", no_connection, ATTACK_REFUSED},
	{"no credit given", no_credit, ATTACK_REFUSED},
	{"too much credit given", too_much_credit, ATTACK_REFUSED},
	{"more data than credit", overrun, ATTACK_REFUSED},
	{"requests repeated", repeated_requests, ATTACK_REFUSED},
	{"odd shutdowns", odd_shutdown, ATTACK_REFUSED},
	{"SEQPACKET data on a stream", seqpacket_on_stream, ATTACK_REFUSED},
};

const struct attack_family attack_packet = {"packet", attacks, ARRAY_COUNT(attacks)};
