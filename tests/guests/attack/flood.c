// SPDX-License-Identifier: MIT
/*
 * Floods (invariant I7): each goes on for a fixed time, while the monitor measures what is left for
 * the bystanders.
 */
#include "tests/guests/attack/attack.h"
#include "tests/guests/attack/raw.h"

#include <string.h>

#define FLOOD_TICKS  (180 * mux_tsc_khz())
#define TARGET	     22U
#define TARGET_PORT  9000U
#define PAYLOAD	     65536U
#define VECTOR_TIMER 0x41U

static uint64_t flood_end;

static void begin(void)
{
	flood_end = mux_tsc() + FLOOD_TICKS;
}

static bool goes_on(void)
{
	return mux_tsc() < flood_end;
}

static const char *spin(void)
{
	begin();
	while (goes_on()) {
	}
	return NULL;
}

static const char *kicks(void)
{
	raw_start(RAW_FEATURES);
	begin();
	while (goes_on()) {
		raw_kick(RAW_TX);
		raw_kick(RAW_RX);
	}
	return NULL;
}

/* Keeps the TX queue full of one packet; what arrives is given back unread. */
static void pour(const struct virtio_vsock_packet *packet, uint32_t payload, bool changes_port)
{
	volatile struct raw_queue *tx = &raw_queues[RAW_TX], *rx = &raw_queues[RAW_RX];
	struct virtio_vsock_packet *header = (void *)raw_out;

	memcpy(raw_out, packet, sizeof(*packet));
	for (uint16_t i = 0; i < RAW_SIZE; i++) {
		raw_describe(RAW_TX, i, (uint64_t)(uintptr_t)raw_out, 44 + payload, 0, 0);
		tx->avail[i] = i;
	}
	begin();
	while (goes_on()) {
		header->source_port += changes_port ? 1 : 0;
		tx->avail_index = (uint16_t)(tx->used_index + RAW_SIZE);
		rx->avail_index = (uint16_t)(rx->used_index + ARRAY_COUNT(raw_in));
		raw_kick(RAW_TX);
		raw_kick(RAW_RX);
	}
}

/* All entries of the RX ring name a buffer, so that moving the index gives them back. */
static void start(void)
{
	raw_start(RAW_FEATURES);
	for (uint16_t i = 0; i < RAW_SIZE; i++) {
		raw_describe(RAW_RX, i, (uint64_t)(uintptr_t)raw_in[i % ARRAY_COUNT(raw_in)],
			     sizeof(raw_in[0]), RAW_WRITE, 0);
		raw_queues[RAW_RX].avail[i] = i;
	}
}

static const char *empty_packets(void)
{
	struct virtio_vsock_packet packet = raw_packet(TARGET, TARGET_PORT, VIRTIO_VSOCK_OP_DATA);

	start();
	pour(&packet, 0, false);
	return NULL;
}

static const char *unknown_cid(void)
{
	struct virtio_vsock_packet packet = raw_packet(900, 1, VIRTIO_VSOCK_OP_REQUEST);

	start();
	pour(&packet, 0, false);
	return NULL;
}

static const char *requests(void)
{
	struct virtio_vsock_packet packet =
		raw_packet(TARGET, TARGET_PORT, VIRTIO_VSOCK_OP_REQUEST);

	start();
	pour(&packet, 0, true);
	return NULL;
}

/* 64 KiB to the attacker itself, again and again: a rule permits it. */
static const char *large_packets(void)
{
	static uint8_t in[PAYLOAD + 44];
	struct virtio_vsock_packet packet = raw_packet(mux_cid(), 1, VIRTIO_VSOCK_OP_DATA);

	start();
	for (uint16_t i = 0; i < RAW_SIZE; i++) {
		raw_describe(RAW_RX, i, (uint64_t)(uintptr_t)in, sizeof(in), RAW_WRITE, 0);
	}
	packet.length = PAYLOAD;
	pour(&packet, PAYLOAD, false);
	return NULL;
}

/* The largest packets in the smallest pieces. */
static const char *small_pieces(void)
{
	struct virtio_vsock_packet packet = raw_packet(mux_cid(), 1, VIRTIO_VSOCK_OP_DATA);

	start();
	for (uint16_t i = 0; i < RAW_SIZE; i++) {
		raw_describe(RAW_RX, i, (uint64_t)(uintptr_t)raw_in[0], 45, RAW_WRITE, 0);
	}
	packet.length = PAYLOAD;
	pour(&packet, PAYLOAD, false);
	return NULL;
}

