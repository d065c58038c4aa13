/* SPDX-License-Identifier: MIT */
/*
 * See fake_driver.h. Not thread-safe.
 */
#include "tests/unit/fake_driver.h"

#include "hv/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNTOUCHED 0xee
#define TURNS_MAX 1000000U

struct fake_guest fake_guests[FAKE_GUESTS_MAX];
char fake_log[512];
unsigned fake_log_count;

static void require(bool condition, const char *what)
{
	if (!condition) {
		fprintf(stderr, "fake driver: %s\n", what);
		abort();
	}
}

void virtio_pci_queue_interrupt(struct virtio_pci *transport, uint16_t queue)
{
	transport->interrupts[queue]++;
}

void virtio_pci_needs_reset(struct virtio_pci *transport)
{
	transport->needs_reset++;
}

void log_line(const char *level, const char *format, ...)
{
	va_list args;

	(void)level;
	va_start(args, format);
	vsnprintf(fake_log, sizeof(fake_log), format, args);
	va_end(args);
	fake_log_count++;
}

static void *zeroed(size_t size)
{
	void *memory = aligned_alloc(4096, (size + 4095U) & ~(size_t)4095U);

	require(memory != NULL, "out of memory");
	return memset(memory, 0, size);
}

void fake_setup(uint32_t count, const uint32_t *weights)
{
	vsock_switch_init();
	fake_log_count = 0;
	fake_log[0] = '\0';
	for (uint32_t i = 0; i < count; i++) {
		struct fake_guest *g = &fake_guests[i];
		struct vsock_port_config config = {
			.name = "guest",
			.cid = MUX_CID_MIN + i,
			.weight = weights != NULL ? weights[i] : 1,
			.mem = &g->mem,
			.transport = &g->transport,
		};

		*g = (struct fake_guest){.cid = config.cid};
		g->low = zeroed(FAKE_RAM_LOW);
		g->high = zeroed(FAKE_RAM_HIGH);
		g->mem = (struct guest_mem){
			2, {{0, FAKE_RAM_LOW, g->low}, {FAKE_HIGH_GPA, FAKE_RAM_HIGH, g->high}}};
		g->port_memory = zeroed(vsock_port_memory_size());
		config.memory = g->port_memory;
		require(vsock_port_attach(&config, &g->port) == 0, "attach");
	}
}

void fake_teardown(void)
{
	for (uint32_t i = 0; i < FAKE_GUESTS_MAX; i++) {
		free(fake_guests[i].low);
		free(fake_guests[i].high);
		free(fake_guests[i].port_memory);
		fake_guests[i] = (struct fake_guest){0};
	}
}

void *fake_ram(const struct fake_guest *g, uint64_t gpa_value)
{
	void *at = guest_mem_ptr(&g->mem, gpa(gpa_value), 1);

	require(at != NULL, "address out of RAM");
	return at;
}

static void queue_init(struct fake_guest *g, uint16_t number, uint16_t size, uint64_t buffers,
		       uint32_t stride)
{
	struct fake_queue *q = &g->queue[number];

	*q = (struct fake_queue){.size = size, .number = number, .stride = stride};
	q->gpa = 0x10000 + number * 0x4000U;
	q->indirect = 0x20000 + number * 0x10000U;
	q->buffers = buffers;
	q->desc = fake_ram(g, q->gpa);
	q->avail = fake_ram(g, q->gpa + 0x1000);
	q->used = fake_ram(g, q->gpa + 0x2000);
	memset(q->desc, 0, 0x4000);
	for (uint16_t i = 0; i < size; i++) {
		q->free[q->free_count++] = (uint16_t)(size - 1 - i);
	}
	require(buffers + (uint64_t)size * stride <= FAKE_RAM_LOW, "buffers too large");
}

