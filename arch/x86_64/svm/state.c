/* SPDX-License-Identifier: MIT */
/*
 * The VMCB of a vCPU from nothing: what is intercepted, the permission maps, the guest's state (AMD
 * APM vol. 2, 15.5, 15.9 to 15.14). Nothing is left at what was there before.
 */
#include "arch/x86_64/cpu_features.h"
#include "arch/x86_64/guest_state.h"
#include "arch/x86_64/msr.h"
#include "arch/x86_64/svm/svm.h"
#include "hv/exit.h"
#include "hv/mem.h"
#include "hv/partition.h"

#include <string.h>

#define IO_MAP_SIZE  0x3000U /* 15.10.1 */
#define MSR_MAP_SIZE 0x2000U /* 15.11 */

#define INTERCEPTED_CR (INTERCEPT_CR_READ(8) | INTERCEPT_CR_WRITE(4) | INTERCEPT_CR_WRITE(8))
#define INTERCEPTED_3                                                                         \
	(INTERCEPT_INTR | INTERCEPT_NMI | INTERCEPT_INIT | INTERCEPT_CR0_CHANGES |            \
	 INTERCEPT_RDPMC | INTERCEPT_CPUID | INTERCEPT_RSM | INTERCEPT_INVD | INTERCEPT_HLT | \
	 INTERCEPT_INVLPGA | INTERCEPT_IO | INTERCEPT_MSR | INTERCEPT_TASK_SWITCH |           \
	 INTERCEPT_FERR_FREEZE | INTERCEPT_SHUTDOWN)
#define INTERCEPTED_4                                                                    \
	(INTERCEPT4_VMRUN | INTERCEPT4_VMMCALL | INTERCEPT4_VMLOAD | INTERCEPT4_VMSAVE | \
	 INTERCEPT4_STGI | INTERCEPT4_CLGI | INTERCEPT4_SKINIT | INTERCEPT4_WBINVD |     \
	 INTERCEPT4_MONITOR | INTERCEPT4_MWAIT | INTERCEPT4_XSETBV | INTERCEPT4_RDPRU)

static uint8_t *io_map;
static uint8_t *msr_map;

/* 15.11: two bits an MSR, the lower for reads; 2 KiB for each of three ranges. 1 exits. */
static void msr_map_permit(uint32_t msr)
{
	uint32_t range = msr >= 0xc0000000U ? 0x800U : 0U;
	uint32_t bit = (msr & 0x1fffU) * 2;

	msr_map[range + bit / 8] &= (uint8_t) ~(3U << bit % 8);
}

/* Allow-lists: no port, and of the MSRs those of the vCPU alone, which VMRUN and VMLOAD exchange.
 */
void svm_maps_build(void)
{
	if (io_map != NULL) {
		return;
	}
	io_map = mem_alloc(IO_MAP_SIZE);
	memset(io_map, 0xff, IO_MAP_SIZE);
	msr_map = mem_alloc(MSR_MAP_SIZE);
	memset(msr_map, 0xff, MSR_MAP_SIZE);
	for (size_t i = 0; i < GUEST_STATE_MSRS; i++) {
		msr_map_permit(guest_state_msrs[i]);
	}
	if (cpu_features_get()->has_rdtscp) { /* exchanged by svm.c */
		msr_map_permit(MSR_TSC_AUX);
	}
}

static void state_set_controls(struct vmcb *vmcb, const struct partition *partition)
{
	vmcb->intercept_cr = INTERCEPTED_CR;
	vmcb->intercept_exceptions = GUEST_STATE_EXCEPTIONS;
	vmcb->intercept_3 = INTERCEPTED_3;
	vmcb->intercept_4 = INTERCEPTED_4;
	/* It would invalidate translations on all CPUs, and ASIDs belong to one (15.9; APM 3). */
	if (svm_features.has_invlpgb) {
		vmcb->intercept_5 = INTERCEPT5_INVLPGB | INTERCEPT5_INVLPGB_ILLEGAL;
	}
	vmcb->io_map = virt_to_phys(io_map).value;
	vmcb->msr_map = virt_to_phys(msr_map).value;
	/* Physical interrupts exit whatever the guest's IF says (15.21.1). */
	vmcb->virtual_interrupt = VIRTUAL_INTR_MASKING;
	vmcb->nested_control = NESTED_PAGING;
	vmcb->nested_cr3 = partition->nested_root;
}

static struct vmcb_segment state_segment(const struct guest_segment *segment)
{
	return (struct vmcb_segment){
		.selector = segment->selector,
		.attributes =
			(uint16_t)((segment->access & 0xffU) | (segment->access >> 4 & 0xf00U)),
		.limit = segment->limit,
		.base = segment->base,
	};
}

void svm_state_reset(struct vcpu *vcpu, const struct virt_start *start)
{
	struct vmcb *vmcb = vmcb_of(vcpu);
	uint32_t asid = vmcb->asid;
	struct guest_state state;

	guest_state_start(start, &state);
	memset(vmcb, 0, sizeof(*vmcb));
	vmcb->asid = asid;
	state_set_controls(vmcb, vcpu->partition);
	vmcb->cs = state_segment(&state.cs);
	vmcb->ss = state_segment(&state.data);
	vmcb->ds = vmcb->ss;
	vmcb->es = vmcb->ss;
	vmcb->fs = vmcb->ss;
	vmcb->gs = vmcb->ss;
	vmcb->tr = state_segment(&state.tss);
	vmcb->ldtr.limit = 0xffff; /* not present */
	vmcb->gdtr.limit = 0xffff;
	vmcb->idtr.limit = 0xffff;
	vmcb->efer = state.efer;
	vmcb->rip = state.rip;
	vmcb->rflags = state.rflags;
	vmcb->dr6 = state.dr6;
	vmcb->dr7 = state.dr7;
	vmcb->cr3 = state.cr3;
	vmcb->pat = PAT_RESET_VALUE;
	svm_register_write(vcpu, VIRT_EFER, state.efer);
	svm_register_write(vcpu, VIRT_CR0, state.cr0);
	svm_register_write(vcpu, VIRT_CR4, state.cr4);
}
