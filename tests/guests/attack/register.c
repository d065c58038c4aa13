// SPDX-License-Identifier: MIT
/*
 * Registers of the device and its configuration space used wrongly, and both with random values.
 */
#include "tests/guests/attack/attack.h"
#include "tests/guests/attack/raw.h"

#include <stdio.h>
#include <string.h>

#define CONFIG_ADDRESS 0xcf8U
#define CONFIG_DATA    0xcfcU
#define DEVICE	       0x80000800U
#define BAR0	       0x10U
#define BAR1	       0x14U
#define MSIX	       0x40U
#define WINDOW	       0x94U /* VIRTIO_PCI_CAP_PCI_CFG */
#define RANDOM_WRITES  5000U
#define RANDOM_RINGS   100U

static uint64_t state = 0x9e3779b97f4a7c15ULL;

static uint64_t random_word(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static void config_write(uint32_t offset, uint32_t value)
{
	attack_out32(CONFIG_ADDRESS, DEVICE | offset);
	attack_out32(CONFIG_DATA, value);
}

static uint32_t config_read(uint32_t offset)
{
	attack_out32(CONFIG_ADDRESS, DEVICE | offset);
	return attack_in32(CONFIG_DATA);
}

/* It starts and takes a packet as ever. */
static const char *works(void)
{
	struct virtio_vsock_packet packet = raw_packet(900, 1, VIRTIO_VSOCK_OP_REQUEST);
	struct virtio_vsock_packet answer;

	raw_start(RAW_FEATURES);
	if (raw_status() != RAW_STATUS_OK) {
		return "the device does not start any more";
	}
	while (raw_receive(&answer)) { /* late answers to what was sent before */
	}
	if (!raw_send(&packet, 0)) {
		return "the device takes no packet any more";
	}
	return raw_receive(&answer) ? NULL : "no packet arrives any more";
}

static const char *wrong_widths(void)
{
	raw_negotiate(RAW_FEATURES);
	for (uint16_t offset = 0; offset < 0x40; offset++) {
		if (offset == 0x14) {
			continue;
		}
		attack_out8((uint16_t)(RAW_IO_BAR + offset), 0xff);
		attack_in8((uint16_t)(RAW_IO_BAR + offset));
	}
	attack_out16(RAW_STATUS, 0);
	attack_out32(RAW_STATUS, 0);
	attack_out32(RAW_QUEUE_SELECT, 0x00010001);
	attack_out16(RAW_DRIVER_FEATURE, 0xffff);
	attack_out32(RAW_QUEUE_ENABLE, 1);
	return raw_status() == RAW_STATUS_READY ? works() : "a wrong width got through";
}

static const char *odd_queues(void)
{
	static const uint16_t sizes[] = {0, 3, 129, 255, 256, 0x8000, 0xffff};

	raw_negotiate(RAW_FEATURES);
	for (uint32_t queue = 3; queue < 0x10000; queue = queue * 2 + 1) {
		raw_enable((uint16_t)queue, RAW_SIZE, 0x200000, 0x201000, 0x202000);
		if (attack_in16(RAW_QUEUE_ENABLE) != 0 || attack_in16(RAW_QUEUE_SIZE) != 0) {
			return "a queue that does not exist";
		}
	}
	attack_out16(RAW_QUEUE_SELECT, RAW_TX);
	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
		attack_out16(RAW_QUEUE_SIZE, sizes[i]);
		if (attack_in16(RAW_QUEUE_SIZE) != 128) {
			return "a bad size was taken";
		}
	}
	for (uint32_t queue = 0; queue < 3; queue++) {
		attack_out16((uint16_t)(RAW_NOTIFY + 4 * queue), 0); /* before DRIVER_OK */
	}
	return works();
}

