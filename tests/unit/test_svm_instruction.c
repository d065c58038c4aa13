/* SPDX-License-Identifier: MIT */
/*
 * The decoder of instructions that exit on AMD-V. The assembler is the judge: it makes the bytes,
 * and the labels around them tell the length. Cut and altered bytes must be refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include "arch/x86_64/svm/instruction.h"

#define ARRAY_COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define LENGTH_MAX     15U

/* The bytes of `text`, from `name` to `name`_end. */
#define CODE(name, mode, text)                                                             \
	extern const uint8_t name[], name##_end[];                                         \
	__asm__(".pushsection .rodata\n" mode "\n" #name ":\n\t" text "\n" #name "_end:\n" \
		".code64\n.popsection")

CODE(code_cpuid, ".code64", "cpuid");
CODE(code_cpuid_prefixed, ".code64", ".byte 0x66, 0x2e, 0x48; cpuid");
CODE(code_hlt, ".code64", "hlt");
CODE(code_rdmsr, ".code64", "rdmsr");
CODE(code_wrmsr, ".code64", "wrmsr");
CODE(code_vmmcall, ".code64", "vmmcall");
CODE(code_invd, ".code64", "invd");
CODE(code_wbinvd, ".code64", "wbinvd");
CODE(code_wbnoinvd, ".code64", "wbnoinvd");
CODE(code_xsetbv, ".code64", "xsetbv");
CODE(code_to_cr0, ".code64", "mov %rax, %cr0");
CODE(code_to_cr4, ".code64", "mov %r15, %cr4");
CODE(code_to_cr8, ".code64", "mov %rsp, %cr8");
CODE(code_from_cr8, ".code64", "mov %cr8, %r9");
CODE(code_lmsw, ".code64", "lmsw %bx");
CODE(code_lmsw_high, ".code64", "lmsw %r11w");
CODE(code_to_cr0_32, ".code32", "mov %ebx, %cr0");
CODE(code_cpuid_32, ".code32", "cpuid");
CODE(code_inc_32, ".code32", "inc %eax; cpuid");
CODE(code_to_cr8_32, ".code32", ".byte 0xf0; mov %ecx, %cr0");
CODE(code_lmsw_memory, ".code64", "lmsw (%rbx)");
CODE(code_invlpg, ".code64", "invlpg (%rbx)");
CODE(code_rex_not_last, ".code64", ".byte 0x44, 0x66; mov %rbx, %cr0");

static const struct good {
	const uint8_t *start, *end;
	enum instruction_kind kind;
	bool is_32bit;
	uint8_t cr, reg;
	bool is_lmsw;
} good[] = {
	{code_cpuid, code_cpuid_end, INSTRUCTION_CPUID, false, 0, 0, false},
	{code_cpuid_prefixed, code_cpuid_prefixed_end, INSTRUCTION_CPUID, false, 0, 0, false},
	{code_hlt, code_hlt_end, INSTRUCTION_HLT, false, 0, 0, false},
	{code_rdmsr, code_rdmsr_end, INSTRUCTION_RDMSR, false, 0, 0, false},
	{code_wrmsr, code_wrmsr_end, INSTRUCTION_WRMSR, false, 0, 0, false},
	{code_vmmcall, code_vmmcall_end, INSTRUCTION_VMMCALL, false, 0, 0, false},
	{code_invd, code_invd_end, INSTRUCTION_INVD, false, 0, 0, false},
	{code_wbinvd, code_wbinvd_end, INSTRUCTION_WBINVD, false, 0, 0, false},
	{code_wbnoinvd, code_wbnoinvd_end, INSTRUCTION_WBINVD, false, 0, 0, false},
	{code_xsetbv, code_xsetbv_end, INSTRUCTION_XSETBV, false, 0, 0, false},
	{code_to_cr0, code_to_cr0_end, INSTRUCTION_WRITE_CR, false, 0, 0, false},
	{code_to_cr4, code_to_cr4_end, INSTRUCTION_WRITE_CR, false, 4, 15, false},
	{code_to_cr8, code_to_cr8_end, INSTRUCTION_WRITE_CR, false, 8, 4, false},
	{code_from_cr8, code_from_cr8_end, INSTRUCTION_READ_CR, false, 8, 9, false},
	{code_lmsw, code_lmsw_end, INSTRUCTION_WRITE_CR, false, 0, 3, true},
	{code_lmsw_high, code_lmsw_high_end, INSTRUCTION_WRITE_CR, false, 0, 11, true},
	{code_to_cr0_32, code_to_cr0_32_end, INSTRUCTION_WRITE_CR, true, 0, 3, false},
	{code_cpuid_32, code_cpuid_32_end, INSTRUCTION_CPUID, true, 0, 0, false},
	{code_to_cr8_32, code_to_cr8_32_end, INSTRUCTION_WRITE_CR, true, 8, 1, false},
	{code_rex_not_last, code_rex_not_last_end, INSTRUCTION_WRITE_CR, false, 0, 3, false},
};

static int decode(const struct good *g, uint32_t count, struct instruction *out)
{
	return instruction_decode(g->start, count, !g->is_32bit, g->kind, out);
}

static void test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(good); i++) {
		struct instruction out;

		assert_int_equal(decode(&good[i], LENGTH_MAX, &out), 0);
		assert_int_equal(out.length, good[i].end - good[i].start);
		assert_int_equal(out.cr, good[i].cr);
		assert_int_equal(out.reg, good[i].reg);
		assert_int_equal(out.is_lmsw, good[i].is_lmsw);
	}
}

static void test_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(good); i++) {
		struct instruction out;
		uint32_t length = (uint32_t)(good[i].end - good[i].start);

		assert_int_equal(decode(&good[i], length, &out), 0);
		for (uint32_t count = 0; count < length; count++) {
			assert_int_not_equal(decode(&good[i], count, &out), 0);
		}
	}
}

/* Each instruction is only what it is. */
static void test_other_kinds(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(good); i++) {
		for (size_t j = 0; j < ARRAY_COUNT(good); j++) {
			struct good other = good[i];
			struct instruction out;

			other.kind = good[j].kind;
			assert_int_equal(decode(&other, LENGTH_MAX, &out) == 0,
					 good[i].kind == good[j].kind);
		}
	}
}

static void test_refused(void **state)
{
	static const struct good bad[] = {
		{code_inc_32, code_inc_32_end, INSTRUCTION_CPUID, true, 0, 0, false},
		{code_lmsw_memory, code_lmsw_memory_end, INSTRUCTION_WRITE_CR, false, 0, 0, false},
		{code_invlpg, code_invlpg_end, INSTRUCTION_WRITE_CR, false, 0, 0, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		struct instruction out;

		assert_int_not_equal(decode(&bad[i], LENGTH_MAX, &out), 0);
	}
}

/* Prefixes up to the 15 bytes that an instruction may have. */
static void test_prefixes(void **state)
{
	uint8_t bytes[LENGTH_MAX + 2];

	(void)state;
	for (uint32_t prefixes = 0; prefixes <= LENGTH_MAX; prefixes++) {
		struct instruction out;
		int result;

		memset(bytes, 0x66, sizeof(bytes));
		bytes[prefixes] = 0x0f;
		bytes[prefixes + 1] = 0xa2;
		result = instruction_decode(bytes, sizeof(bytes), true, INSTRUCTION_CPUID, &out);
		assert_int_equal(result == 0, prefixes + 2 <= LENGTH_MAX);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),	    cmocka_unit_test(test_cut),
		cmocka_unit_test(test_other_kinds), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_prefixes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