int fake_start(struct fake_guest *g, uint64_t features, uint16_t rx_size, uint32_t rx_stride,
	       uint16_t tx_size, uint32_t tx_stride)
{
	const struct virtio_device_ops *ops = &vsock_device_ops;

	g->features = features;
	queue_init(g, VSOCK_QUEUE_RX, rx_size, 0x50000, rx_stride);
	queue_init(g, VSOCK_QUEUE_TX, tx_size, 0x50000 + (uint64_t)rx_size * rx_stride, tx_stride);
	queue_init(g, VSOCK_QUEUE_EVENT, 16, 0x50000, 16);
	if (!ops->features_ok(g->port, features)) {
		return -1;
	}
	for (uint16_t i = 0; i < VSOCK_QUEUE_COUNT; i++) {
		struct virtio_queue_config config = {
			.size = g->queue[i].size,
			.descriptors = gpa(g->queue[i].gpa),
			.driver = gpa(g->queue[i].gpa + 0x1000),
			.device = gpa(g->queue[i].gpa + 0x2000),
		};
		int result = ops->queue_enable(g->port, i, &config);

		if (result != 0) {
			return result;
		}
	}
	ops->driver_ok(g->port);
	return 0;
}

void fake_start_default(struct fake_guest *g)
{
	require(fake_start(g, FAKE_FEATURES_ALL, 128, 4096 + 64, 128, 4096 + 64) == 0, "start");
}

void fake_reset(struct fake_guest *g)
{
	vsock_device_ops.reset(g->port);
}

void fake_permit(const struct fake_guest *source, const struct fake_guest *destination)
{
	struct mux_rule_record rule = {source->cid, destination->cid, 0, UINT32_MAX};

	require(vsock_policy_add(&rule) == 0, "rule");
}

void fake_publish(struct fake_queue *q, uint16_t head)
{
	q->avail[2 + q->avail_index % q->size] = head;
	q->avail_index++;
	q->avail[1] = q->avail_index;
}

static uint32_t count_lengths(const uint32_t *lengths)
{
	uint32_t count = 0;

	while (lengths[count] != 0) {
		count++;
	}
	require(count <= FAKE_SEGMENTS_MAX, "too many segments");
	return count;
}

/* Links descriptors of the list `index` (NULL: 0, 1, ...) over one head's buffer; a byte stays
 * free between two segments. */
static void link_chain(struct fake_desc *table, const uint16_t *index, const uint32_t *lengths,
		       uint32_t count, uint64_t buffer, uint16_t flags)
{
	for (uint32_t i = 0; i < count; i++) {
		uint16_t next = (uint16_t)(index != NULL ? index[(i + 1) % count] : i + 1);

		table[index != NULL ? index[i] : i] = (struct fake_desc){
			.address = buffer,
			.length = lengths[i],
			.flags = (uint16_t)(flags | (i + 1 < count ? VIRTQ_DESC_NEXT : 0)),
			.next = next,
		};
		buffer += lengths[i] + 1;
	}
}

int fake_post(struct fake_guest *g, uint16_t queue, const uint32_t *lengths, bool indirect)
{
	struct fake_queue *q = &g->queue[queue];
	uint16_t flags = queue == VSOCK_QUEUE_RX ? VIRTQ_DESC_WRITE : 0;
	uint32_t count = count_lengths(lengths);
	uint32_t needed = indirect ? 1 : count;
	uint16_t head;
	uint64_t buffer;

	if (q->free_count < needed) {
		return -1;
	}
	head = q->free[q->free_count - 1];
	for (uint32_t i = 0; i < needed; i++) {
		q->chain_desc[head][i] = q->free[--q->free_count];
	}
	q->chain[head] = (uint8_t)needed;
	memcpy(q->length[head], lengths, count * sizeof(*lengths));
	if (count < FAKE_SEGMENTS_MAX) {
		q->length[head][count] = 0;
	}
	buffer = q->buffers + (uint64_t)head * q->stride;
	if (queue == VSOCK_QUEUE_RX) {
		memset(fake_ram(g, buffer), UNTOUCHED, q->stride);
	}
	if (indirect) {
		uint64_t table = q->indirect + head * 512U + 8; /* 8: not aligned to 16 */
		struct fake_desc copy[FAKE_SEGMENTS_MAX];

		link_chain(copy, NULL, lengths, count, buffer, flags);
		memcpy(fake_ram(g, table), copy, count * sizeof(copy[0]));
		q->desc[head] =
			(struct fake_desc){table, count * VIRTQ_DESC_SIZE, VIRTQ_DESC_INDIRECT, 0};
	} else {
		link_chain(q->desc, q->chain_desc[head], lengths, count, buffer, flags);
	}
	fake_publish(q, head);
	return head;
}