/* A ring that was enabled stays where it is. */
static const char *moved_ring(void)
{
	raw_start(RAW_FEATURES);
	raw_enable(RAW_TX, RAW_SIZE, 0x3e000000, RAW_MEMORY_BAR, 0x3e002000);
	raw_enable(RAW_RX, RAW_SIZE, 0x3e000000, RAW_MEMORY_BAR, 0x3e002000);
	attack_out16(RAW_QUEUE_SELECT, RAW_TX);
	if (attack_in32(RAW_QUEUE_DESCRIPTORS) == 0x3e000000 || raw_status() != RAW_STATUS_OK) {
		return "the ring was moved";
	}
	return works();
}

static const char *odd_features(void)
{
	static const uint64_t features[] = {0,
					    3,
					    ~0ULL,
					    0x100000003ULL | 1ULL << 34,
					    0x100000003ULL | 1ULL << 63,
					    0x100000004ULL,
					    0x100000003ULL | 1ULL << 40};

	for (size_t i = 0; i < ARRAY_COUNT(features); i++) {
		raw_negotiate(features[i]);
		if ((raw_status() & 8) != 0) {
			return "bad features were taken";
		}
		raw_enable_all();
		attack_out8(RAW_STATUS, RAW_STATUS_OK);
		if ((raw_status() & 4) != 0) {
			return "DRIVER_OK without FEATURES_OK";
		}
	}
	raw_negotiate(RAW_FEATURES);
	for (uint32_t select = 2; select != 0; select = select * 2) {
		attack_out32(RAW_DRIVER_FEATURE_SELECT, select);
		attack_out32(RAW_DRIVER_FEATURE, 0xffffffffU);
		attack_out32(RAW_DEVICE_FEATURE_SELECT, select);
		if (attack_in32(RAW_DEVICE_FEATURE) != 0) {
			return "features beyond 64";
		}
	}
	return works();
}

static const char *reset_in_flight(void)
{
	struct virtio_vsock_packet packet = raw_packet(22, 9000, VIRTIO_VSOCK_OP_REQUEST);

	for (uint16_t i = 0; i < 50; i++) {
		raw_start(RAW_FEATURES);
		packet.source_port = 200U + i;
		memcpy(raw_out, &packet, sizeof(packet));
		for (uint16_t head = 0; head < RAW_SIZE; head++) {
			raw_describe(RAW_TX, head, (uint64_t)(uintptr_t)raw_out, 44, 0, 0);
			raw_give(RAW_TX, head);
		}
	}
	return works();
}

/* BARs over other devices' ports, RAM, the local APIC and each other decode nothing there. */
static const char *moved_bars(void)
{
	static const uint32_t ports[] = {0, 0x300, 0x3f8, 0xc00, 0xcf8, 0xff00};
	static const uint32_t places[] = {0,	      0x100000,	  0x200000,   0x3ff000,	 0x3e000000,
					  0xbffff000, 0xfec00000, 0xfee00000, 0xfffff000};
	volatile uint32_t *ram = (volatile uint32_t *)0x200000;
	const char *result;

	raw_decode(true);
	for (size_t i = 0; i < ARRAY_COUNT(places); i++) {
		config_write(BAR1, places[i]);
		*ram = 0x12345678;
		if (*ram != 0x12345678) {
			return "the BAR hides RAM";
		}
	}
	for (size_t i = 0; i < ARRAY_COUNT(ports); i++) {
		config_write(BAR0, ports[i]);
		attack_out32(CONFIG_ADDRESS, DEVICE);
		if (attack_in32(CONFIG_DATA) != 0x10531af4) {
			return "the BAR hides PCI";
		}
		for (uint16_t offset = 0; offset < 256; offset += 4) {
			if (ports[i] == 0xff00 || ports[i] == 0) {
				attack_out32((uint16_t)(ports[i] + offset), 0x41414141);
			}
		}
	}
	config_write(BAR0, RAW_IO_BAR);
	config_write(BAR1, (uint32_t)RAW_MEMORY_BAR);
	raw_reset();
	result = works();
	return result;
}

