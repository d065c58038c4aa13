/* SPDX-License-Identifier: MIT */
#include "hv/mmio_decode.h"

#include <errno.h>

#define INSTRUCTION_MAX 15U /* SDM 2A, 2.3.11 */
#define REX_W		0x8U
#define REX_R		0x4U
#define STORE		0x89U
#define LOAD		0x8bU
#define STORE_IMMEDIATE 0xc7U

/* Bytes not yet decoded. */
struct cursor {
	const uint8_t *bytes;
	size_t count;
	size_t next;
};

/* Little-endian field of `size` bytes. */
static bool take(struct cursor *c, uint32_t size, uint32_t *value)
{
	*value = 0;
	if (size > c->count - c->next) {
		return false;
	}
	for (uint32_t i = 0; i < size; i++) {
		*value |= (uint32_t)c->bytes[c->next++] << (8 * i);
	}
	return true;
}

static bool is_segment_prefix(uint32_t byte)
{
	return (byte & 0xe7U) == 0x26U || byte == 0x64 || byte == 0x65;
}

/* Segment prefixes, REX, and the opcode. A REX counts only right before the opcode. Any other
 * prefix comes back as the opcode, and is refused there. */
static bool take_opcode(struct cursor *c, bool is_64bit, uint32_t *rex, uint32_t *opcode)
{
	*rex = 0;
	while (take(c, 1, opcode)) {
		if (is_64bit && (*opcode & 0xf0U) == 0x40U) {
			*rex = *opcode;
		} else if (is_segment_prefix(*opcode)) {
			*rex = 0;
		} else {
			return true;
		}
	}
	return false;
}

/* Takes ModRM, SIB and displacement of a memory operand (SDM 2A, tables 2-2 and 2-3); `reg` is the
 * plain 3-bit field. */
static bool take_memory_operand(struct cursor *c, uint32_t *reg)
{
	uint32_t modrm;
	uint32_t sib;
	uint32_t base;
	uint32_t displacement;

	if (!take(c, 1, &modrm) || modrm >> 6 == 3) {
		return false;
	}
	*reg = (modrm >> 3) & 7U;
	base = modrm & 7U;
	if (base == 4) {
		if (!take(c, 1, &sib)) {
			return false;
		}
		base = sib & 7U;
	}
	if (modrm >> 6 == 1) {
		return take(c, 1, &displacement);
	}
	/* mod 0 with base 5: disp32, or RIP-relative. REX.B does not matter for that. */
	return modrm >> 6 == 2 || base == 5 ? take(c, 4, &displacement) : true;
}

int mmio_decode(const uint8_t *bytes, size_t count, bool is_64bit, struct mmio_instruction *out)
{
	struct cursor c = {.bytes = bytes, .count = (size_t)min_u64(count, INSTRUCTION_MAX)};
	uint32_t rex;
	uint32_t opcode;
	uint32_t reg;
	uint32_t immediate = 0;

	if (!take_opcode(&c, is_64bit, &rex, &opcode) ||
	    (opcode != STORE && opcode != LOAD && opcode != STORE_IMMEDIATE) ||
	    !take_memory_operand(&c, &reg)) {
		return -ENOSYS;
	}
	if (opcode == STORE_IMMEDIATE && (reg != 0 || !take(&c, 4, &immediate))) {
		return -ENOSYS;
	}
	*out = (struct mmio_instruction){
		.length = (uint8_t)c.next,
		.is_write = opcode != LOAD,
		.size = (rex & REX_W) != 0 ? 8 : 4,
		.has_immediate = opcode == STORE_IMMEDIATE,
		.immediate = (uint64_t)(int64_t)(int32_t)immediate,
		.reg = (uint8_t)(reg | ((rex & REX_R) != 0 ? 8U : 0U)),
	};
	return 0;
}

uint64_t mmio_decode_store(const struct mmio_instruction *instruction, uint64_t reg)
{
	uint64_t value = instruction->has_immediate ? instruction->immediate : reg;

	return mmio_decode_load(instruction, value);
}

uint64_t mmio_decode_load(const struct mmio_instruction *instruction, uint64_t value)
{
	return instruction->size == 8 ? value : (uint32_t)value;
}