unsigned fake_post_rx(struct fake_guest *g, uint32_t size, unsigned count)
{
	uint32_t lengths[2] = {size, 0};
	unsigned posted = 0;

	while (posted < count && fake_post(g, VSOCK_QUEUE_RX, lengths, false) >= 0) {
		posted++;
	}
	return posted;
}

bool fake_kick(struct fake_guest *g, uint16_t queue)
{
	struct fake_queue *q = &g->queue[queue];
	uint16_t old = q->kicked;
	bool wanted;

	if ((g->features & VIRTIO_F_EVENT_INDEX) != 0) {
		uint16_t event = q->used[2 + q->size * 4U];

		wanted = (uint16_t)(q->avail_index - event - 1) < (uint16_t)(q->avail_index - old);
	} else {
		wanted = (q->used[0] & VIRTQ_USED_NO_NOTIFY) == 0;
	}
	q->kicked = q->avail_index;
	if (wanted) {
		vsock_device_ops.notify(g->port, queue);
	}
	return wanted;
}

/* Copies between a chain's buffers and a flat array. */
static void chain_copy(struct fake_guest *g, const struct fake_queue *q, uint16_t head,
		       uint32_t from, void *flat, uint32_t size, bool to_guest)
{
	uint64_t buffer = q->buffers + (uint64_t)head * q->stride;
	uint32_t at = 0;
	uint8_t *bytes = flat;

	for (uint32_t i = 0; i < FAKE_SEGMENTS_MAX && q->length[head][i] != 0 && size != 0; i++) {
		uint32_t length = q->length[head][i];
		uint32_t skip = from > at ? from - at : 0;

		if (skip < length) {
			uint32_t chunk = length - skip < size ? length - skip : size;
			uint8_t *ram = (uint8_t *)fake_ram(g, buffer) + skip;

			memcpy(to_guest ? ram : bytes, to_guest ? bytes : ram, chunk);
			bytes += chunk;
			from += chunk;
			size -= chunk;
		}
		at += length;
		buffer += length + 1;
	}
	require(size == 0, "chain too short");
}

int fake_send(struct fake_guest *g, const struct vsock_header *header, const void *payload,
	      const uint32_t *lengths)
{
	struct fake_queue *q = &g->queue[VSOCK_QUEUE_TX];
	struct vsock_header copy = *header;
	uint32_t whole[2] = {VSOCK_HEADER_SIZE + header->len, 0};
	union {
		const void *in;
		void *out;
	} data = {payload};
	int head = fake_post(g, VSOCK_QUEUE_TX, lengths != NULL ? lengths : whole,
			     lengths != NULL && (g->features & VIRTIO_F_INDIRECT) != 0);

	if (head < 0) {
		return -1;
	}
	if (copy.src_cid == 0) {
		copy.src_cid = g->cid;
	}
	chain_copy(g, q, (uint16_t)head, 0, &copy, VSOCK_HEADER_SIZE, true);
	if (payload != NULL) {
		chain_copy(g, q, (uint16_t)head, VSOCK_HEADER_SIZE, data.out, header->len, true);
	}
	return head;
}

int fake_send_now(struct fake_guest *g, const struct vsock_header *header, const void *payload)
{
	int head = fake_send(g, header, payload, NULL);

	fake_kick(g, VSOCK_QUEUE_TX);
	fake_run();
	return head;
}