static const char *odd_window(void)
{
	static const uint32_t lengths[] = {0, 1, 2, 3, 4, 8, 0x80000000U, 0xffffffffU};
	static const uint32_t offsets[] = {1, 0x14, 0xc4, 0xff, 0x100, 0xfff, 0xfffffffcU};

	for (uint32_t bar = 0; bar < 8; bar++) {
		for (size_t l = 0; l < ARRAY_COUNT(lengths); l++) {
			for (size_t o = 0; o < ARRAY_COUNT(offsets); o++) {
				config_write(WINDOW + 4, bar == 7 ? 255 : bar);
				config_write(WINDOW + 8, offsets[o]);
				config_write(WINDOW + 12, lengths[l]);
				config_write(WINDOW + 16, 0xffffffffU);
				config_read(WINDOW + 16);
				attack_out8(CONFIG_DATA + 1, 0xff);
				attack_in16(CONFIG_DATA + 2);
			}
		}
	}
	return works();
}

/* MSI-X messages to whomever, in every delivery mode: they stay in the partition. */
static const char *odd_messages(void)
{
	static const uint32_t addresses[] = {0xfee00000, 0xfeeff000, 0xfee01000, 0xfee00004, 0,
					     0x3e000000, 0xfed00000, 0xfeefffff, 0xfffffffc};

	raw_decode(true);
	config_write(MSIX, 0x80000000U);
	for (size_t i = 0; i < ARRAY_COUNT(addresses); i++) {
		for (uint32_t data = 0; data < 0x1000; data += 0x111) {
			struct virtio_vsock_packet packet =
				raw_packet(900, 1, VIRTIO_VSOCK_OP_REQUEST);

			__asm__ volatile("cli; movl %0, (%1)"
					 :
					 : "r"(addresses[i]), "r"(RAW_MEMORY_BAR)
					 : "memory");
			__asm__ volatile("movl %0, (%1)"
					 :
					 : "r"(i % 2 == 0 ? 0 : ~0U), "r"(RAW_MEMORY_BAR + 4)
					 : "memory");
			__asm__ volatile("movl %0, (%1)"
					 :
					 : "r"(data | 0x20), "r"(RAW_MEMORY_BAR + 8)
					 : "memory");
			__asm__ volatile("movl %0, (%1)"
					 :
					 : "r"(0), "r"(RAW_MEMORY_BAR + 12)
					 : "memory");
			if (data == 0) {
				raw_start(RAW_FEATURES);
				attack_out16(RAW_QUEUE_SELECT, RAW_RX);
				attack_out16(RAW_QUEUE_VECTOR, 0);
				attack_out16(RAW_QUEUE_SELECT, RAW_TX);
				attack_out16(RAW_QUEUE_VECTOR, 0);
			}
			raw_send(&packet, 0);
			raw_receive(&packet);
		}
	}
	config_write(MSIX, 0);
	return works();
}

/* Anything at all to the ports that mean something. */
static const char *random_registers(void)
{
	__asm__ volatile("cli");
	for (uint32_t i = 0; i < RANDOM_WRITES; i++) {
		uint64_t word = random_word();
		uint32_t value = (uint32_t)(word >> 32);
		uint16_t port = (uint16_t)(RAW_IO_BAR + (word & 0xff));

		if ((word >> 8 & 7) == 0) {
			attack_out32(CONFIG_ADDRESS, DEVICE | (value & 0xfc));
			port = (uint16_t)(CONFIG_DATA + (word & 3));
		} else if ((word >> 8 & 7) == 1) {
			value &= 0x3fffff; /* an address in RAM, or a small number */
		} else if ((word >> 8 & 7) == 2) {
			value &= 0xf;
		}
		switch (word >> 11 & 3) {
		case 0: attack_out8(port, (uint8_t)value); break;
		case 1: attack_out16(port, (uint16_t)value); break;
		case 2: attack_out32(port, value); break;
		default: attack_in32(port); break;
		}
	}
	config_write(BAR0, RAW_IO_BAR);
	config_write(BAR1, (uint32_t)RAW_MEMORY_BAR);
	raw_decode(true);
	return works();
}

