/* SPDX-License-Identifier: MIT */
/*
 * CRC-32C by the CRC32 instruction of SSE4.2 (Intel SDM 2A, CRC32), which works on general
 * registers. Every CPU with EPT and unrestricted guest has it; the bitwise form is for old build
 * machines.
 */
#include "hv/crc32c.h"

#include <cpuid.h>
#include <stdbool.h>

#define POLYNOMIAL_REFLECTED 0x82f63b78U

static bool crc32c_has_instruction(void)
{
	uint32_t eax, ebx, ecx, edx;

	return __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_SSE4_2) != 0;
}

static uint64_t crc32c_step_byte(uint64_t state, uint8_t value)
{
	__asm__("crc32b %1, %0" : "+r"(state) : "rm"(value));
	return state;
}

static uint64_t crc32c_step_word(uint64_t state, uint64_t value)
{
	__asm__("crc32q %1, %0" : "+r"(state) : "rm"(value));
	return state;
}

static uint32_t crc32c_by_instruction(uint32_t crc, const uint8_t *bytes, size_t size)
{
	uint64_t state = ~crc;

	for (; size > 0 && ((uintptr_t)bytes & 7) != 0; size--) {
		state = crc32c_step_byte(state, *bytes++);
	}
	/* 32 bytes a turn: the blob may have 100 MiB, and emulators pay for every instruction. */
	for (; size >= 32; size -= 32, bytes += 32) {
		const uint64_t *words = __builtin_assume_aligned(bytes, 8);

		state = crc32c_step_word(state, words[0]);
		state = crc32c_step_word(state, words[1]);
		state = crc32c_step_word(state, words[2]);
		state = crc32c_step_word(state, words[3]);
	}
	for (; size > 0; size--) {
		state = crc32c_step_byte(state, *bytes++);
	}
	return ~(uint32_t)state;
}

uint32_t crc32c_bitwise(uint32_t crc, const void *data, size_t size)
{
	const uint8_t *bytes = data;

	crc = ~crc;
	for (size_t i = 0; i < size; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++) {
			crc = (crc >> 1) ^ (POLYNOMIAL_REFLECTED & (0U - (crc & 1)));
		}
	}
	return ~crc;
}

uint32_t crc32c(uint32_t crc, const void *data, size_t size)
{
	if (crc32c_has_instruction()) {
		return crc32c_by_instruction(crc, data, size);
	}
	return crc32c_bitwise(crc, data, size);
}
