/* SPDX-License-Identifier: MIT */
#include "hv/mmio_decode.h"

#include <errno.h>

#define INSTRUCTION_MAX 15U /* SDM 2A, 2.3.11 */
#define REX_W		0x8U
#define REX_R		0x4U

/* Bytes not yet decoded, and what the prefixes said. */
struct cursor {
	const uint8_t *bytes;
	size_t count;
	size_t next;
	bool is_64bit;
	bool has_operand_prefix; /* 66 */
	bool has_address_prefix; /* 67 */
	bool has_rex;
	uint8_t rex;
};

static bool take(struct cursor *c, uint8_t *byte)
{
	if (c->next >= c->count) {
		return false;
	}
	*byte = c->bytes[c->next++];
	return true;
}

/* Little-endian field of `size` bytes. */
static bool take_field(struct cursor *c, uint32_t size, uint64_t *value)
{
	*value = 0;
	for (uint32_t i = 0; i < size; i++) {
		uint8_t byte;

		if (!take(c, &byte)) {
			return false;
		}
		*value |= (uint64_t)byte << (8 * i);
	}
	return true;
}

static bool skip(struct cursor *c, uint32_t size)
{
	uint64_t ignored;

	return take_field(c, size, &ignored);
}

static bool is_segment_prefix(uint8_t byte)
{
	return (byte & 0xe7U) == 0x26U || byte == 0x64 || byte == 0x65;
}

/* Takes prefixes and the first opcode byte. A REX counts only right before the opcode. LOCK, REPNE
 * and REP come back as the opcode, and are refused there. */
static bool take_opcode(struct cursor *c, uint8_t *opcode)
{
	while (take(c, opcode)) {
		if (c->is_64bit && (*opcode & 0xf0U) == 0x40U) {
			c->has_rex = true;
			c->rex = *opcode;
			continue;
		}
		if (*opcode == 0x66) {
			c->has_operand_prefix = true;
		} else if (*opcode == 0x67) {
			c->has_address_prefix = true;
		} else if (!is_segment_prefix(*opcode)) {
			return true;
		}
		c->has_rex = false;
		c->rex = 0;
	}
	return false;
}

/* 2, 4 or 8 by prefixes (SDM 2A, 2.2.1.2: REX.W wins). */
static uint8_t operand_size(const struct cursor *c)
{
	if ((c->rex & REX_W) != 0) {
		return 8;
	}
	return c->has_operand_prefix ? 2 : 4;
}

/* Takes ModRM, SIB and displacement of a memory operand (SDM 2A, tables 2-2 and 2-3); `reg` is the
 * plain 3-bit field. */
static bool take_memory_operand(struct cursor *c, uint8_t *reg)
{
	uint8_t modrm;
	uint8_t mod;
	uint8_t base;

	if (!take(c, &modrm) || modrm >> 6 == 3) {
		return false;
	}
	mod = modrm >> 6;
	base = modrm & 7U;
	*reg = (modrm >> 3) & 7U;
	if (base == 4) {
		uint8_t sib;

		if (!take(c, &sib)) {
			return false;
		}
		base = sib & 7U;
	}
	if (mod == 1) {
		return skip(c, 1);
	}
	/* mod 0 with base 5: disp32, or RIP-relative. REX.B does not matter for that. */
	return mod == 2 || base == 5 ? skip(c, 4) : true;
}

/* Register operand of `size` bytes. */
static void set_register(const struct cursor *c, uint8_t field, uint8_t size,
			 struct mmio_instruction *out)
{
	if (size == 1 && !c->has_rex && field >= 4) {
		out->is_high_byte = true;
		out->reg = (uint8_t)(field - 4U);
		return;
	}
	out->reg = (uint8_t)(field | ((c->rex & REX_R) != 0 ? 8U : 0U));
}

/* 88, 89, 8A, 8B: bit 0 is the width, bit 1 the direction. */
static bool decode_move(struct cursor *c, uint8_t opcode, struct mmio_instruction *out)
{
	uint8_t field;

	if (!take_memory_operand(c, &field)) {
		return false;
	}
	out->size = (opcode & 1U) != 0 ? operand_size(c) : 1;
	out->result_size = out->size;
	out->is_write = (opcode & 2U) == 0;
	set_register(c, field, out->size, out);
	return true;
}

