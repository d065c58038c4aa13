/* SPDX-License-Identifier: MIT */
/* Prefixes and opcodes of the instructions that exit (AMD APM vol. 3, 1.2 and each one's page). */
#include "arch/x86_64/svm/instruction.h"

#include <errno.h>

#define LENGTH_MAX 15U
#define REX_R	   0x4U
#define REX_B	   0x1U

struct opcode {
	uint8_t length;
	uint8_t bytes[3];
};

static const struct opcode opcodes[] = {
	[INSTRUCTION_CPUID] = {2, {0x0f, 0xa2}},
	[INSTRUCTION_HLT] = {1, {0xf4}},
	[INSTRUCTION_RDMSR] = {2, {0x0f, 0x32}},
	[INSTRUCTION_WRMSR] = {2, {0x0f, 0x30}},
	[INSTRUCTION_VMMCALL] = {3, {0x0f, 0x01, 0xd9}},
	[INSTRUCTION_INVD] = {2, {0x0f, 0x08}},
	[INSTRUCTION_WBINVD] = {2, {0x0f, 0x09}},
	[INSTRUCTION_XSETBV] = {3, {0x0f, 0x01, 0xd1}},
	[INSTRUCTION_READ_CR] = {2, {0x0f, 0x20}},
	[INSTRUCTION_WRITE_CR] = {2, {0x0f, 0x22}},
};
static const struct opcode lmsw = {2, {0x0f, 0x01}};

struct prefixes {
	uint32_t length;
	bool has_lock;
	uint8_t rex;
};

static bool is_legacy_prefix(uint8_t byte)
{
	return (byte & 0xe7U) == 0x26U || (byte >= 0x64 && byte <= 0x67) || byte == 0xf0 ||
	       byte == 0xf2 || byte == 0xf3;
}

/* A REX prefix counts only right before the opcode (APM 3, 1.2.7). */
static struct prefixes take_prefixes(const uint8_t *bytes, uint32_t count, bool is_64bit)
{
	struct prefixes p = {0};

	for (; p.length < count; p.length++) {
		uint8_t byte = bytes[p.length];

		if (is_64bit && (byte & 0xf0U) == 0x40U) {
			p.rex = byte;
		} else if (is_legacy_prefix(byte)) {
			p.rex = 0;
			p.has_lock = p.has_lock || byte == 0xf0;
		} else {
			break;
		}
	}
	return p;
}

static bool is_opcode(const uint8_t *bytes, uint32_t count, const struct opcode *opcode)
{
	if (count < opcode->length) {
		return false;
	}
	for (uint32_t i = 0; i < opcode->length; i++) {
		if (bytes[i] != opcode->bytes[i]) {
			return false;
		}
	}
	return true;
}

/* MOV to and from CRn takes the ModRM byte's mod field as 3 whatever it is; LOCK stands for REX.R,
 * which 32-bit code lacks (APM 3, MOV CRn). LMSW is 0F 01 /6, here with a register. */
static int take_cr_operands(const uint8_t *bytes, uint32_t count, const struct prefixes *p,
			    bool is_lmsw, struct instruction *out)
{
	uint8_t modrm;

	if (count < 3) {
		return -EINVAL;
	}
	modrm = bytes[2];
	out->reg = (uint8_t)((modrm & 7U) | ((p->rex & REX_B) != 0 ? 8U : 0));
	out->is_lmsw = is_lmsw;
	if (is_lmsw) {
		out->cr = 0;
		return (modrm & 0xf8U) == 0xf0U ? 0 : -EINVAL;
	}
	out->cr = (uint8_t)((modrm >> 3 & 7U) | ((p->rex & REX_R) != 0 || p->has_lock ? 8U : 0));
	return 0;
}

int instruction_decode(const uint8_t *bytes, uint32_t count, bool is_64bit,
		       enum instruction_kind kind, struct instruction *out)
{
	struct prefixes p = take_prefixes(bytes, count, is_64bit);
	const struct opcode *opcode = &opcodes[kind];
	bool is_cr = kind == INSTRUCTION_READ_CR || kind == INSTRUCTION_WRITE_CR;
	bool is_lmsw = false;

	*out = (struct instruction){0};
	bytes += p.length;
	count -= p.length;
	if (!is_opcode(bytes, count, opcode)) {
		is_lmsw = kind == INSTRUCTION_WRITE_CR && is_opcode(bytes, count, &lmsw);
		if (!is_lmsw) {
			return -EINVAL;
		}
	}
	if (is_cr && take_cr_operands(bytes, count, &p, is_lmsw, out) != 0) {
		return -EINVAL;
	}
	out->length = (uint8_t)(p.length + opcode->length + (is_cr ? 1 : 0));
	return out->length <= LENGTH_MAX ? 0 : -EINVAL;
}
