/* SPDX-License-Identifier: MIT */
/*
 * The virtual-machine control block (AMD APM vol. 2, appendix B): control area, state-save area,
 * and the bits of their fields. Plain memory: between two VMRUNs ring 0 reads and writes it. No
 * clean bits are set, so the CPU takes every field anew (15.15.1).
 */
#ifndef ARCH_X86_64_SVM_VMCB_H
#define ARCH_X86_64_SVM_VMCB_H

#include <stddef.h>
#include <stdint.h>

/* Vector 0: reads of CRn in bit n, writes in bit 16 + n. */
#define INTERCEPT_CR_READ(n)  (1U << (n))
#define INTERCEPT_CR_WRITE(n) (1U << (16 + (n)))

/* Vector 3 (offset 00Ch). */
#define INTERCEPT_INTR	      (1U << 0)
#define INTERCEPT_NMI	      (1U << 1)
#define INTERCEPT_INIT	      (1U << 3)
#define INTERCEPT_VINTR	      (1U << 4)
#define INTERCEPT_CR0_CHANGES (1U << 5) /* writes that change more than TS and MP */
#define INTERCEPT_RDPMC	      (1U << 15)
#define INTERCEPT_CPUID	      (1U << 18)
#define INTERCEPT_RSM	      (1U << 19)
#define INTERCEPT_INVD	      (1U << 22)
#define INTERCEPT_HLT	      (1U << 24)
#define INTERCEPT_INVLPGA     (1U << 26)
#define INTERCEPT_IO	      (1U << 27)
#define INTERCEPT_MSR	      (1U << 28)
#define INTERCEPT_TASK_SWITCH (1U << 29)
#define INTERCEPT_FERR_FREEZE (1U << 30)
#define INTERCEPT_SHUTDOWN    (1U << 31)

/* Vector 4 (offset 010h). */
#define INTERCEPT4_VMRUN   (1U << 0)
#define INTERCEPT4_VMMCALL (1U << 1)
#define INTERCEPT4_VMLOAD  (1U << 2)
#define INTERCEPT4_VMSAVE  (1U << 3)
#define INTERCEPT4_STGI	   (1U << 4)
#define INTERCEPT4_CLGI	   (1U << 5)
#define INTERCEPT4_SKINIT  (1U << 6)
#define INTERCEPT4_WBINVD  (1U << 9)
#define INTERCEPT4_MONITOR (1U << 10)
#define INTERCEPT4_MWAIT   (1U << 11)
#define INTERCEPT4_XSETBV  (1U << 13)
#define INTERCEPT4_RDPRU   (1U << 14)

/* Vector 5 (offset 014h). */
#define INTERCEPT5_INVLPGB	   (1U << 0)
#define INTERCEPT5_INVLPGB_ILLEGAL (1U << 1)

/* TLB_CONTROL, offset 05Ch (15.16.1). */
#define TLB_KEEP	0U
#define TLB_FLUSH_ALL	1U
#define TLB_FLUSH_GUEST 3U /* this ASID; needs FlushByAsid */

/* Virtual interrupt control, offset 060h (15.21.1, 15.21.4). */
#define VIRTUAL_IRQ		 (1ULL << 8)
#define VIRTUAL_IRQ_PRIORITY_MAX (15ULL << 16)
#define VIRTUAL_IRQ_IGNORE_TPR	 (1ULL << 20)
#define VIRTUAL_INTR_MASKING	 (1ULL << 24)
#define VIRTUAL_IRQ_VECTOR_SHIFT 32U
#define VIRTUAL_IRQ_VECTOR	 (0xffULL << VIRTUAL_IRQ_VECTOR_SHIFT)
#define VIRTUAL_IRQ_REQUEST	 (VIRTUAL_IRQ | VIRTUAL_IRQ_PRIORITY_MAX | VIRTUAL_IRQ_IGNORE_TPR)

#define INTERRUPT_SHADOW (1ULL << 0) /* offset 068h */
#define NESTED_PAGING	 (1ULL << 0) /* offset 090h */

