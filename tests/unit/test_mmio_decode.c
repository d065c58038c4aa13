/* SPDX-License-Identifier: MIT */
/*
 * The MOV decoder. Its semantics are compared with this machine's own CPU: every opcode, prefix,
 * REX and register is executed natively against real memory, and decoded and replayed. Lengths are
 * compared with what the assembler made, and with an independent count for every ModRM and SIB.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "hv/mmio_decode.h"

/* --- native execution --- */

enum { RBX = 3, RSP = 4, R11 = 11, REGS = 16 };

struct native {
	uint64_t regs[REGS]; /* RSP unused */
	void *code;
	uint64_t saved_rsp;
};

extern struct native native_state;
struct native native_state;

/* test_mmio_decode_table.S: loads all registers from native_state, calls code, stores them. */
void native_run(void);

static _Alignas(64) uint8_t memory[64];
static uint8_t *code_page;

static uint64_t pattern(uint32_t i)
{
	return 0x8192a3b4c5d6e7f0ULL * (2 * i + 1) ^ 0x00ff00ff80808080ULL;
}

/* Sets registers and memory to known values; RBX and R11 point to the middle of memory. */
static void native_prepare(void)
{
	for (uint32_t i = 0; i < REGS; i++) {
		native_state.regs[i] = pattern(i);
	}
	native_state.regs[RBX] = (uint64_t)(uintptr_t)&memory[32];
	native_state.regs[R11] = (uint64_t)(uintptr_t)&memory[32];
	for (uint32_t i = 0; i < sizeof(memory); i++) {
		memory[i] = (uint8_t)(0x71 * i + 0x8f);
	}
}

/* Runs `bytes` (memory operand at &memory[place]) and replays it by decoder; compares all. */
static void compare_with_cpu(const uint8_t *bytes, size_t length, uint32_t place)
{
	struct mmio_instruction insn;
	uint64_t regs[REGS];
	uint8_t expected[sizeof(memory)];
	uint64_t value = 0;

	assert_int_equal(mmio_decode(bytes, length, true, &insn), 0);
	assert_int_equal(insn.length, length);
	native_prepare();
	memcpy(regs, native_state.regs, sizeof(regs));
	memcpy(expected, memory, sizeof(expected));
	if (insn.is_write) {
		value = mmio_decode_store(&insn, regs[insn.reg]);
		memcpy(&expected[place], &value, insn.size);
	} else {
		memcpy(&value, &expected[place], insn.size);
		regs[insn.reg] = mmio_decode_load(&insn, value);
	}
	memcpy(code_page, bytes, length);
	code_page[length] = 0xc3; /* ret */
	native_state.code = code_page;
	native_run();
	assert_memory_equal(memory, expected, sizeof(memory));
	assert_memory_equal(native_state.regs, regs, sizeof(regs));
}

/* One encoding with [rbx] or [rbx - 8] (with REX.B r11). rex 0: none. */
static void run_encoding(uint8_t opcode, uint8_t rex, uint8_t field, bool has_displacement)
{
	static const uint8_t immediate[] = {0x9a, 0xbc, 0xde, 0xf0};
	uint8_t bytes[16];
	size_t n = 0;

	if (rex != 0) {
		bytes[n++] = rex;
	}
	bytes[n++] = opcode;
	bytes[n++] = (uint8_t)((has_displacement ? 0x40 : 0) | field << 3 | RBX);
	if (has_displacement) {
		bytes[n++] = 0xf8;
	}
	if (opcode == 0xc7) {
		memcpy(&bytes[n], immediate, sizeof(immediate));
		n += sizeof(immediate);
	}
	compare_with_cpu(bytes, n, has_displacement ? 24 : 32);
}

static void test_all_encodings_as_cpu(void **state)
{
	static const uint8_t opcodes[] = {0x89, 0x8b, 0xc7};
	uint32_t count = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(opcodes); i++) {
		for (uint32_t rex = 0x3f; rex <= 0x4f; rex++) {
			for (uint32_t bits = 0; bits < 16; bits++) {
				uint8_t field = bits & 7;

				/* RSP would lose the stack; C7 exists with field 0 only. */
				if ((field == RSP && (rex == 0x3f || (rex & 4) == 0)) ||
				    (opcodes[i] == 0xc7 && field != 0)) {
					continue;
				}
				run_encoding(opcodes[i], rex == 0x3f ? 0 : (uint8_t)rex, field,
					     (bits & 8) != 0);
				count++;
			}
		}
	}
	assert_int_equal(count, 2 * (17 * 16 - 9 * 2) + 17 * 2);
}

/* --- lengths --- */

/* Bytes after ModRM, by the tables of SDM 2A, 2.1.5, written as a table of displacements. */
static size_t operand_length(uint8_t modrm, uint8_t sib)
{
	static const size_t by_mod[] = {0, 1, 4};
	size_t length = by_mod[modrm >> 6];
	bool has_sib = (modrm & 7) == 4;

	if (modrm < 0x40 && ((modrm & 7) == 5 || (has_sib && (sib & 7) == 5))) {
		length = 4;
	}
	return length + (has_sib ? 1 : 0);
}