static uint64_t random_address(void)
{
	static const uint64_t bases[] = {0,	     0x100000,	    0x200000,	   0x3fff00,
					 0x3e000000, 0xe0000000ULL, 0xfee00000ULL, ~0xffULL};
	uint64_t word = random_word();

	return (word & 7) < 5 ? (uint64_t)(uintptr_t)raw_out + (word >> 8 & 0xff)
			      : bases[word >> 3 & 7] + (word >> 8 & 0xff);
}

static void random_descriptor(volatile struct raw_desc *desc, uint16_t direction)
{
	static const uint32_t lengths[] = {0,	1,    8,     43,       44,	    45,
					   100, 4096, 65580, 0x100000, 0x7fffffffU, 0xffffffffU,
					   44,	64,   1000,  16};
	uint64_t word = random_word();

	desc->address = random_address();
	desc->length = lengths[word & 15];
	desc->flags = (word >> 4 & 7) < 5 ? direction | (word >> 7 & 1) : word >> 8 & 7;
	desc->next = (word >> 16 & 7) < 6 ? word >> 20 & 15 : (uint16_t)(word >> 32);
}

/* Anything at all in the rings. */
static const char *random_rings(void)
{
	for (uint32_t i = 0; i < RANDOM_RINGS; i++) {
		struct virtio_vsock_packet packet = raw_packet(22, 9000, 5);

		raw_start(RAW_FEATURES | (i % 2 == 0 ? RAW_FEATURE_INDIRECT : 0) |
			  (i % 3 == 0 ? RAW_FEATURE_EVENT : 0));
		packet.operation = (uint16_t)(random_word() & 7);
		packet.length = (uint32_t)random_word() & 0x3ff;
		packet.destination_cid = (random_word() & 3) == 0 ? random_word() & 31 : 22;
		memcpy(raw_out, &packet, sizeof(packet));
		for (uint16_t d = 0; d < RAW_SIZE; d++) {
			random_descriptor(&raw_queues[RAW_TX].desc[d], 0);
			if (i % 4 == 0) {
				random_descriptor(&raw_queues[RAW_RX].desc[d], RAW_WRITE);
			}
		}
		/* raw_out itself serves as an indirect table. */
		for (uint16_t d = 4; d < 32; d++) {
			random_descriptor((volatile struct raw_desc *)(void *)raw_out + d, 0);
		}
		for (uint16_t head = 0; head < RAW_SIZE; head++) {
			raw_give(RAW_TX,
				 (random_word() & 31) == 0 ? (uint16_t)random_word() : head);
		}
		if ((random_word() & 7) == 0) {
			raw_queues[random_word() & 1].avail_index = (uint16_t)random_word();
			raw_kick(RAW_TX);
			raw_kick(RAW_RX);
		}
	}
	return works();
}

static const struct attack attacks[] = {
	{"registers of wrong widths", wrong_widths, ATTACK_REFUSED},
	{"queues that do not exist, sizes that are none", odd_queues, ATTACK_REFUSED},
	{"ring moved while enabled", moved_ring, ATTACK_REFUSED},
	{"features that are not offered", odd_features, ATTACK_REFUSED},
	{"reset with packets in flight", reset_in_flight, ATTACK_REFUSED},
	{"BARs moved over everything", moved_bars, ATTACK_REFUSED},
	{"configuration access window", odd_window, ATTACK_REFUSED},
	{"interrupt messages to everywhere", odd_messages, ATTACK_REFUSED},
	{"random registers", random_registers, ATTACK_REFUSED},
	{"random rings", random_rings, ATTACK_REFUSED},
};

const struct attack_family attack_register = {"register", attacks, ARRAY_COUNT(attacks)};
