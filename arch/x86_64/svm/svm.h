/* SPDX-License-Identifier: MIT */
/*
 * Inside of the AMD-V backend: what its files share. Nothing outside arch/x86_64/svm includes this.
 */
#ifndef ARCH_X86_64_SVM_SVM_H
#define ARCH_X86_64_SVM_SVM_H

#include "arch/x86_64/svm/vmcb.h"
#include "hv/vcpu.h"

/* What this CPU's AMD-V offers (AMD APM vol. 3, appendix E, CPUID Fn8000_000A). */
struct svm_features {
	uint32_t asid_count; /* 0 is the host's */
	bool has_next_rip;
	bool has_flush_by_asid;
	bool has_invlpgb;
	bool repeats_events; /* may deliver an injected interrupt again, even with interrupts off */
};

/* Of a physical CPU. */
struct svm_cpu {
	struct vmcb *host; /* what VMSAVE keeps of ring 0's state, and VMLOAD gives back */
	hpa_t host_address;
	hpa_t host_save;     /* VM_HSAVE_PA */
	uint64_t generation; /* of ASIDs; all of them are given out anew in each */
	uint32_t asid_next;
	bool flush_all; /* at the next VMRUN */
};

struct svm_vcpu {
	struct vmcb *vmcb;
	hpa_t address;
	uint64_t generation;  /* of its ASID; 0: it needs one */
	uint64_t next_rip;    /* behind the instruction that exited; 0: not known */
	uint32_t shadow_kept; /* entries in a row for which ring 0 kept the interrupt shadow */
	/* What neither VMRUN nor VMLOAD exchanges (APM 2, 15.5.1, 15.5.2). */
	uint64_t tsc_aux, dr[4];
};

extern struct svm_features svm_features;

/* entry.S: enters the guest, with the VMCB's and ring 0's physical addresses. */
void svm_entry(struct vcpu *vcpu, uint64_t vmcb, uint64_t host);

/* state.c */
void svm_maps_build(void);
void svm_state_reset(struct vcpu *vcpu, const struct virt_start *start);

/* svm.c: what the CPU has cached of the vCPU's translations is not used any more. */
void svm_flush_translations(struct vcpu *vcpu);
/* For the next VMRUN: an ASID, and what is to be flushed. */
void svm_prepare_asid(struct vcpu *vcpu);

/* registers.c */
uint64_t svm_register_read(struct vcpu *vcpu, enum virt_register reg);
void svm_register_write(struct vcpu *vcpu, enum virt_register reg, uint64_t value);
uint64_t svm_cr4_permitted(void);

/* run.c */
void svm_vcpu_enter(struct vcpu *vcpu, uint64_t deadline, struct virt_exit *exit);
void svm_vcpu_advance(struct vcpu *vcpu, uint32_t length);
bool svm_inject_exception(struct vcpu *vcpu, uint8_t vector, bool has_error, uint32_t error);
void svm_deliver_interrupts(struct vcpu *vcpu);

/* exits.c: why the guest left, and where its next instruction is. */
void svm_exit_decode(struct vcpu *vcpu, struct virt_exit *exit);
/* Is HLT the next instruction? */
bool svm_exit_is_at_hlt(struct vcpu *vcpu);

static inline struct svm_vcpu *svm_of(const struct vcpu *vcpu)
{
	return vcpu->backend;
}

static inline struct vmcb *vmcb_of(const struct vcpu *vcpu)
{
	return svm_of(vcpu)->vmcb;
}

#endif
