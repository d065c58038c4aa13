/* SPDX-License-Identifier: MIT */
/*
 * Side channels of AMD's CPUs that arch/x86_64/mitigation.c does not cover: returns that a guest
 * has taught the predictor (AMD on branch type confusion, BTC, and on SRSO), what it may read from
 * buffers (AMD on transient scheduler attacks, TSA), and automatic IBRS, which is a bit of EFER.
 * CPUID says what the CPU needs and has. Decided once on the bootstrap CPU, constant afterwards.
 */
#include "arch/x86_64/svm/speculation.h"

#include "arch/x86_64/descriptors.h"
#include "arch/x86_64/msr.h"

/* CPUID Fn8000_0008 EBX. */
#define EBX_IBPB   (1U << 12)
#define EBX_BTC_NO (1U << 29)
/* CPUID Fn8000_0021 EAX and ECX. */
#define EAX_VERW_CLEAR	   (1U << 5)
#define EAX_AUTOMATIC_IBRS (1U << 8)
#define EAX_SRSO_NO	   (1U << 29)
#define EAX_SRSO_MSR_FIX   (1U << 31)
#define ECX_TSA_NO	   (3U << 1) /* of the store queue, of the L1 cache */

#define EFER_AUTOMATIC_IBRS (1ULL << 21)
#define MSR_BP_CFG	    0xc001102eU
#define BP_CFG_SPEC_REDUCE  (1ULL << 4)

const uint16_t svm_verw_selector = SELECTOR_DATA;
bool svm_has_barrier_at_exit;
bool svm_has_verw_at_entry;
static struct svm_speculation chosen;

void svm_speculation_choose(uint32_t ebx_8, const struct cpuid_regs *leaf_21,
			    struct svm_speculation *out)
{
	bool has_btc = (ebx_8 & EBX_BTC_NO) == 0;
	bool has_srso = (leaf_21->eax & EAX_SRSO_NO) == 0;
	bool is_fixed = has_srso && !has_btc && (leaf_21->eax & EAX_SRSO_MSR_FIX) != 0;

	out->is_automatic_ibrs = (leaf_21->eax & EAX_AUTOMATIC_IBRS) != 0;
	out->has_verw =
		(leaf_21->eax & EAX_VERW_CLEAR) != 0 && (leaf_21->ecx & ECX_TSA_NO) != ECX_TSA_NO;
	out->returns = SVM_RETURNS_SAFE;
	if (is_fixed) {
		out->returns = SVM_RETURNS_REDUCED;
	} else if (has_btc || has_srso) {
		out->returns = (ebx_8 & EBX_IBPB) != 0 ? SVM_RETURNS_BARRIER : SVM_RETURNS_OPEN;
	}
}

void svm_speculation_init(void)
{
	struct cpuid_regs leaf_21 = cpuid_if_offered(0x80000021U, 0);

	svm_speculation_choose(cpuid_if_offered(0x80000008U, 0).ebx, &leaf_21, &chosen);
	svm_has_barrier_at_exit = chosen.returns == SVM_RETURNS_BARRIER;
	svm_has_verw_at_entry = chosen.has_verw;
}

void svm_speculation_init_cpu(void)
{
	if (chosen.is_automatic_ibrs) {
		wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_AUTOMATIC_IBRS);
	}
	if (chosen.returns == SVM_RETURNS_REDUCED) {
		wrmsr(MSR_BP_CFG, rdmsr(MSR_BP_CFG) | BP_CFG_SPEC_REDUCE);
	}
}

const char *svm_speculation_describe(void)
{
	static const char *const names[] = {
		[SVM_RETURNS_SAFE] = "not needed",
		[SVM_RETURNS_REDUCED] = "speculation reduced",
		[SVM_RETURNS_BARRIER] = "IBPB at exits",
		[SVM_RETURNS_OPEN] = "not offered",
	};

	return names[chosen.returns];
}
