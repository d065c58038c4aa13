/* SPDX-License-Identifier: MIT */
/*
 * Model-specific registers: raw access, numbers and bits. SDM 4, chapter 2 (architectural MSRs,
 * table 2-2); SDM 3D appendix A for VMX; AMD APM 2, appendix A for SVM.
 *
 * A read or write of an MSR that the CPU lacks is #GP, which stops the machine: check CPUID first.
 */
#ifndef ARCH_X86_64_MSR_H
#define ARCH_X86_64_MSR_H

#include <stdint.h>

#define MSR_TSC		      0x010U
#define MSR_APIC_BASE	      0x01bU
#define MSR_TSC_ADJUST	      0x03bU
#define APIC_BASE_X2APIC      (1ULL << 10)
#define APIC_BASE_ENABLE      (1ULL << 11)
#define APIC_BASE_ADDRESS     0x000ffffffffff000ULL
#define MSR_FEATURE_CONTROL   0x03aU
#define FEATURE_CONTROL_LOCK  (1ULL << 0)
#define FEATURE_CONTROL_VMX   (1ULL << 2) /* VMX outside SMX */
#define MSR_SPEC_CTRL	      0x048U
#define SPEC_CTRL_IBRS	      (1ULL << 0)
#define SPEC_CTRL_STIBP	      (1ULL << 1)
#define SPEC_CTRL_BHI_DIS_S   (1ULL << 10)
#define MSR_PRED_CMD	      0x049U
#define PRED_CMD_IBPB	      (1ULL << 0)
#define MSR_BIOS_SIGN_ID      0x08bU
#define MSR_ARCH_CAPABILITIES 0x10aU
#define MSR_FLUSH_CMD	      0x10bU
#define FLUSH_CMD_L1D	      (1ULL << 0)
#define MSR_SYSENTER_CS	      0x174U
#define MSR_SYSENTER_ESP      0x175U
#define MSR_SYSENTER_EIP      0x176U
#define MSR_MCG_CAP	      0x179U
#define MSR_MCG_STATUS	      0x17aU
#define MSR_MISC_ENABLE	      0x1a0U
#define MSR_PAT		      0x277U
#define PAT_RESET_VALUE	      0x0007040600070406ULL /* WB, WT, UC-, UC, twice */
#define MSR_TSC_DEADLINE      0x6e0U
#define MSR_X2APIC_FIRST      0x800U

/* ARCH_CAPABILITIES: set means that the CPU does not have the flaw, or has the help. */
#define ARCH_CAP_RDCL_NO	    (1ULL << 0)
#define ARCH_CAP_IBRS_ALL	    (1ULL << 1)
#define ARCH_CAP_SKIP_L1DFL_VMENTRY (1ULL << 3)
#define ARCH_CAP_MDS_NO		    (1ULL << 5)
#define ARCH_CAP_PSCHANGE_MC_NO	    (1ULL << 6)
#define ARCH_CAP_TAA_NO		    (1ULL << 8)
#define ARCH_CAP_FBSDP_NO	    (1ULL << 14)
#define ARCH_CAP_FB_CLEAR	    (1ULL << 17)
#define ARCH_CAP_PBRSB_NO	    (1ULL << 24)
#define ARCH_CAP_RFDS_NO	    (1ULL << 27)
#define ARCH_CAP_RFDS_CLEAR	    (1ULL << 28)

#define MSR_VMX_BASIC		    0x480U
#define MSR_VMX_PROCBASED_CTLS	    0x482U
#define MSR_VMX_MISC		    0x485U
#define MSR_VMX_CR0_FIXED0	    0x486U
#define MSR_VMX_CR0_FIXED1	    0x487U
#define MSR_VMX_CR4_FIXED0	    0x488U
#define MSR_VMX_CR4_FIXED1	    0x489U
#define MSR_VMX_PROCBASED_CTLS2	    0x48bU
#define MSR_VMX_EPT_VPID_CAP	    0x48cU
#define MSR_VMX_TRUE_PINBASED_CTLS  0x48dU
#define MSR_VMX_TRUE_PROCBASED_CTLS 0x48eU
#define MSR_VMX_TRUE_EXIT_CTLS	    0x48fU
#define MSR_VMX_TRUE_ENTRY_CTLS	    0x490U

#define MSR_KVM_WALL_CLOCK  0x4b564d00U /* Linux, Documentation/virt/kvm/x86/msr.rst */
#define MSR_KVM_SYSTEM_TIME 0x4b564d01U
#define MSR_EFER	    0xc0000080U
#define EFER_SCE	    (1ULL << 0)
#define EFER_LME	    (1ULL << 8)
#define EFER_LMA	    (1ULL << 10)
#define EFER_NXE	    (1ULL << 11)
#define EFER_SVME	    (1ULL << 12)
#define MSR_STAR	    0xc0000081U
#define MSR_LSTAR	    0xc0000082U
#define MSR_CSTAR	    0xc0000083U
#define MSR_FMASK	    0xc0000084U
#define MSR_FS_BASE	    0xc0000100U
#define MSR_GS_BASE	    0xc0000101U
#define MSR_KERNEL_GS_BASE  0xc0000102U
#define MSR_TSC_AUX	    0xc0000103U
#define MSR_HWCR	    0xc0010015U	 /* AMD */
#define HWCR_TSC_FREQ_SEL   (1ULL << 24) /* the TSC counts at the P0 frequency */
#define MSR_NB_CFG	    0xc001001fU	 /* AMD */
#define MSR_INT_PENDING	    0xc0010055U	 /* AMD, families 0xf and 0x10 */
#define MSR_VM_CR	    0xc0010114U
#define VM_CR_SVMDIS	    (1ULL << 4)
#define MSR_VM_HSAVE_PA	    0xc0010117U

static inline uint64_t rdmsr(uint32_t msr)
{
	uint32_t low;
	uint32_t high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr) : "memory");
	return (uint64_t)high << 32 | low;
}

static inline void wrmsr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr"
			 :
			 : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
			 : "memory");
}

#endif
