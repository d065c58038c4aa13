/* SPDX-License-Identifier: MIT */
/*
 * The bytes are the acts of three hostile guests: what they write to their memory, which queues
 * they enable where, their kicks, resets, and the manager's policy. ASan watches the guests'
 * memory, the ports' memory and the stack; vsock_check the switch's state.
 */
#include "hv/log.h"
#include "hv/vsock/packet.h"
#include "hv/vsock/port.h"
#include "hv/vsock/switch.h"
#include "tests/unit/vsock_check.h"

#include <stdlib.h>
#include <string.h>

#define GUESTS	  3U
#define LOW_SIZE  0x6000U
#define HIGH_GPA  0x100000000ULL
#define HIGH_SIZE 0x1000U
#define ENTRIES	  8U

#define DESC_GPA(queue)	 (0x100U + (queue)*0x400U)
#define AVAIL_GPA(queue) (DESC_GPA(queue) + 0x200U)
#define USED_GPA(queue)	 (DESC_GPA(queue) + 0x300U)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct virtio_pci {
	unsigned dummy;
};

static struct guest {
	struct vsock_port *port;
	struct guest_mem mem;
	struct virtio_pci transport;
	void *memory;
	uint8_t *low;
	uint8_t *high;
	uint16_t avail[2];
} guests[GUESTS];

static struct input {
	const uint8_t *at;
	const uint8_t *end;
} input;

void virtio_pci_queue_interrupt(struct virtio_pci *transport, uint16_t queue)
{
	transport->dummy += queue;
}

void virtio_pci_needs_reset(struct virtio_pci *transport)
{
	transport->dummy++;
}

void log_line(const char *level, const char *format, ...)
{
	(void)level;
	(void)format;
}

static uint8_t next8(void)
{
	return input.at < input.end ? *input.at++ : 0;
}

static uint16_t next16(void)
{
	return (uint16_t)(next8() | next8() << 8);
}

static uint32_t next32(void)
{
	return next16() | (uint32_t)next16() << 16;
}

/* Small values mostly, and now and then anything. */
static uint64_t address(void)
{
	uint8_t kind = next8();

	switch (kind & 7) {
	case 0: return next32() | (uint64_t)next32() << 32;
	case 1: return HIGH_GPA + (next16() & 0x1fff);
	case 2: return LOW_SIZE - (next8() & 0x7f);
	default: return next16() & 0x7fff;
	}
}

static uint32_t length(void)
{
	switch (next8() & 7) {
	case 0: return next32();
	case 1: return VSOCK_HEADER_SIZE;
	case 2: return VSOCK_HEADER_SIZE + next8();
	default: return next16() & 0xfff;
	}
}

static void create(void)
{
	for (uint32_t i = 0; i < GUESTS; i++) {
		struct guest *g = &guests[i];
		struct vsock_port_config config = {
			.name = "guest",
			.cid = MUX_CID_MIN + i,
			.weight = 1 + i,
			.mem = &g->mem,
			.transport = &g->transport,
		};

		if (g->low == NULL) {
			g->low = aligned_alloc(4096, LOW_SIZE);
			g->high = aligned_alloc(4096, HIGH_SIZE);
			g->memory = aligned_alloc(64, align_up(vsock_port_memory_size(), 64));
		}
		memset(g->low, 0, LOW_SIZE);
		memset(g->high, 0, HIGH_SIZE);
		g->avail[0] = g->avail[1] = 0;
		g->mem = (struct guest_mem){
			2, {{0, LOW_SIZE, g->low}, {HIGH_GPA, HIGH_SIZE, g->high}}};
		config.memory = g->memory;
		if (vsock_port_attach(&config, &g->port) != 0) {
			abort();
		}
	}
}

static void start(struct guest *g, bool strange)
{
	uint8_t features = strange ? next8() : 0xff;

	vsock_device_ops.reset(g->port);
	memset(g->low, 0, 0x1000);
	g->avail[0] = g->avail[1] = 0;
	vsock_device_ops.features_ok(
		g->port, VIRTIO_F_VERSION_1 | ((features & 1) != 0 ? VIRTIO_F_EVENT_INDEX : 0) |
				 ((features & 2) != 0 ? VIRTIO_F_INDIRECT : 0) |
				 ((features & 4) != 0 ? VSOCK_F_STREAM : 0) |
				 ((features & 8) != 0 ? VSOCK_F_SEQPACKET : 0));
	for (uint16_t queue = 0; queue < 2; queue++) {
		struct virtio_queue_config config = {ENTRIES, gpa(DESC_GPA(queue)),
						     gpa(AVAIL_GPA(queue)), gpa(USED_GPA(queue))};

		if (strange && (features & 16) != 0) {
			config.size = next16();
			config.descriptors = gpa(address());
			config.driver = gpa(address());
			config.device = gpa(address());
		}
		vsock_device_ops.queue_enable(g->port, queue, &config);
	}
	vsock_device_ops.driver_ok(g->port);
}

