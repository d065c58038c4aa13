/* SPDX-License-Identifier: MIT */
/*
 * Guest registers in the VMCS. CR0 and CR4 have bits that ring 0 keeps (masks, SDM 3C 25.6.6): the
 * guest reads its own value of them from the shadow.
 */
#include "arch/x86_64/cr.h"
#include "arch/x86_64/msr.h"
#include "arch/x86_64/vmx/vmx.h"

/* NE must be 1 in VMX operation; CD and NW stay 0, caching is ring 0's matter (SDM 3A 12.5.1). */
#define CR0_OWNED (CR0_NE | CR0_CD | CR0_NW)
/* VMXE must be 1 in VMX operation; MCE stays 1, since a machine check in a guest without it would
 * shut the whole machine down (SDM 3C 26.2, 3B 16.7). */
#define CR4_FORCED (CR4_VMXE | CR4_MCE)

uint64_t vmx_cr4_permitted(void)
{
	uint64_t permitted = CR4_GUEST & vmx_controls.cr4_fixed1;

	if ((vmx_controls.secondary & CPU2_INVPCID) == 0) {
		permitted &= ~CR4_PCIDE;
	}
	return permitted;
}

/* PE and PG may be 0 in a guest with "unrestricted guest" (SDM 3C 27.3.1.1). */
static uint64_t cr0_real(uint64_t value)
{
	uint64_t fixed0 = vmx_controls.cr0_fixed0 & ~(CR0_PE | CR0_PG);

	return ((value | fixed0 | CR0_NE | CR0_ET) & ~(CR0_CD | CR0_NW)) & vmx_controls.cr0_fixed1;
}

/* With paging switched by this write, EFER.LMA and "IA-32e mode guest" follow (SDM 3C 27.3.1.1). */
static void cr0_follow_paging(uint64_t old, uint64_t value)
{
	uint64_t efer = vmcs_read(VMCS_GUEST_EFER);
	uint64_t entry = vmcs_read(VMCS_ENTRY_CONTROLS);

	if (((old ^ value) & CR0_PG) == 0 || (efer & EFER_LME) == 0) {
		return;
	}
	if ((value & CR0_PG) != 0) {
		efer |= EFER_LMA;
		entry |= ENTRY_GUEST_64BIT;
	} else {
		efer &= ~EFER_LMA;
		entry &= ~(uint64_t)ENTRY_GUEST_64BIT;
	}
	vmcs_write(VMCS_GUEST_EFER, efer);
	vmcs_write(VMCS_ENTRY_CONTROLS, entry);
}

void vmx_cr_reset(uint64_t cr0, uint64_t cr4)
{
	vmcs_write(VMCS_CR0_MASK, CR0_OWNED | ~vmx_controls.cr0_fixed1);
	vmcs_write(VMCS_CR0_SHADOW, cr0);
	vmcs_write(VMCS_GUEST_CR0, cr0_real(cr0));
	vmcs_write(VMCS_CR4_MASK, ~(vmx_cr4_permitted() & ~CR4_FORCED));
	vmcs_write(VMCS_CR4_SHADOW, cr4);
	vmcs_write(VMCS_GUEST_CR4, cr4 | vmx_controls.cr4_fixed0 | CR4_FORCED);
}

uint64_t vmx_register_read(struct vcpu *vcpu, enum virt_register reg)
{
	uint64_t mask;

	(void)vcpu;
	switch (reg) {
	case VIRT_RIP: return vmcs_read(VMCS_GUEST_RIP);
	case VIRT_RSP: return vmcs_read(VMCS_GUEST_RSP);
	case VIRT_RFLAGS: return vmcs_read(VMCS_GUEST_RFLAGS);
	case VIRT_CR0:
		mask = vmcs_read(VMCS_CR0_MASK);
		return (vmcs_read(VMCS_GUEST_CR0) & ~mask) | (vmcs_read(VMCS_CR0_SHADOW) & mask);
	case VIRT_CR3: return vmcs_read(VMCS_GUEST_CR3);
	case VIRT_CR4:
		mask = vmcs_read(VMCS_CR4_MASK);
		return (vmcs_read(VMCS_GUEST_CR4) & ~mask) | (vmcs_read(VMCS_CR4_SHADOW) & mask);
	case VIRT_EFER: return vmcs_read(VMCS_GUEST_EFER);
	case VIRT_CS_BASE: return vmcs_read(VMCS_GUEST_CS_BASE);
	case VIRT_PAT: return vmcs_read(VMCS_GUEST_PAT);
	case VIRT_IS_64BIT: /* CS.L, SDM 3C table 25-2 */
		return (vmcs_read(VMCS_GUEST_EFER) & EFER_LMA) != 0 &&
		       (vmcs_read(VMCS_GUEST_ES_ACCESS + 2 * SEG_CS) & (1U << 13)) != 0;
	case VIRT_CPL: return (vmcs_read(VMCS_GUEST_ES_ACCESS + 2 * SEG_SS) >> 5) & 3;
	}
	return 0;
}

void vmx_register_write(struct vcpu *vcpu, enum virt_register reg, uint64_t value)
{
	switch (reg) {
	case VIRT_RSP: vmcs_write(VMCS_GUEST_RSP, value); break;
	case VIRT_CR0:
		cr0_follow_paging(vmx_register_read(vcpu, VIRT_CR0), value);
		vmcs_write(VMCS_CR0_SHADOW, value);
		vmcs_write(VMCS_GUEST_CR0, cr0_real(value));
		vmx_flush_translations(vcpu); /* as the MOV itself would (SDM 3A 4.10.4.1) */
		break;
	case VIRT_CR4:
		vmcs_write(VMCS_CR4_SHADOW, value);
		vmcs_write(VMCS_GUEST_CR4, value | vmx_controls.cr4_fixed0 | CR4_FORCED);
		vmx_flush_translations(vcpu);
		break;
	case VIRT_EFER: vmcs_write(VMCS_GUEST_EFER, value); break;
	case VIRT_PAT: vmcs_write(VMCS_GUEST_PAT, value); break;
	default: break; /* nobody writes the others */
	}
}
