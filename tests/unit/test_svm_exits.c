/* SPDX-License-Identifier: MIT */
/*
 * Exit codes of AMD-V (APM 2, table C-1), each one from -1 to the last: what generic exit becomes
 * of it. And where the next instruction is, with NRIP save and without.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86_64/cpu_features.h"
#include "arch/x86_64/svm/svm.h"

#define RIP	   0x1000U
#define NEXT_RIP   0x2000U /* what the CPU says */
#define LMA	   (1ULL << 10)
#define CS_LONG	   (1U << 9)
#define FETCH_MAX  15U
#define CODES	   0x410U
#define FAULT_CODE 0x400U

struct svm_features svm_features;

static uint8_t code[FETCH_MAX];
static struct vmcb vmcb;
static struct svm_vcpu svm = {.vmcb = &vmcb};
static struct vcpu vcpu = {.backend = &svm};
static struct virt_exit got;

uint32_t vcpu_fetch(struct vcpu *fetching, uint8_t bytes[FETCH_MAX])
{
	(void)fetching;
	memcpy(bytes, code, sizeof(code));
	return sizeof(code);
}

void svm_flush_translations(struct vcpu *flushed)
{
	(void)flushed;
}

const struct cpu_features *cpu_features_get(void)
{
	static const struct cpu_features features;

	return &features;
}

static void decode(uint64_t exit_code, uint64_t info_1, const char *bytes, size_t size)
{
	memset(&vmcb, 0, sizeof(vmcb));
	memset(&got, 0xff, sizeof(got));
	memset(code, 0x90, sizeof(code));
	memcpy(code, bytes, size);
	vmcb.exit_code = exit_code;
	vmcb.exit_info_1 = info_1;
	vmcb.rip = RIP;
	vmcb.next_rip = NEXT_RIP;
	vmcb.efer = LMA;
	vmcb.cs.attributes = CS_LONG;
	svm_exit_decode(&vcpu, &got);
}

static enum virt_exit_reason expected_below_a0(uint64_t exit_code)
{
	if (exit_code >= 0x40 && exit_code < 0x60) {
		return exit_code == 0x40 + 18 ? VIRT_EXIT_MACHINE_CHECK : VIRT_EXIT_EXCEPTION;
	}
	switch (exit_code) {
	case 0x60:
	case 0x63: return VIRT_EXIT_INTERRUPT;
	case 0x61: return VIRT_EXIT_NMI;
	case 0x64: return VIRT_EXIT_WINDOW;
	case 0x6f: return VIRT_EXIT_PROTECTION;
	case 0x72: return VIRT_EXIT_CPUID;
	case 0x76:
	case 0x89: return VIRT_EXIT_CACHE;
	case 0x78: return VIRT_EXIT_HLT;
	case 0x7b: return VIRT_EXIT_IO;
	case 0x7c: return VIRT_EXIT_MSR_READ;
	case 0x7f: return VIRT_EXIT_TRIPLE_FAULT;
	case 0x81: return VIRT_EXIT_HYPERCALL;
	case 0x8d: return VIRT_EXIT_XSETBV;
	case 0x73: /* RSM, INVLPGA */
	case 0x7a:
	case 0x80: /* VMRUN, VMLOAD, VMSAVE, STGI, CLGI, SKINIT */
	case 0x82:
	case 0x83:
	case 0x84:
	case 0x85:
	case 0x86:
	case 0x8a: /* MONITOR, MWAIT, RDPRU */
	case 0x8b:
	case 0x8e: return VIRT_EXIT_UNDEFINED;
	default: return VIRT_EXIT_UNKNOWN;
	}
}

static enum virt_exit_reason expected(uint64_t exit_code)
{
	switch (exit_code) {
	case 0xa0: /* INVLPGB */
	case 0xa1: return VIRT_EXIT_UNDEFINED;
	case FAULT_CODE: return VIRT_EXIT_MEMORY;
	case UINT32_MAX:
	case UINT64_MAX: return VIRT_EXIT_ENTRY_FAILED;
	default: return exit_code < 0xa0 ? expected_below_a0(exit_code) : VIRT_EXIT_UNKNOWN;
	}
}

/* No bytes of a MOV to or from a control register here: those exits are looked at below. */
static void test_codes(void **state)
{
	(void)state;
	svm_features.has_next_rip = true;
	for (uint64_t i = 0; i < CODES; i++) {
		decode(i, 0, "", 0);
		if (got.reason != expected(i)) {
			fail_msg("code 0x%x gives %d", (unsigned)i, (int)got.reason);
		}
		assert_int_equal(got.raw, i);
	}
	for (uint64_t i = UINT64_MAX; i > UINT64_MAX - 8; i--) {
		decode(i, 0, "", 0);
		assert_int_equal(got.reason, expected(i));
	}
	decode(UINT32_MAX, 0, "", 0); /* as QEMU's emulation says it */
	assert_int_equal(got.reason, VIRT_EXIT_ENTRY_FAILED);
	decode(1ULL << 32 | 0x72, 0, "", 0); /* all 64 bits count */
	assert_int_equal(got.reason, VIRT_EXIT_UNKNOWN);
}

