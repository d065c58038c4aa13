/* SPDX-License-Identifier: MIT */
/*
 * Inside of the VT-x backend: what its files share. Nothing outside arch/x86_64/vmx includes this.
 */
#ifndef ARCH_X86_64_VMX_VMX_H
#define ARCH_X86_64_VMX_VMX_H

#include "arch/x86_64/vmx/controls.h"
#include "arch/x86_64/vmx/vmcs.h"
#include "hv/vcpu.h"

struct vmx_vcpu {
	hpa_t vmcs;
	bool is_launched;      /* since the last VMCLEAR: VMRESUME, not VMLAUNCH */
	bool is_event_pending; /* the entry-interruption field is set for the next entry */
	uint32_t primary;      /* current value of that control */
	/* State that VT-x leaves in the CPU while another vCPU runs (SDM 3C 26.3.1 does not list
	 * it). */
	uint64_t kernel_gs_base, star, lstar, cstar, syscall_mask, tsc_aux;
	uint64_t cr2, dr[4], dr6;
};

extern struct vmx_controls vmx_controls;

/* entry.S */
int vmx_entry(struct vcpu *vcpu, bool launched);
extern const char vmx_exit[];

/* state.c: the whole VMCS of a vCPU for its start; the VMCS is current. */
void vmx_state_reset(struct vcpu *vcpu, const struct virt_start *start);
hpa_t vmx_msr_bitmap(void);
void vmx_msr_bitmap_build(void);

/* vmx.c */
bool vmx_has_rdtscp(void);
uint32_t vmx_vpid(const struct vcpu *vcpu);
/* Drops what the CPU has cached of the vCPU's address translations. */
void vmx_flush_translations(const struct vcpu *vcpu);

/* registers.c */
uint64_t vmx_register_read(struct vcpu *vcpu, enum virt_register reg);
void vmx_register_write(struct vcpu *vcpu, enum virt_register reg, uint64_t value);
/* Bits of CR4 that a guest may set on this CPU. */
uint64_t vmx_cr4_permitted(void);
void vmx_cr_reset(uint64_t cr0, uint64_t cr4);

/* run.c */
void vmx_vcpu_enter(struct vcpu *vcpu, uint64_t deadline, struct virt_exit *exit);
void vmx_vcpu_advance(struct vcpu *vcpu, uint32_t length);
bool vmx_inject_exception(struct vcpu *vcpu, uint8_t vector, bool has_error, uint32_t error);
void vmx_deliver_interrupts(struct vcpu *vcpu);

/* exits.c: reads why the guest left and fills *exit; the VMCS is current. */
void vmx_exit_decode(struct vcpu *vcpu, struct virt_exit *exit);

#endif
