/* SPDX-License-Identifier: MIT */
/*
 * What the AMD-V backend does against side channels, by the CPUID bits of CPUs as AMD has made
 * them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* Instead of the instructions: the MSRs that the file under test writes. */
#define ARCH_X86_64_MSR_H
#include <stdint.h>
#define MSR_EFER   0xc0000080U
#define BP_CFG	   0xc001102eU
#define EFER_AIBRS (1ULL << 21)

static uint64_t efer, bp_cfg;
static unsigned int writes;

static uint64_t *msr_of(uint32_t msr)
{
	assert_true(msr == MSR_EFER || msr == BP_CFG);
	return msr == MSR_EFER ? &efer : &bp_cfg;
}

static uint64_t rdmsr(uint32_t msr)
{
	return *msr_of(msr);
}

static void wrmsr(uint32_t msr, uint64_t value)
{
	*msr_of(msr) = value;
	writes++;
}

/* The file under test, so that its choice can be set. */
#include "arch/x86_64/svm/speculation.c" /* NOLINT */

#define IBPB	  (1U << 12)
#define BTC_NO	  (1U << 29)
#define VERW	  (1U << 5)
#define AUTO_IBRS (1U << 8)
#define SRSO_NO	  (1U << 29)
#define MSR_FIX	  (1U << 31)
#define TSA_SQ_NO (1U << 1)
#define TSA_L1_NO (1U << 2)

static const struct row {
	const char *cpu;
	uint32_t ebx_8, eax_21, ecx_21;
	struct svm_speculation expected;
} rows[] = {
	{"old microcode", 0, 0, 0, {SVM_RETURNS_OPEN, false, false}},
	{"Zen 2", IBPB, 0, 0, {SVM_RETURNS_BARRIER, false, false}},
	{"Zen 3", IBPB | BTC_NO, 0, 0, {SVM_RETURNS_BARRIER, false, false}},
	{"Zen 3, TSA", IBPB | BTC_NO, VERW, 0, {SVM_RETURNS_BARRIER, true, false}},
	{"half safe", IBPB | BTC_NO, VERW, TSA_L1_NO, {SVM_RETURNS_BARRIER, true, false}},
	{"other half", IBPB | BTC_NO, VERW, TSA_SQ_NO, {SVM_RETURNS_BARRIER, true, false}},
	{"Zen 4", IBPB | BTC_NO, VERW | AUTO_IBRS, 0, {SVM_RETURNS_BARRIER, true, true}},
	{"Zen 5",
	 IBPB | BTC_NO,
	 VERW | AUTO_IBRS | MSR_FIX,
	 TSA_SQ_NO | TSA_L1_NO,
	 {SVM_RETURNS_REDUCED, false, true}},
	{"fix for SRSO, but BTC", IBPB, MSR_FIX, 0, {SVM_RETURNS_BARRIER, false, false}},
	{"BTC alone", IBPB, SRSO_NO, 0, {SVM_RETURNS_BARRIER, false, false}},
	{"later", IBPB | BTC_NO, AUTO_IBRS | SRSO_NO, 0, {SVM_RETURNS_SAFE, false, true}},
	{"fix not needed", BTC_NO, SRSO_NO | MSR_FIX, 0, {SVM_RETURNS_SAFE, false, false}},
};

static void test_choice(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		const struct cpuid_regs leaf = {.eax = r->eax_21, .ecx = r->ecx_21};
		struct svm_speculation got;

		svm_speculation_choose(r->ebx_8, &leaf, &got);
		print_message("%s\n", r->cpu);
		assert_int_equal(got.returns, r->expected.returns);
		assert_int_equal(got.has_verw, r->expected.has_verw);
		assert_int_equal(got.is_automatic_ibrs, r->expected.is_automatic_ibrs);
	}
}

static void enable(enum svm_returns returns, bool is_automatic_ibrs)
{
	chosen = (struct svm_speculation){returns, false, is_automatic_ibrs};
	efer = 0x1d01;
	bp_cfg = 0x100;
	writes = 0;
	svm_speculation_init_cpu();
}

/* mitigation.c takes IBRS for lasting where it is automatic: so it has to be turned on. */
static void test_registers(void **state)
{
	(void)state;
	enable(SVM_RETURNS_BARRIER, true);
	assert_int_equal(efer, 0x1d01 | EFER_AIBRS);
	assert_int_equal(writes, 1);
	enable(SVM_RETURNS_REDUCED, true);
	assert_int_equal(efer, 0x1d01 | EFER_AIBRS);
	assert_int_equal(bp_cfg, 0x110);
	enable(SVM_RETURNS_SAFE, false);
	assert_int_equal(writes, 0);
}

static void test_names(void **state)
{
	(void)state;
	for (enum svm_returns r = SVM_RETURNS_SAFE; r <= SVM_RETURNS_OPEN; r++) {
		chosen.returns = r;
		assert_non_null(svm_speculation_describe());
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_choice),
		cmocka_unit_test(test_registers),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests_name("svm_speculation", tests, NULL, NULL);
}
