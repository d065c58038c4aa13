// SPDX-License-Identifier: MIT
/*
 * Attacks with two vCPUs: what one changes while ring 0 reads it for the other, and what one does
 * to the other. With one CPU they take turns, with two they run at the same time.
 */
#include "tests/guests/attack/attack.h"
#include "tests/guests/attack/raw.h"

#include <stdio.h>
#include <string.h>

#define START	    0x8000U
#define SECOND	    (1ULL << 32) /* APIC id 1, in the ICR */
#define ICR_INIT    0x4500U
#define ICR_STARTUP 0x4600U
#define RACE_TICKS  (120 * mux_tsc_khz())
#define FLOOD_TICKS (180 * mux_tsc_khz())
#define RING0	    0x3e000000ULL
#define VECTOR	    0x41U

extern const char trampoline_start[], trampoline_end[], trampoline_cr3[], trampoline_function[],
	trampoline_stack[];

static uint8_t stack[16384] __attribute__((aligned(16)));
static _Atomic bool is_second_up, is_over;

static uint64_t *word_of(const char *label)
{
	return (uint64_t *)(uintptr_t)(START + ((uintptr_t)label - (uintptr_t)trampoline_start));
}

static void send_startup(void)
{
	attack_write_msr(0x830, SECOND | ICR_INIT);
	attack_write_msr(0x830, SECOND | ICR_STARTUP | START >> 12);
}

static void start_second(void (*function)(void))
{
	uint64_t cr3;

	__asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
	memcpy((void *)(uintptr_t)START, trampoline_start,
	       (size_t)((uintptr_t)trampoline_end - (uintptr_t)trampoline_start));
	*word_of(trampoline_cr3) = cr3;
	*word_of(trampoline_function) = (uint64_t)(uintptr_t)function;
	*word_of(trampoline_stack) = (uint64_t)(uintptr_t)(stack + sizeof(stack) - 8);
	send_startup();
}

static const char *wait_for_second(void)
{
	uint64_t end = mux_tsc() + 10000000U;

	while (!is_second_up) {
		if (mux_tsc() > end) {
			return "the second vCPU does not start";
		}
		mux_yield();
	}
	return NULL;
}

/* --- races --- */

static void flip_descriptor(void)
{
	volatile struct raw_desc *desc = &raw_queues[RAW_TX].desc[0];

	is_second_up = true;
	while (!is_over) {
		desc->length = 0xffffffffU;
		desc->address = RING0;
		desc->flags = RAW_NEXT | RAW_INDIRECT;
		desc->address = (uint64_t)(uintptr_t)raw_out;
		desc->length = 44 + 256;
		desc->flags = 0;
	}
}

static void flip_header(void)
{
	volatile struct virtio_vsock_packet *header = (void *)raw_out;

	is_second_up = true;
	while (!is_over) {
		header->source_cid = 20;
		header->length = 0xffffffffU;
		header->destination_cid = 1ULL << 40;
		header->source_cid = mux_cid();
		header->length = 256;
		header->destination_cid = mux_cid();
	}
}

static void flip_index(void)
{
	volatile struct raw_queue *tx = &raw_queues[RAW_TX];

	is_second_up = true;
	while (!is_over) {
		uint16_t index = tx->avail_index;

		tx->avail_index = (uint16_t)(index + 1000);
		tx->avail[0] = 0xffff;
		tx->avail_index = index;
		tx->avail[0] = 0;
	}
}

/* Packets to oneself, which another vCPU changes: whatever arrives has a true source and a length
 * that is there. */
static const char *race(void (*function)(void))
{
	struct virtio_vsock_packet packet = raw_packet(mux_cid(), 1, VIRTIO_VSOCK_OP_DATA);
	uint64_t end;
	const char *result;
	unsigned int arrived = 0, resets = 0;

	raw_start(RAW_FEATURES | RAW_FEATURE_INDIRECT);
	packet.length = 256;
	memcpy(raw_out, &packet, sizeof(packet));
	raw_describe(RAW_TX, 0, (uint64_t)(uintptr_t)raw_out, 44 + 256, 0, 0);
	start_second(function);
	result = wait_for_second();
	end = mux_tsc() + RACE_TICKS;
	while (result == NULL && mux_tsc() < end) {
		volatile struct raw_queue *rx = &raw_queues[RAW_RX];
		uint16_t seen = rx->used_index;
		struct virtio_vsock_packet got;

		raw_give(RAW_TX, 0);
		if (rx->used_index != seen) {
			memcpy(&got, raw_in[rx->used[seen % RAW_SIZE].id % 8], sizeof(got));
			arrived++;
			if (got.operation == VIRTIO_VSOCK_OP_DATA &&
			    (got.source_cid != mux_cid() || got.length > sizeof(raw_in[0]) - 44)) {
				result = "a forged packet arrived";
			}
			raw_give(RAW_RX, (uint16_t)rx->used[seen % RAW_SIZE].id);
		}
		if ((raw_status() & RAW_STATUS_NEEDS_RESET) != 0) {
			raw_start(RAW_FEATURES | RAW_FEATURE_INDIRECT);
			raw_describe(RAW_TX, 0, (uint64_t)(uintptr_t)raw_out, 44 + 256, 0, 0);
			resets++;
		}
	}
	is_over = true;
	printf("attack: %u packets arrived, %u resets\n", arrived, resets);
	return result == NULL && arrived == 0 ? "no packet arrived" : result;
}

