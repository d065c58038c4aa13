/* SPDX-License-Identifier: MIT */
/* How a vCPU starts: in 64-bit mode as the manifest's record says, or by a start-up IPI. */
#include "arch/x86_64/guest_state.h"

#include "arch/x86_64/cr.h"
#include "arch/x86_64/msr.h"

#define ACCESS_CODE_64 0xa09bU
#define ACCESS_CODE_16 0x009bU
#define ACCESS_DATA    0xc093U
#define ACCESS_DATA_16 0x0093U
#define ACCESS_TSS     0x008bU
#define CR0_AFTER_INIT 0x60000010ULL /* SDM 3A table 9-1, as DR6 and DR7 */
#define DR6_AFTER_INIT 0xffff0ff0ULL
#define DR7_AFTER_INIT 0x400ULL

const uint32_t guest_state_msrs[GUEST_STATE_MSRS] = {
	MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE, MSR_STAR,		MSR_LSTAR,
	MSR_CSTAR,   MSR_FMASK,	  MSR_SYSENTER_CS,    MSR_SYSENTER_ESP, MSR_SYSENTER_EIP,
};

/* Paging on, flat segments, interrupts off. The data selectors are null: the guest loads its own
 * GDT before it loads a segment register. */
static void start_64bit(const struct virt_start *start, struct guest_state *state)
{
	state->cs = (struct guest_segment){.selector = 8, .access = ACCESS_CODE_64, .limit = ~0U};
	state->data = (struct guest_segment){.access = ACCESS_DATA, .limit = ~0U};
	state->cr0 = CR0_PE | CR0_ET | CR0_NE | CR0_WP | CR0_PG;
	state->cr3 = start->cr3;
	state->cr4 = CR4_PAE;
	state->efer = EFER_LME | EFER_LMA | EFER_NXE;
	state->rip = start->rip;
}

/* Real mode at vector << 12 (SDM 3A 9.4.4.2). */
static void start_real(const struct virt_start *start, struct guest_state *state)
{
	uint16_t selector = (uint16_t)(start->sipi_vector << 8);

	state->cs = (struct guest_segment){
		.selector = selector,
		.access = ACCESS_CODE_16,
		.limit = 0xffff,
		.base = (uint64_t)selector << 4,
	};
	state->data = (struct guest_segment){.access = ACCESS_DATA_16, .limit = 0xffff};
	state->cr0 = CR0_AFTER_INIT;
}

void guest_state_start(const struct virt_start *start, struct guest_state *state)
{
	*state = (struct guest_state){
		.tss = {.access = ACCESS_TSS, .limit = 0xffff},
		.rflags = RFLAGS_ALWAYS_SET,
		.dr6 = DR6_AFTER_INIT,
		.dr7 = DR7_AFTER_INIT,
	};
	if (start->is_real_mode) {
		start_real(start, state);
	} else {
		start_64bit(start, state);
	}
}
