/* SPDX-License-Identifier: MIT */
/*
 * CPUID of a partition: an allow-list of leaves and of bits (Intel SDM 2A, CPUID). A partition sees
 * the host CPU's instructions, its own topology, an x2APIC with TSC-deadline timer, and the
 * hypervisor leaves of include/muxvisor/hypercall.h.
 */
#include "arch/x86_64/cpuid.h"

#include "arch/x86_64/cpu_features.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/fpu.h"
#include "arch/x86_64/platform.h"
#include "hv/exit.h"
#include "hv/partition.h"

/* The second place where a guest looks for a hypervisor (Linux,
 * Documentation/virt/kvm/x86/cpuid.rst): no delay by port 0x80, kvm-clock, whose TSCs agree. Linux
 * takes an x2APIC without interrupt remapping, and on AMD the TSC's frequency, only from a
 * hypervisor that it knows. */
#define KVM_CPUID_SIGNATURE 0x40000100U
#define KVM_CPUID_FEATURES  0x40000101U
#define KVM_FEATURES	    (1U << 1 | 1U << 3 | 1U << 24)

#define LEAF_BASIC_MAX	  0xdU
#define LEAF_EXTENDED_MAX 0x80000008U

/* Leaf 1 ECX: SSE3 PCLMULQDQ SSSE3 FMA CX16 SSE4.1 SSE4.2 MOVBE POPCNT AES XSAVE AVX F16C RDRAND.
 */
#define LEAF1_ECX_HOST 0x76d83203U
#define LEAF1_ECX_PCID (1U << 17)
/* x2APIC, TSC-deadline, hypervisor */
#define LEAF1_ECX_OWN	  ((1U << 21) | (1U << 24) | (1U << 31))
#define LEAF1_ECX_OSXSAVE (1U << 27)
/* Leaf 1 EDX: FPU VME DE PSE TSC MSR PAE MCE CX8 APIC SEP PGE MCA CMOV PAT PSE36 CLFSH MMX FXSR SSE
 * SSE2. Machine checks are ring 0's, MCA has no bank. */
#define LEAF1_EDX_HOST 0x078bebffU
#define LEAF1_EDX_HTT  (1U << 28)
/* Leaf 6 EAX: the timer never stops. Without this bit Linux keeps its periodic tick when idle. */
#define LEAF6_EAX_ARAT (1U << 2)
/* Leaf 7 EBX: FSGSBASE BMI1 AVX2 SMEP BMI2 ERMS RDSEED ADX SMAP CLFLUSHOPT CLWB SHA. */
#define LEAF7_EBX_HOST	     0x219c03a9U
#define LEAF7_EBX_TSC_ADJUST (1U << 1)
#define LEAF7_EBX_INVPCID    (1U << 10)
#define LEAF7_ECX_UMIP	     (1U << 2)
#define LEAF7_EDX_FSRM	     (1U << 4)
/* Leaf 0x80000001: LAHF LZCNT PREFETCHW; SYSCALL NX 1G-pages LM, RDTSCP. */
#define LEAFX_ECX_HOST	 0x00000121U
#define LEAFX_EDX_HOST	 0x24100800U
#define LEAFX_EDX_RDTSCP (1U << 27)
#define LINEAR_BITS	 48U /* no 5-level paging */
/* Leaf 0xd.1: XSAVEOPT, XGETBV(1). No XSAVES, and no XSAVEC: Bochs 2.7 loses the upper halves of
 * YMM registers with it. */
#define XSAVE_FEATURES 0x5U

static void cpuid_leaf_1(struct vcpu *vcpu, struct cpuid_regs *r)
{
	uint32_t count = vcpu->partition->vcpu_count;
	uint64_t cr4 = virt->register_read(vcpu, VIRT_CR4);
	uint32_t host_ecx = r->ecx;

	r->ebx = (r->ebx & 0xff00U) | (count << 16) | (vcpu->lapic.apic_id << 24);
	r->ecx = (host_ecx & LEAF1_ECX_HOST) | LEAF1_ECX_OWN;
	if ((virt->cr4_permitted() & CR4_PCIDE) != 0) {
		r->ecx |= host_ecx & LEAF1_ECX_PCID;
	}
	if ((cr4 & CR4_OSXSAVE) != 0) {
		r->ecx |= LEAF1_ECX_OSXSAVE;
	}
	r->edx = (r->edx & LEAF1_EDX_HOST) | (count > 1 ? LEAF1_EDX_HTT : 0);
}

static void cpuid_leaf_7(uint32_t subleaf, struct cpuid_regs *r)
{
	uint32_t host_ebx = r->ebx;

	if (subleaf != 0) {
		*r = (struct cpuid_regs){0};
		return;
	}
	r->eax = 0;
	r->ebx = (host_ebx & LEAF7_EBX_HOST) | LEAF7_EBX_TSC_ADJUST;
	if ((virt->cr4_permitted() & CR4_PCIDE) != 0) {
		r->ebx |= host_ebx & LEAF7_EBX_INVPCID;
	}
	r->ecx &= LEAF7_ECX_UMIP;
	r->edx &= LEAF7_EDX_FSRM;
}