static const char *race_descriptor(void)
{
	return race(flip_descriptor);
}

static const char *race_header(void)
{
	return race(flip_header);
}

static const char *race_index(void)
{
	return race(flip_index);
}

static void use_device(void)
{
	is_second_up = true;
	while (!is_over) {
		raw_kick(RAW_TX);
		attack_out8(RAW_STATUS, 0);
		attack_out16(RAW_QUEUE_SELECT, 1);
		attack_out32(RAW_QUEUE_DESCRIPTORS, 0x3e000000);
		attack_out16(RAW_QUEUE_ENABLE, 1);
		attack_out8(RAW_STATUS, RAW_STATUS_OK);
		raw_decode(false);
	}
}

static const char *race_registers(void)
{
	uint64_t end;
	const char *result;

	start_second(use_device);
	result = wait_for_second();
	end = mux_tsc() + RACE_TICKS;
	while (mux_tsc() < end) {
		raw_start(RAW_FEATURES);
		raw_give(RAW_TX, 0);
		attack_out8(RAW_STATUS, 0);
	}
	is_over = true;
	return result;
}

/* --- one vCPU against the other --- */

static void do_nothing(void)
{
	is_second_up = true;
	for (;;) {
		__asm__ volatile("cli; hlt");
	}
}

/* The second vCPU's CPU is another one, whose time this costs. */
static const char *startup_flood(void)
{
	uint64_t end = mux_tsc() + FLOOD_TICKS;

	start_second(do_nothing);
	while (mux_tsc() < end) {
		send_startup();
	}
	return wait_for_second();
}

static const char *init_flood(void)
{
	uint64_t end = mux_tsc() + FLOOD_TICKS;

	while (mux_tsc() < end) {
		attack_write_msr(0x830, SECOND | ICR_INIT);
	}
	return NULL;
}

static void sleep_always(void)
{
	fault_load_idt();
	attack_write_msr(0x80f, 0x1ff);
	is_second_up = true;
	for (;;) {
		/* The interrupts stay pending. */
		__asm__ volatile("cli; pause");
	}
}

static const char *interrupt_flood(void)
{
	const char *result;
	uint64_t end;

	start_second(sleep_always);
	result = wait_for_second();
	end = mux_tsc() + FLOOD_TICKS;
	while (mux_tsc() < end) {
		for (uint64_t vector = 32; vector < 256; vector++) {
			attack_write_msr(0x830, SECOND | vector);
		}
	}
	return result;
}

static void stop_first(void)
{
	is_second_up = true;
	attack_write_msr(0x830, ICR_INIT);
	for (;;) {
		__asm__ volatile("cli; hlt");
	}
}

/* The first vCPU waits for a start-up that never comes. */
static const char *init_of_first(void)
{
	const char *result;

	start_second(stop_first);
	result = wait_for_second();
	attack_spin(FLOOD_TICKS);
	return result != NULL ? result : "the first vCPU still runs";
}

static void fault(void)
{
	is_second_up = true;
	__asm__ volatile("lidt %0; int3" : : "m"(*(const uint8_t(*)[10])stack));
}

static const char *fault_of_second(void)
{
	const char *result;

	start_second(fault);
	result = wait_for_second();
	attack_spin(FLOOD_TICKS);
	return result;
}

static void start_first(void)
{
	is_second_up = true;
	while (!is_over) {
		__asm__ volatile("pause");
	}
	for (;;) {
		attack_write_msr(0x830, ICR_INIT);
		attack_write_msr(0x830, ICR_STARTUP | START >> 12);
	}
}

/* The first exits while the second starts it again and again: what stops stays stopped, and the
 * next start begins at the beginning. */
static const char *startup_of_the_stopped(void)
{
	const char *result;

	start_second(start_first);
	result = wait_for_second();
	if (result == NULL) {
		printf("attack: exits now\n");
		is_over = true;
		mux_exit(0);
	}
	return result;
}

static const char *all_halt(void)
{
	const char *result;

	start_second(do_nothing);
	result = wait_for_second();
	__asm__ volatile("cli; hlt");
	return result != NULL ? result : "the first vCPU woke up";
}

static const struct attack attacks[] = {
	{"descriptor changed while it is read", race_descriptor, ATTACK_REFUSED},
	{"header changed while it is read", race_header, ATTACK_REFUSED},
	{"available index changed while it is read", race_index, ATTACK_REFUSED},
	{"registers used by two vCPUs at once", race_registers, ATTACK_REFUSED},
	{"start-ups without end", startup_flood, ATTACK_REFUSED},
	{"INIT without end", init_flood, ATTACK_REFUSED},
	{"interrupts to the other vCPU without end", interrupt_flood, ATTACK_REFUSED},
	{"INIT to the first vCPU", init_of_first, ATTACK_HANGS},
	{"triple fault of the second vCPU", fault_of_second, ATTACK_STOPPED},
	{"start-up of the one that exits", startup_of_the_stopped, ATTACK_REFUSED},
	{"all vCPUs halt for good", all_halt, ATTACK_HANGS},
};

const struct attack_family attack_smp = {"smp", attacks, ARRAY_COUNT(attacks)};
