/* SPDX-License-Identifier: MIT */
/*
 * VMX execution controls: bits, and their values for this CPU, computed once from the capability
 * MSRs (Intel SDM vol. 3D, appendix A) and the same on all CPUs (checked when each is enabled).
 */
#ifndef ARCH_X86_64_VMX_CONTROLS_H
#define ARCH_X86_64_VMX_CONTROLS_H

#include <stdbool.h>
#include <stdint.h>

/* Pin-based, SDM 3C table 25-5. */
#define PIN_EXTERNAL_INTERRUPT (1U << 0)
#define PIN_NMI		       (1U << 3)
#define PIN_VIRTUAL_NMI	       (1U << 5)
#define PIN_PREEMPTION_TIMER   (1U << 6)

/* Primary processor-based, table 25-6. */
#define CPU_INTERRUPT_WINDOW (1U << 2)
#define CPU_HLT		     (1U << 7)
#define CPU_INVLPG	     (1U << 9)
#define CPU_MWAIT	     (1U << 10)
#define CPU_RDPMC	     (1U << 11)
#define CPU_CR3_LOAD	     (1U << 15)
#define CPU_CR3_STORE	     (1U << 16)
#define CPU_CR8_LOAD	     (1U << 19)
#define CPU_CR8_STORE	     (1U << 20)
#define CPU_TPR_SHADOW	     (1U << 21)
#define CPU_IO		     (1U << 24) /* unconditional I/O exiting */
#define CPU_MSR_BITMAPS	     (1U << 28)
#define CPU_MONITOR	     (1U << 29)
#define CPU_SECONDARY	     (1U << 31)

/* Secondary processor-based, table 25-7. */
#define CPU2_EPT		(1U << 1)
#define CPU2_RDTSCP		(1U << 3)
#define CPU2_X2APIC		(1U << 4)
#define CPU2_VPID		(1U << 5)
#define CPU2_WBINVD		(1U << 6)
#define CPU2_UNRESTRICTED	(1U << 7)
#define CPU2_VIRTUAL_INTERRUPTS (1U << 9)
#define CPU2_INVPCID		(1U << 12)

/* VM-exit, table 25-13. */
#define EXIT_SAVE_DEBUG (1U << 2)
#define EXIT_HOST_64BIT (1U << 9)
#define EXIT_SAVE_PAT	(1U << 18)
#define EXIT_LOAD_PAT	(1U << 19)
#define EXIT_SAVE_EFER	(1U << 20)
#define EXIT_LOAD_EFER	(1U << 21)

/* VM-entry, table 25-15. */
#define ENTRY_LOAD_DEBUG  (1U << 2)
#define ENTRY_GUEST_64BIT (1U << 9)
#define ENTRY_LOAD_PAT	  (1U << 14)
#define ENTRY_LOAD_EFER	  (1U << 15)

struct vmx_controls {
	uint32_t pin, primary, secondary, exit, entry;
	uint64_t cr0_fixed0, cr0_fixed1, cr4_fixed0, cr4_fixed1;
	uint32_t revision;    /* VMCS revision identifier */
	uint32_t timer_shift; /* the preemption timer counts TSC >> shift */
	bool has_apicv;	      /* x2APIC virtualisation with virtual-interrupt delivery */
	bool has_vpid;
	bool has_large_pages_1g;
};

/* NULL and *controls filled, or the reason why this CPU will not do. Reads MSRs only. */
const char *vmx_controls_probe(struct vmx_controls *controls);

#endif