/* Level 0: one thread a core; level 1: the partition's vCPUs. x2APIC ids are the vCPUs' numbers. */
static void cpuid_leaf_topology(const struct vcpu *vcpu, uint32_t subleaf, struct cpuid_regs *r)
{
	uint32_t shift = 0;

	while ((1U << shift) < vcpu->partition->vcpu_count) {
		shift++;
	}
	*r = (struct cpuid_regs){.ecx = subleaf & 0xff, .edx = vcpu->lapic.apic_id};
	if (subleaf == 0) {
		r->ebx = 1;
		r->ecx |= 1U << 8;
	} else if (subleaf == 1) {
		r->eax = shift;
		r->ebx = vcpu->partition->vcpu_count;
		r->ecx |= 2U << 8;
	}
}

static void cpuid_leaf_xsave(uint32_t subleaf, struct cpuid_regs *r)
{
	struct cpuid_regs host = *r;

	*r = (struct cpuid_regs){0};
	if (subleaf == 0) {
		r->eax = (uint32_t)fpu_mask();
		r->ebx = fpu_area_size(read_xcr0());
		r->ecx = fpu_area_size(fpu_mask());
	} else if (subleaf == 1) {
		r->eax = host.eax & XSAVE_FEATURES;
		r->ebx = fpu_area_size(read_xcr0());
	} else if (subleaf < 32 && (fpu_mask() >> subleaf & 1) != 0) {
		*r = host;
	}
}

static void cpuid_leaf_basic(struct vcpu *vcpu, uint32_t leaf, uint32_t subleaf,
			     struct cpuid_regs *r)
{
	switch (leaf) {
	case 0: r->eax = LEAF_BASIC_MAX; break;
	case 1: cpuid_leaf_1(vcpu, r); break;
	case 2: break;
	case 4: r->eax &= 0x3fffU; break; /* caches, shared with nobody as far as it can tell */
	case 6: *r = (struct cpuid_regs){.eax = LEAF6_EAX_ARAT}; break;
	case 7: cpuid_leaf_7(subleaf, r); break;
	case 0xb: cpuid_leaf_topology(vcpu, subleaf, r); break;
	case 0xd: cpuid_leaf_xsave(subleaf, r); break;
	default: *r = (struct cpuid_regs){0}; break;
	}
}

static void cpuid_leaf_extended(uint32_t leaf, struct cpuid_regs *r)
{
	switch (leaf) {
	case 0x80000000U: *r = (struct cpuid_regs){.eax = LEAF_EXTENDED_MAX}; break;
	case 0x80000001U:
		r->eax = 0;
		r->ebx = 0;
		r->ecx &= LEAFX_ECX_HOST;
		r->edx &= LEAFX_EDX_HOST | (virt->has_rdtscp() ? LEAFX_EDX_RDTSCP : 0);
		break;
	case 0x80000002U:
	case 0x80000003U:
	case 0x80000004U:
	case 0x80000006U: break;
	case 0x80000007U: *r = (struct cpuid_regs){.edx = r->edx & (1U << 8)}; break;
	case 0x80000008U:
		*r = (struct cpuid_regs){.eax = LINEAR_BITS << 8 |
						cpu_features_get()->physical_bits};
		break;
	default: *r = (struct cpuid_regs){0}; break;
	}
}

static void cpuid_leaf_hypervisor(uint32_t leaf, struct cpuid_regs *r)
{
	*r = (struct cpuid_regs){0};
	switch (leaf) {
	case MUX_CPUID_SIGNATURE: /* "Muxv", "isor", "Muxv" */
		*r = (struct cpuid_regs){MUX_CPUID_TIMING, 0x7678754dU, 0x726f7369U, 0x7678754dU};
		break;
	case MUX_CPUID_FEATURES:
		r->eax = MUX_ABI_VERSION;
		r->ebx = virt->uses_vmmcall ? MUX_FEATURE_VMMCALL : 0;
		break;
	case MUX_CPUID_TIMING: r->eax = (uint32_t)platform_tsc_khz(); break;
	case KVM_CPUID_SIGNATURE: /* "KVMKVMKVM" */
		*r = (struct cpuid_regs){KVM_CPUID_FEATURES, 0x4b4d564bU, 0x564b4d56U, 0x4dU};
		break;
	case KVM_CPUID_FEATURES: r->eax = KVM_FEATURES; break;
	default: break;
	}
}

enum vcpu_next exit_handle_cpuid(struct vcpu *vcpu)
{
	uint32_t leaf = (uint32_t)vcpu->regs[REG_RAX];
	uint32_t subleaf = (uint32_t)vcpu->regs[REG_RCX];
	struct cpuid_regs r = {0};

	if (leaf <= LEAF_BASIC_MAX) {
		r = cpuid_if_offered(leaf, subleaf);
		cpuid_leaf_basic(vcpu, leaf, subleaf, &r);
	} else if (leaf >= 0x80000000U && leaf <= LEAF_EXTENDED_MAX) {
		r = cpuid_if_offered(leaf, subleaf);
		cpuid_leaf_extended(leaf, &r);
	} else if (leaf >= MUX_CPUID_SIGNATURE && leaf <= KVM_CPUID_FEATURES) {
		cpuid_leaf_hypervisor(leaf, &r);
	}
	vcpu->regs[REG_RAX] = r.eax;
	vcpu->regs[REG_RBX] = r.ebx;
	vcpu->regs[REG_RCX] = r.ecx;
	vcpu->regs[REG_RDX] = r.edx;
	return VCPU_ADVANCE;
}
