/* SPDX-License-Identifier: MIT */
/*
 * The VMX controls that Muxvisor needs, each checked against the capability MSR of this CPU.
 */
#include "arch/x86_64/vmx/controls.h"

#include "arch/x86_64/msr.h"

#include <stddef.h>

/* IA32_VMX_EPT_VPID_CAP, SDM 3D A.10. */
#define EPT_CAP_WALK_4	    (1ULL << 6)
#define EPT_CAP_WRITE_BACK  (1ULL << 14)
#define EPT_CAP_2M	    (1ULL << 16)
#define EPT_CAP_1G	    (1ULL << 17)
#define EPT_CAP_INVEPT	    (1ULL << 20)
#define EPT_CAP_INVEPT_ALL  (1ULL << 26)
#define EPT_CAP_INVVPID	    (1ULL << 32)
#define EPT_CAP_INVVPID_ONE (1ULL << 41)
#define EPT_CAP_INVVPID_ALL (1ULL << 42)

#define BASIC_TRUE_CONTROLS (1ULL << 55) /* SDM 3D A.1 */
#define BASIC_WRITE_BACK    6ULL

/*
 * Capability MSR: low half, bits that must be 1; high half, bits that may be 1 (SDM 3D A.3). Takes
 * all of `required`, and of `optional` what the CPU has. False when a required bit is missing.
 */
static bool controls_take(uint32_t msr, uint32_t required, uint32_t optional, uint32_t *out)
{
	uint64_t capability = rdmsr(msr);
	uint32_t forced = (uint32_t)capability;
	uint32_t allowed = (uint32_t)(capability >> 32);

	*out = forced | required | (optional & allowed);
	return (required & ~allowed) == 0;
}

static const char *controls_take_processor(struct vmx_controls *c)
{
	const uint32_t apicv = CPU2_X2APIC | CPU2_VIRTUAL_INTERRUPTS;

	if (!controls_take(MSR_VMX_TRUE_PROCBASED_CTLS,
			   CPU_HLT | CPU_MWAIT | CPU_MONITOR | CPU_RDPMC | CPU_IO |
				   CPU_MSR_BITMAPS | CPU_SECONDARY,
			   CPU_TPR_SHADOW, &c->primary)) {
		return "VT-x lacks MSR bitmaps, I/O exiting or secondary controls: this CPU is too "
		       "old";
	}
	if ((c->primary & (CPU_CR3_LOAD | CPU_CR3_STORE | CPU_INVLPG)) != 0) {
		return "VT-x forces exits on CR3 accesses: this CPU is too old";
	}
	if (!controls_take(MSR_VMX_PROCBASED_CTLS2, CPU2_EPT | CPU2_UNRESTRICTED,
			   CPU2_RDTSCP | CPU2_VPID | CPU2_WBINVD | CPU2_INVPCID | apicv,
			   &c->secondary)) {
		return "no EPT or no unrestricted guest: use a CPU of the Westmere generation or "
		       "later";
	}
	c->has_vpid = (c->secondary & CPU2_VPID) != 0;
	c->has_apicv = (c->secondary & apicv) == apicv && (c->primary & CPU_TPR_SHADOW) != 0;
	if (!c->has_apicv) {
		c->secondary &= ~apicv;
		c->primary = (c->primary & ~CPU_TPR_SHADOW) | CPU_CR8_LOAD | CPU_CR8_STORE;
	}
	return NULL;
}

static const char *controls_take_ept(struct vmx_controls *c)
{
	const uint64_t needed = EPT_CAP_WALK_4 | EPT_CAP_WRITE_BACK | EPT_CAP_2M | EPT_CAP_INVEPT |
				EPT_CAP_INVEPT_ALL;
	uint64_t capability = rdmsr(MSR_VMX_EPT_VPID_CAP);

	if ((capability & needed) != needed) {
		return "EPT lacks 4-level walks, write-back tables, 2 MiB pages or INVEPT";
	}
	c->has_large_pages_1g = (capability & EPT_CAP_1G) != 0;
	if (c->has_vpid && ((capability & EPT_CAP_INVVPID) == 0 ||
			    (capability & (EPT_CAP_INVVPID_ONE | EPT_CAP_INVVPID_ALL)) !=
				    (EPT_CAP_INVVPID_ONE | EPT_CAP_INVVPID_ALL))) {
		c->has_vpid = false;
		c->secondary &= ~CPU2_VPID;
	}
	return NULL;
}

const char *vmx_controls_probe(struct vmx_controls *c)
{
	uint64_t feature = rdmsr(MSR_FEATURE_CONTROL);
	uint64_t basic;
	const char *why;

	if ((feature & FEATURE_CONTROL_LOCK) != 0 && (feature & FEATURE_CONTROL_VMX) == 0) {
		return "VT-x is locked off by the firmware: enable it in the firmware's setup";
	}
	basic = rdmsr(MSR_VMX_BASIC);
	if ((basic & BASIC_TRUE_CONTROLS) == 0 || ((basic >> 50) & 0xf) != BASIC_WRITE_BACK) {
		return "VT-x lacks the TRUE control MSRs: this CPU is too old";
	}
	c->revision = (uint32_t)basic & 0x7fffffffU;
	if (!controls_take(MSR_VMX_TRUE_PINBASED_CTLS,
			   PIN_EXTERNAL_INTERRUPT | PIN_NMI | PIN_VIRTUAL_NMI |
				   PIN_PREEMPTION_TIMER,
			   0, &c->pin)) {
		return "VT-x lacks virtual NMIs or the preemption timer: this CPU is too old";
	}
	why = controls_take_processor(c);
	if (why != NULL) {
		return why;
	}
	if (!controls_take(MSR_VMX_TRUE_EXIT_CTLS,
			   EXIT_SAVE_DEBUG | EXIT_HOST_64BIT | EXIT_SAVE_PAT | EXIT_LOAD_PAT |
				   EXIT_SAVE_EFER | EXIT_LOAD_EFER,
			   0, &c->exit) ||
	    !controls_take(MSR_VMX_TRUE_ENTRY_CTLS,
			   ENTRY_LOAD_DEBUG | ENTRY_LOAD_PAT | ENTRY_LOAD_EFER, 0, &c->entry)) {
		return "VT-x cannot switch EFER and PAT: this CPU is too old";
	}
	c->timer_shift = (uint32_t)rdmsr(MSR_VMX_MISC) & 0x1f;
	c->cr0_fixed0 = rdmsr(MSR_VMX_CR0_FIXED0);
	c->cr0_fixed1 = rdmsr(MSR_VMX_CR0_FIXED1);
	c->cr4_fixed0 = rdmsr(MSR_VMX_CR4_FIXED0);
	c->cr4_fixed1 = rdmsr(MSR_VMX_CR4_FIXED1);
	return controls_take_ept(c);
}