static const char *resets(void)
{
	begin();
	while (goes_on()) {
		raw_start(RAW_FEATURES);
	}
	return NULL;
}

static const char *exits(void)
{
	begin();
	while (goes_on()) {
		uint32_t a = 0, b, c = 0, d;

		__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
		attack_in8(0x80);
	}
	return NULL;
}

static const char *yields(void)
{
	begin();
	while (goes_on()) {
		mux_yield();
	}
	return NULL;
}

/* HLT with the timer's interrupt already due: it sleeps and wakes all the time. */
static const char *halts(void)
{
	begin();
	while (goes_on()) {
		__asm__ volatile("cli");
		attack_write_msr(0x6e0, 1);
		__asm__ volatile("sti; hlt");
	}
	return NULL;
}

/* Wakes a little later, so that it takes the CPU away from whoever got it. */
static const char *short_sleeps(void)
{
	begin();
	while (goes_on()) {
		__asm__ volatile("cli");
		attack_write_msr(0x6e0, mux_tsc() + 3000);
		__asm__ volatile("sti; hlt");
	}
	return NULL;
}

/* The handler arms the timer for a time that is past: the next interrupt comes right behind IRET.
 */
__asm__("flood_storm:\n\t"
	"push %rax; push %rcx; push %rdx\n\t"
	"xor %eax, %eax\n\t"
	"xor %edx, %edx\n\t"
	"mov $0x80b, %ecx\n\t"
	"wrmsr\n\t"
	"mov $1, %eax\n\t"
	"mov $0x6e0, %ecx\n\t"
	"wrmsr\n\t"
	"pop %rdx; pop %rcx; pop %rax\n\t"
	"iretq\n");
extern const char flood_storm[];

/* The guest does nothing but take interrupts. */
static const char *timer_storm(void)
{
	fault_set_interrupt(VECTOR_TIMER, flood_storm);
	attack_write_msr(0x832, 0x40000 | VECTOR_TIMER);
	attack_write_msr(0x6e0, 1);
	for (;;) {
		__asm__ volatile("pause");
	}
	return NULL;
}

static const char *self_interrupts(void)
{
	begin();
	while (goes_on()) {
		attack_write_msr(0x830, 0x40000 | VECTOR_TIMER);
		attack_write_msr(0x83f, VECTOR_TIMER);
	}
	return NULL;
}

static const char *console_lines(void)
{
	begin();
	while (goes_on()) {
		attack_out8(0x3f8, '\n');
		for (uint32_t i = 0; i < 195; i++) {
			attack_out8(0x3f8, 0x1b);
		}
	}
	attack_out8(0x3f8, '\n');
	return NULL;
}

static const char *bar_accesses(void)
{
	raw_decode(true);
	begin();
	while (goes_on()) {
		__asm__ volatile("movl %0, (%1)" : : "r"(0), "r"(RAW_MEMORY_BAR) : "memory");
	}
	return NULL;
}

static const struct attack attacks[] = {
	{"spinning", spin, ATTACK_REFUSED},
	{"kicks", kicks, ATTACK_REFUSED},
	{"packets without payload", empty_packets, ATTACK_REFUSED},
	{"packets to an unknown CID", unknown_cid, ATTACK_REFUSED},
	{"connection requests", requests, ATTACK_REFUSED},
	{"large packets", large_packets, ATTACK_REFUSED},
	{"large packets in small pieces", small_pieces, ATTACK_REFUSED},
	{"device resets", resets, ATTACK_REFUSED},
	{"exits", exits, ATTACK_REFUSED},
	{"yields", yields, ATTACK_REFUSED},
	{"HLT and due timers", halts, ATTACK_REFUSED},
	{"short sleeps", short_sleeps, ATTACK_REFUSED},
	{"timer that is always due", timer_storm, ATTACK_HANGS},
	{"interrupts to itself", self_interrupts, ATTACK_REFUSED},
	{"console lines", console_lines, ATTACK_REFUSED},
	{"accesses to the BAR", bar_accesses, ATTACK_REFUSED},
};

const struct attack_family attack_flood = {"flood", attacks, ARRAY_COUNT(attacks)};