/* A0-A3: accumulator and an address of full address size in the instruction. */
static bool decode_move_offset(struct cursor *c, uint8_t opcode, struct mmio_instruction *out)
{
	out->size = (opcode & 1U) != 0 ? operand_size(c) : 1;
	out->result_size = out->size;
	out->is_write = (opcode & 2U) != 0;
	return skip(c, c->is_64bit && !c->has_address_prefix ? 8 : 4);
}

/* C6 /0, C7 /0: the immediate has at most 32 bits and is sign-extended. */
static bool decode_move_immediate(struct cursor *c, uint8_t opcode, struct mmio_instruction *out)
{
	uint8_t field;

	if (!take_memory_operand(c, &field) || field != 0) {
		return false;
	}
	out->size = (opcode & 1U) != 0 ? operand_size(c) : 1;
	out->is_write = true;
	out->has_immediate = true;
	if (!take_field(c, out->size == 8 ? 4 : out->size, &out->immediate)) {
		return false;
	}
	if (out->size == 8) {
		out->immediate = (uint64_t)(int64_t)(int32_t)(uint32_t)out->immediate;
	}
	return true;
}

/* 0F B6, B7, BE, BF. */
static bool decode_move_extended(struct cursor *c, struct mmio_instruction *out)
{
	uint8_t opcode;
	uint8_t field;

	if (!take(c, &opcode) || (opcode & 0xf6U) != 0xb6U || !take_memory_operand(c, &field)) {
		return false;
	}
	out->size = (opcode & 1U) != 0 ? 2 : 1;
	out->result_size = operand_size(c);
	out->is_sign_extended = (opcode & 8U) != 0;
	set_register(c, field, out->result_size, out);
	return true;
}

static bool decode_opcode(struct cursor *c, uint8_t opcode, struct mmio_instruction *out)
{
	switch (opcode) {
	case 0x88:
	case 0x89:
	case 0x8a:
	case 0x8b: return decode_move(c, opcode, out);
	case 0xa0:
	case 0xa1:
	case 0xa2:
	case 0xa3: return decode_move_offset(c, opcode, out);
	case 0xc6:
	case 0xc7: return decode_move_immediate(c, opcode, out);
	case 0x0f: return decode_move_extended(c, out);
	default: return false;
	}
}

int mmio_decode(const uint8_t *bytes, size_t count, bool is_64bit, struct mmio_instruction *out)
{
	struct cursor c = {
		.bytes = bytes,
		.count = (size_t)min_u64(count, INSTRUCTION_MAX),
		.is_64bit = is_64bit,
	};
	uint8_t opcode;

	*out = (struct mmio_instruction){0};
	if (!take_opcode(&c, &opcode)) {
		return -ENOSYS;
	}
	if (c.has_address_prefix && !is_64bit) {
		return -ENOSYS; /* 16-bit addressing */
	}
	if (!decode_opcode(&c, opcode, out)) {
		return -ENOSYS;
	}
	out->length = (uint8_t)c.next;
	return 0;
}

static uint64_t size_mask(uint8_t size)
{
	return size >= 8 ? UINT64_MAX : (1ULL << (8U * size)) - 1;
}

uint64_t mmio_decode_store(const struct mmio_instruction *instruction, uint64_t reg)
{
	if (instruction->has_immediate) {
		return instruction->immediate;
	}
	if (instruction->is_high_byte) {
		reg >>= 8;
	}
	return reg & size_mask(instruction->size);
}

uint64_t mmio_decode_load(const struct mmio_instruction *instruction, uint64_t reg, uint64_t value)
{
	uint64_t mask = size_mask(instruction->result_size);

	value &= size_mask(instruction->size);
	if (instruction->is_sign_extended) {
		uint64_t sign = 1ULL << (8U * instruction->size - 1U);

		value = (value ^ sign) - sign;
	}
	if (instruction->is_high_byte) {
		return (reg & ~0xff00ULL) | value << 8;
	}
	if (instruction->result_size == 4) {
		return value & mask;
	}
	return (reg & ~mask) | (value & mask);
}