static void test_next_rip(void **state)
{
	static const struct {
		uint64_t exit_code, info_1;
		const char *bytes;
		uint8_t length;
		enum virt_exit_reason reason;
	} rows[] = {
		{0x72, 0, "\x0f\xa2", 2, VIRT_EXIT_CPUID},
		{0x76, 0, "\x0f\x08", 2, VIRT_EXIT_CACHE},
		{0x76, 0, "\x0f\x09", 2, VIRT_EXIT_CACHE},
		{0x89, 0, "\x0f\x09", 2, VIRT_EXIT_CACHE},
		{0x78, 0, "\xf4", 1, VIRT_EXIT_HLT},
		{0x7c, 0, "\x0f\x32", 2, VIRT_EXIT_MSR_READ},
		{0x7c, 1, "\x0f\x30", 2, VIRT_EXIT_MSR_WRITE},
		{0x81, 0, "\x0f\x01\xd9", 3, VIRT_EXIT_HYPERCALL},
		{0x8d, 0, "\x66\x0f\x01\xd1", 4, VIRT_EXIT_XSETBV},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t size = rows[i].length;

		svm_features.has_next_rip = true;
		decode(rows[i].exit_code, rows[i].info_1, rows[i].bytes, size);
		assert_int_equal(got.reason, rows[i].reason);
		assert_int_equal(svm.next_rip, NEXT_RIP);
		svm_features.has_next_rip = false;
		decode(rows[i].exit_code, rows[i].info_1, rows[i].bytes, size);
		assert_int_equal(got.reason, rows[i].reason);
		assert_int_equal(svm.next_rip, RIP + size);
		decode(rows[i].exit_code, rows[i].info_1, "\xcc", 1);
		assert_int_equal(got.reason, VIRT_EXIT_UNKNOWN);
	}
}

static void test_control_registers(void **state)
{
	(void)state;
	svm_features.has_next_rip = true; /* the bytes are looked at all the same */
	vcpu.regs[REG_RBX] = 0x80000011;
	decode(0x65, 0, "\x0f\x22\xc3", 3); /* mov %rbx, %cr0 */
	assert_int_equal(got.reason, VIRT_EXIT_CR_WRITE);
	assert_int_equal(got.cr.number, 0);
	assert_int_equal(got.cr.value, 0x80000011);
	assert_int_equal(svm.next_rip, RIP + 3);
	decode(0x65, 0, "\x0f\x01\xf3", 3); /* lmsw %bx: PE cannot be cleared */
	assert_int_equal(got.cr.value, 1);
	decode(0x18, 0, "\x44\x0f\x22\xc3", 4); /* mov %rbx, %cr8 */
	assert_int_equal(got.cr.number, 8);
	decode(0x08, 0, "\xf0\x0f\x20\xc3", 4); /* the same register by LOCK, to %rbx */
	assert_int_equal(got.reason, VIRT_EXIT_CR8_READ);
	assert_int_equal(got.cr.number, REG_RBX);
	decode(0x08, 0, "\x44\x0f\x20\xc4", 4); /* to %rsp */
	assert_int_equal(got.reason, VIRT_EXIT_UNKNOWN);
	decode(0x08, 0, "\x0f\x20\xc3", 3); /* altered meanwhile: from CR0 */
	assert_int_equal(got.reason, VIRT_EXIT_UNKNOWN);
	decode(0x14, 0, "\x0f\x01\x33", 3); /* LMSW from memory */
	assert_int_equal(got.reason, VIRT_EXIT_UNKNOWN);
}

/* APM 2, figure 15-2 and 15.25.6. */
static void test_operands(void **state)
{
	(void)state;
	decode(0x7b, 0x3f8ULL << 16 | 1U << 6 | 1U, "", 0);
	assert_int_equal(got.io.port, 0x3f8);
	assert_int_equal(got.io.size, 4);
	assert_false(got.io.is_write);
	assert_false(got.io.is_string);
	decode(0x7b, 0xcf8ULL << 16 | 1U << 4 | 1U << 2, "", 0);
	assert_int_equal(got.io.size, 1);
	assert_true(got.io.is_write);
	assert_true(got.io.is_string);
	decode(FAULT_CODE, 1ULL << 32 | 6, "", 0);
	assert_true(got.memory.is_write && got.memory.is_operand && !got.memory.is_fetch);
	decode(FAULT_CODE, 1ULL << 33 | 6, "", 0); /* a walk of the guest's tables */
	assert_false(got.memory.is_operand);
	decode(FAULT_CODE, 1ULL << 32 | 0x14, "", 0);
	assert_true(got.memory.is_fetch && !got.memory.is_write);
	decode(0x40 + 17, 5, "", 0);
	assert_true(got.exception.has_error);
	assert_int_equal(got.exception.error, 5);
	decode(0x40 + 1, 5, "", 0);
	assert_int_equal(got.exception.vector, 1);
	assert_false(got.exception.has_error);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_codes),
		cmocka_unit_test(test_next_rip),
		cmocka_unit_test(test_control_registers),
		cmocka_unit_test(test_operands),
	};

	return cmocka_run_group_tests_name("svm_exits", tests, NULL, NULL);
}