static void test_length_of_all_operands(void **state)
{
	(void)state;
	for (uint32_t modrm = 0; modrm < 0xc0; modrm++) {
		for (uint32_t sib = 0; sib < 0x100; sib++) {
			for (uint32_t is_64bit = 0; is_64bit < 2; is_64bit++) {
				uint8_t bytes[16] = {0x8b, (uint8_t)modrm, (uint8_t)sib};
				size_t length = 2 + operand_length((uint8_t)modrm, (uint8_t)sib);
				struct mmio_instruction insn;

				assert_int_equal(mmio_decode(bytes, 15, is_64bit, &insn), 0);
				assert_int_equal(insn.length, length);
				assert_int_equal(mmio_decode(bytes, length, is_64bit, &insn), 0);
				for (size_t cut = 0; cut < length; cut++) {
					assert_int_equal(mmio_decode(bytes, cut, is_64bit, &insn),
							 -ENOSYS);
				}
			}
		}
	}
}

/* test_mmio_decode_table.S. Each entry: length byte, then the bytes that the assembler made. */
extern const uint8_t gas_64[];
extern const uint8_t gas_32[];
extern const uint8_t gas_refused[];

static void test_gas_lengths(void **state)
{
	(void)state;
	for (uint32_t is_64bit = 0; is_64bit < 2; is_64bit++) {
		uint32_t count = 0;

		for (const uint8_t *p = is_64bit ? gas_64 : gas_32; *p != 0; p += *p + 1) {
			uint8_t bytes[32] = {0};
			struct mmio_instruction insn;

			memcpy(bytes, p + 1, *p);
			assert_int_equal(mmio_decode(bytes, 15, is_64bit, &insn), 0);
			assert_int_equal(insn.length, *p);
			count++;
		}
		assert_int_equal(count, is_64bit ? 13 : 4);
	}
}

static void test_gas_refused(void **state)
{
	(void)state;
	uint32_t count = 0;

	for (const uint8_t *p = gas_refused; *p != 0; p += *p + 1) {
		struct mmio_instruction insn;

		assert_int_equal(mmio_decode(p + 1, *p, true, &insn), -ENOSYS);
		count++;
	}
	assert_int_equal(count, 37);
}

static void expect_refused(const uint8_t *bytes, size_t count, bool is_64bit)
{
	struct mmio_instruction insn;

	assert_int_equal(mmio_decode(bytes, count, is_64bit, &insn), -ENOSYS);
}

static void test_prefixes(void **state)
{
	(void)state;
	const uint8_t rex_then_fs[] = {0x48, 0x64, 0x8b, 0x03}; /* REX does not count */
	const uint8_t word[] = {0x66, 0x8b, 0x03};
	const uint8_t two_rex[] = {0x48, 0x40, 0x8b, 0x03};
	const uint8_t inc_eax[] = {0x40, 0x8b, 0x03};
	const uint8_t addr16[] = {0x67, 0x8b, 0x03};
	const uint8_t rep[] = {0xf3, 0x8b, 0x03};
	const uint8_t locked[] = {0xf0, 0x89, 0x03};
	uint8_t too_long[16];
	struct mmio_instruction insn;

	assert_int_equal(mmio_decode(rex_then_fs, 4, true, &insn), 0);
	assert_int_equal(insn.size, 4);
	expect_refused(word, sizeof(word), true);
	assert_int_equal(mmio_decode(two_rex, 4, true, &insn), 0);
	assert_int_equal(insn.size, 4);
	expect_refused(inc_eax, sizeof(inc_eax), false);
	expect_refused(addr16, sizeof(addr16), false);
	expect_refused(rep, sizeof(rep), true);
	expect_refused(locked, sizeof(locked), true);
	memset(too_long, 0x64, sizeof(too_long));
	too_long[14] = 0x8b;
	too_long[15] = 0x03;
	expect_refused(too_long, sizeof(too_long), true);
	expect_refused(too_long, 0, true);
}

/* All first opcode bytes but those of the list are refused. */
static void test_other_opcodes(void **state)
{
	(void)state;
	static const char known[] = "\x89\x8b\xc7";
	static const char prefixes[] = "\x26\x2e\x36\x3e\x64\x65";

	for (uint32_t opcode = 1; opcode < 0x100; opcode++) {
		uint8_t bytes[16] = {(uint8_t)opcode, 0x03, 0x90, 0x90};
		struct mmio_instruction insn;
		bool is_known = strchr(known, (int)opcode) != NULL;

		if (strchr(prefixes, (int)opcode) == NULL) {
			assert_int_equal(mmio_decode(bytes, 15, false, &insn),
					 is_known ? 0 : -ENOSYS);
		}
		bytes[0] = 0x0f;
		bytes[1] = (uint8_t)opcode;
		assert_int_equal(mmio_decode(bytes, 15, true, &insn), -ENOSYS);
	}
}

static int setup(void **state)
{
	(void)state;
	code_page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return code_page == MAP_FAILED ? -1 : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_encodings_as_cpu),
		cmocka_unit_test(test_length_of_all_operands),
		cmocka_unit_test(test_gas_lengths),
		cmocka_unit_test(test_gas_refused),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_other_opcodes),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