/* EVENTINJ and EXITINTINFO (15.20, 15.7.2). */
#define EVENT_VALID	     (1ULL << 31)
#define EVENT_HAS_ERROR	     (1ULL << 11)
#define EVENT_VECTOR(e)	     ((uint8_t)(e))
#define EVENT_TYPE(e)	     ((uint32_t)((e) >> 8) & 7)
#define EVENT_EXTERNAL	     (0ULL << 8)
#define EVENT_EXCEPTION	     (3ULL << 8)
#define EVENT_TYPE_EXCEPTION 3U
#define EVENT_TYPE_SOFTWARE  4U /* INT n */

/* Attributes: bits 55:52 and 47:40 of a descriptor, side by side (15.5.1). */
struct vmcb_segment {
	uint16_t selector;
	uint16_t attributes;
	uint32_t limit;
	uint64_t base;
};

struct vmcb {
	uint32_t intercept_cr;
	uint32_t intercept_dr;
	uint32_t intercept_exceptions;
	uint32_t intercept_3;
	uint32_t intercept_4;
	uint32_t intercept_5;
	uint8_t reserved_018[0x40 - 0x18];
	uint64_t io_map;
	uint64_t msr_map;
	uint64_t tsc_offset;
	uint32_t asid;
	uint8_t tlb_control;
	uint8_t reserved_05d[3];
	uint64_t virtual_interrupt;
	uint64_t interrupt_state;
	uint64_t exit_code;
	uint64_t exit_info_1;
	uint64_t exit_info_2;
	uint64_t exit_event; /* EXITINTINFO */
	uint64_t nested_control;
	uint8_t reserved_098[0xa8 - 0x98];
	uint64_t event; /* EVENTINJ */
	uint64_t nested_cr3;
	uint64_t lbr_control;
	uint64_t clean;
	uint64_t next_rip;
	uint8_t reserved_0d0[0x400 - 0xd0];
	/* State-save area. */
	struct vmcb_segment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
	uint8_t reserved_4a0[0x4cb - 0x4a0];
	uint8_t cpl;
	uint32_t reserved_4cc;
	uint64_t efer;
	uint8_t reserved_4d8[0x548 - 0x4d8];
	uint64_t cr4, cr3, cr0, dr7, dr6, rflags, rip;
	uint8_t reserved_580[0x5d8 - 0x580];
	uint64_t rsp;
	uint8_t reserved_5e0[0x5f8 - 0x5e0];
	uint64_t rax, star, lstar, cstar, sfmask, kernel_gs_base;
	uint64_t sysenter_cs, sysenter_esp, sysenter_eip, cr2;
	uint8_t reserved_648[0x668 - 0x648];
	uint64_t pat, debugctl;
	uint8_t reserved_678[0x1000 - 0x678];
};

_Static_assert(offsetof(struct vmcb, io_map) == 0x040, "VMCB layout");
_Static_assert(offsetof(struct vmcb, asid) == 0x058, "VMCB layout");
_Static_assert(offsetof(struct vmcb, virtual_interrupt) == 0x060, "VMCB layout");
_Static_assert(offsetof(struct vmcb, exit_code) == 0x070, "VMCB layout");
_Static_assert(offsetof(struct vmcb, nested_control) == 0x090, "VMCB layout");
_Static_assert(offsetof(struct vmcb, event) == 0x0a8, "VMCB layout");
_Static_assert(offsetof(struct vmcb, next_rip) == 0x0c8, "VMCB layout");
_Static_assert(offsetof(struct vmcb, es) == 0x400, "VMCB layout");
_Static_assert(offsetof(struct vmcb, tr) == 0x490, "VMCB layout");
_Static_assert(offsetof(struct vmcb, cpl) == 0x4cb, "VMCB layout");
_Static_assert(offsetof(struct vmcb, efer) == 0x4d0, "VMCB layout");
_Static_assert(offsetof(struct vmcb, cr4) == 0x548, "VMCB layout");
_Static_assert(offsetof(struct vmcb, rip) == 0x578, "VMCB layout");
_Static_assert(offsetof(struct vmcb, rsp) == 0x5d8, "VMCB layout");
_Static_assert(offsetof(struct vmcb, rax) == 0x5f8, "VMCB layout");
_Static_assert(offsetof(struct vmcb, cr2) == 0x640, "VMCB layout");
_Static_assert(offsetof(struct vmcb, pat) == 0x668, "VMCB layout");
_Static_assert(sizeof(struct vmcb) == 0x1000, "VMCB layout");

#endif