static int take_used(struct fake_queue *q, uint32_t *length)
{
	struct fake_used entry;

	if (q->used[1] == q->used_seen) {
		return -1;
	}
	memcpy(&entry, &q->used[2 + (q->used_seen % q->size) * 4U], sizeof(entry));
	require(entry.id < q->size && q->chain[entry.id] != 0, "used entry of no chain");
	q->used_seen++;
	for (uint32_t i = 0; i < q->chain[entry.id]; i++) {
		q->free[q->free_count++] = q->chain_desc[entry.id][q->chain[entry.id] - 1U - i];
	}
	q->chain[entry.id] = 0;
	*length = entry.length;
	return (int)entry.id;
}

static void check_untouched(struct fake_guest *g, const struct fake_queue *q, uint16_t head,
			    uint32_t length)
{
	const uint8_t *ram = fake_ram(g, q->buffers + (uint64_t)head * q->stride);
	uint32_t at = 0;

	for (uint32_t i = 0; i < FAKE_SEGMENTS_MAX && q->length[head][i] != 0; i++) {
		uint32_t used = length < q->length[head][i] ? length : q->length[head][i];

		for (uint32_t j = used; j <= q->length[head][i] && at + j < q->stride; j++) {
			require(ram[at + j] == UNTOUCHED, "byte past the packet was written");
		}
		length -= used;
		at += q->length[head][i] + 1;
	}
}

int64_t fake_receive(struct fake_guest *g, struct vsock_header *header, void *payload,
		     uint32_t room)
{
	struct fake_queue *q = &g->queue[VSOCK_QUEUE_RX];
	uint32_t length;
	int head = take_used(q, &length);

	if (head < 0) {
		return -1;
	}
	require(length >= VSOCK_HEADER_SIZE, "used length below the header's");
	chain_copy(g, q, (uint16_t)head, 0, header, VSOCK_HEADER_SIZE, false);
	require(header->len == length - VSOCK_HEADER_SIZE, "used length is not the packet's");
	require(header->len <= room, "packet larger than the test's buffer");
	chain_copy(g, q, (uint16_t)head, VSOCK_HEADER_SIZE, payload, header->len, false);
	check_untouched(g, q, (uint16_t)head, length);
	return header->len;
}

int fake_reclaim(struct fake_guest *g)
{
	uint32_t length;
	int head = take_used(&g->queue[VSOCK_QUEUE_TX], &length);

	require(head < 0 || length == 0, "used length of TX");
	return head;
}

unsigned fake_reclaim_all(struct fake_guest *g)
{
	unsigned count = 0;

	while (fake_reclaim(g) >= 0) {
		count++;
	}
	return count;
}

void fake_run(void)
{
	unsigned turns = 0;
	bool more = true;

	while (more) {
		more = false;
		for (uint32_t i = 0; i < FAKE_GUESTS_MAX; i++) {
			struct vsock_port *port = fake_guests[i].port;

			if (port != NULL && vsock_switch_has_work(port)) {
				vsock_switch_turn(port);
				more = true;
				require(++turns < TURNS_MAX, "turns never end");
			}
		}
	}
}

struct mux_stats fake_stats(const struct fake_guest *g)
{
	struct mux_stats stats = {0};

	vsock_port_stats(g->port, &stats);
	return stats;
}

struct vsock_header fake_rw(const struct fake_guest *to, uint32_t length)
{
	return (struct vsock_header){
		.dst_cid = to->cid,
		.src_port = 1000,
		.dst_port = 2000,
		.len = length,
		.type = VSOCK_TYPE_STREAM,
		.op = VSOCK_OP_RW,
		.buf_alloc = 0x11111111,
		.fwd_cnt = 0x22222222,
	};
}

uint8_t fake_byte(uint64_t seed, uint64_t index)
{
	uint64_t x = seed * 0x9e3779b97f4a7c15ULL + index * 0xbf58476d1ce4e5b9ULL;

	return (uint8_t)(x >> 56 ^ x >> 23);
}
