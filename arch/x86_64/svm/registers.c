/* SPDX-License-Identifier: MIT */
/*
 * Guest registers in the VMCB. CR0.CD and CR0.NW are ring 0's (caching is not the guest's matter)
 * and read as 0; CR4.MCE is always 1, since a machine check in a guest without it would shut the
 * CPU down, and reads as 1; EFER.SVME must be 1 in a guest (AMD APM vol. 2, 15.5.1) and is hidden.
 */
#include "arch/x86_64/cpu_features.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/msr.h"
#include "arch/x86_64/svm/svm.h"

#define CR0_KEPT       (CR0_CD | CR0_NW)
#define ATTRIBUTE_LONG (1U << 9) /* CS.L */

uint64_t svm_cr4_permitted(void)
{
	const struct cpu_features *f = cpu_features_get();

	return CR4_GUEST & ~((f->has_umip ? 0 : CR4_UMIP) | (f->has_fsgsbase ? 0 : CR4_FSGSBASE) |
			     (f->has_pcid && f->has_invpcid ? 0 : CR4_PCIDE) |
			     (f->has_smep ? 0 : CR4_SMEP) | (f->has_smap ? 0 : CR4_SMAP));
}

static uint64_t efer_following_paging(const struct vmcb *vmcb, uint64_t cr0)
{
	bool is_long = (cr0 & CR0_PG) != 0 && (vmcb->efer & EFER_LME) != 0;

	return is_long ? vmcb->efer | EFER_LMA : vmcb->efer & ~EFER_LMA;
}

uint64_t svm_register_read(struct vcpu *vcpu, enum virt_register reg)
{
	const struct vmcb *vmcb = vmcb_of(vcpu);

	switch (reg) {
	case VIRT_RIP: return vmcb->rip;
	case VIRT_RSP: return vmcb->rsp;
	case VIRT_RFLAGS: return vmcb->rflags;
	case VIRT_CR0: return vmcb->cr0;
	case VIRT_CR3: return vmcb->cr3;
	case VIRT_CR4: return vmcb->cr4;
	case VIRT_EFER: return vmcb->efer & ~EFER_SVME;
	case VIRT_CS_BASE: return vmcb->cs.base;
	case VIRT_PAT: return vmcb->pat;
	case VIRT_IS_64BIT:
		return (vmcb->efer & EFER_LMA) != 0 && (vmcb->cs.attributes & ATTRIBUTE_LONG) != 0;
	case VIRT_CPL: return vmcb->cpl;
	}
	return 0;
}

void svm_register_write(struct vcpu *vcpu, enum virt_register reg, uint64_t value)
{
	struct vmcb *vmcb = vmcb_of(vcpu);

	switch (reg) {
	case VIRT_RSP: vmcb->rsp = value; break;
	case VIRT_CR0:
		vmcb->cr0 = (value & ~CR0_KEPT) | CR0_ET;
		vmcb->efer = efer_following_paging(vmcb, vmcb->cr0);
		svm_flush_translations(vcpu); /* as the MOV itself would (APM 2, 5.5.3) */
		break;
	case VIRT_CR4:
		vmcb->cr4 = value | CR4_MCE;
		svm_flush_translations(vcpu);
		break;
	case VIRT_EFER:
		vmcb->efer = value | EFER_SVME;
		svm_flush_translations(vcpu); /* LME, NXE (15.16) */
		break;
	case VIRT_PAT: vmcb->pat = value; break;
	default: break; /* nobody writes the others */
	}
}