static void write_desc(struct guest *g, uint64_t gpa_value)
{
	uint64_t desc[2] = {address(), length()};

	desc[1] |= (uint64_t)(next8() & 7) << 32;
	desc[1] |= (uint64_t)(next8() % (ENTRIES + 1)) << 48;
	memcpy(g->low + gpa_value, desc, sizeof(desc));
}

static void make_available(struct guest *g, uint16_t queue, uint16_t head)
{
	uint16_t *avail = (uint16_t *)(void *)(g->low + AVAIL_GPA(queue));

	avail[2 + g->avail[queue]++ % ENTRIES] = head;
	avail[1] = g->avail[queue];
}

/* A chain of one to four buffers that follow each other in memory. */
static void write_chain(struct guest *g, uint16_t queue, uint16_t head, uint32_t at, uint32_t room)
{
	uint64_t flags = queue == VSOCK_QUEUE_RX ? VIRTQ_DESC_WRITE : 0;
	unsigned more = next8() & 3;

	for (uint16_t i = head;; i = (uint16_t)((i + 1) % ENTRIES)) {
		uint32_t cut = more != 0 ? 1 + next8() % (room - more) : room;
		uint64_t desc[2] = {at, cut | flags << 32};

		if (more != 0) {
			desc[1] |= (uint64_t)VIRTQ_DESC_NEXT << 32;
			desc[1] |= (uint64_t)((i + 1) % ENTRIES) << 48;
		}
		memcpy(g->low + DESC_GPA(queue) + i * 16U, desc, sizeof(desc));
		at += cut;
		room -= cut;
		if (more-- == 0) {
			return;
		}
	}
}

/* A good packet or buffer, so that traffic flows. */
static void post_good(struct guest *g, uint16_t queue)
{
	uint16_t head = next8() % ENTRIES;
	uint32_t offset = 0x2000 + queue * 0x2000U + head * 0x400U;
	struct vsock_header header = {
		.src_cid = (uint64_t)g->port->cid,
		.dst_cid = MUX_CID_MIN + next8() % (GUESTS + 1),
		.src_port = next8() & 3,
		.dst_port = next8() & 3,
		.len = next16() & 0x1ff,
		.type = (uint16_t)(1 + (next8() & 1)),
		.op = (uint16_t)((next8() & 8) != 0 ? next8() & 7 : VSOCK_OP_RW),
		.flags = next8() & 3,
	};

	write_chain(g, queue, head, offset, VSOCK_HEADER_SIZE + (next16() & 0x1ff));
	if (queue == VSOCK_QUEUE_TX) {
		memcpy(g->low + offset, &header, sizeof(header));
	}
	make_available(g, queue, head);
}

static void write_anything(struct guest *g)
{
	uint32_t offset = next16() % LOW_SIZE;
	uint32_t count = next8();

	for (uint32_t i = 0; i < count && offset + i < LOW_SIZE; i++) {
		g->low[offset + i] = next8();
	}
}

static void change_policy(uint8_t kind)
{
	struct mux_rule_record rule = {MUX_CID_MIN + next8() % (GUESTS + 1),
				       MUX_CID_MIN + next8() % (GUESTS + 1), next8() & 3,
				       next8() & 3};

	if ((kind & 1) != 0) {
		vsock_policy_remove(&rule);
	} else {
		vsock_policy_add(&rule);
	}
}

static void act(uint8_t kind)
{
	struct guest *g = &guests[(kind >> 4) % GUESTS];
	uint16_t queue = (kind >> 6) & 1;

	switch (kind & 15) {
	case 0: start(g, false); break;
	case 1: start(g, true); break;
	case 2: vsock_device_ops.reset(g->port); break;
	case 3: write_desc(g, DESC_GPA(queue) + (next8() % ENTRIES) * 16U); break;
	case 4: write_desc(g, 0x1000 + (next8() & 15) * 16U); break; /* indirect tables */
	case 5: make_available(g, queue, next8() % (ENTRIES + 1)); break;
	case 6:
	case 7:
	case 8: post_good(g, queue); break;
	case 9: write_anything(g); break;
	case 10:
	case 11: vsock_device_ops.notify(g->port, queue); break;
	case 12: change_policy(next8()); break;
	case 13: *(uint16_t *)(void *)(g->low + AVAIL_GPA(queue) + 2) = next16(); break;
	default: vsock_switch_turn(g->port); break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct mux_rule_record rules[] = {
		{2, 3, 0, UINT32_MAX}, {2, 4, 0, UINT32_MAX}, {3, 4, 0, UINT32_MAX}};

	input = (struct input){data, data + size};
	vsock_switch_init();
	if ((next8() & 1) != 0) {
		vsock_switch_set_polling();
	}
	create();
	for (size_t i = 0; i < ARRAY_COUNT(rules); i++) {
		vsock_policy_add(&rules[i]);
	}
	for (unsigned i = 0; i < GUESTS; i++) {
		start(&guests[i], false);
	}
	while (input.at < input.end) {
		act(next8());
		if (vsock_switch.polling) {
			vsock_switch_poll();
		}
		vsock_check();
	}
	return 0;
}
