/* SPDX-License-Identifier: MIT */
/*
 * What both backends do alike with a vCPU: its state at the start, the MSRs that it may use without
 * an exit, the exceptions that ring 0 takes first, and the registers that neither VT-x nor AMD-V
 * exchanges by itself. No state of its own, no lock.
 */
#ifndef ARCH_X86_64_GUEST_STATE_H
#define ARCH_X86_64_GUEST_STATE_H

#include "hv/virt.h"

/* Exceptions that ring 0 takes first. #AC and #DB: a guest could make the CPU deliver them without
 * end, with no interrupt in between (CVE-2015-5307, CVE-2015-8104). #MC: the machine's, not the
 * guest's. */
#define GUEST_STATE_EXCEPTIONS ((1U << 1) | (1U << 17) | (1U << 18))

/* MSRs of the vCPU alone: in the VMCS or VMCB, or exchanged when another vCPU is loaded. */
#define GUEST_STATE_MSRS 10U
extern const uint32_t guest_state_msrs[GUEST_STATE_MSRS];

struct guest_segment {
	uint16_t selector;
	uint16_t access; /* as VT-x has it (SDM 3C 25.4.1): type, S, DPL, P; AVL, L, D, G from bit
			    12 */
	uint32_t limit;
	uint64_t base;
};

/* All that is not here is 0, descriptor-table limits are 0xffff, and LDTR is unusable. */
struct guest_state {
	struct guest_segment cs, data, tss; /* data: DS, ES, FS, GS, SS */
	uint64_t cr0, cr3, cr4, efer, rip, rflags, dr6, dr7;
};

void guest_state_start(const struct virt_start *start, struct guest_state *state);

#endif
