/* SPDX-License-Identifier: MIT */
/*
 * The VMCS of a vCPU from nothing: controls, host state, guest state (SDM 3C 25.4 to 25.8). Host
 * state, guest state and controls are separate functions; nothing is left at what was there before.
 */
#include "arch/x86_64/cr.h"
#include "arch/x86_64/msr.h"
#include "arch/x86_64/vmx/vmx.h"
#include "hv/mem.h"
#include "hv/partition.h"

#include <string.h>

/* Exceptions that ring 0 takes first. #AC and #DB: a guest could make the CPU deliver them without
 * end, with no interrupt in between (CVE-2015-5307, CVE-2015-8104). #MC: the machine's, not the
 * guest's. */
#define INTERCEPTED_EXCEPTIONS ((1U << 1) | (1U << 17) | (1U << 18))

/* Access rights (SDM 3C 25.4.1). */
#define ACCESS_CODE_64	0xa09bU
#define ACCESS_CODE_16	0x009bU
#define ACCESS_DATA	0xc093U
#define ACCESS_DATA_16	0x0093U
#define ACCESS_TSS	0x008bU
#define ACCESS_LDT	0x0082U
#define ACCESS_UNUSABLE 0x10000U

#define CR0_AFTER_INIT	0x60000010ULL /* SDM 3A table 9-1 */
#define MSR_BITMAP_SIZE 4096U
#define X2APIC_TPR	0x808U
#define X2APIC_EOI	0x80bU
#define X2APIC_SELF_IPI 0x83fU

static uint8_t *msr_bitmap;

struct descriptor_register {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

/* SDM 3C 25.6.9: four bitmaps of 1 KiB: read low, read high, write low, write high; 1 exits. */
static void msr_bitmap_permit(uint32_t msr, bool read, bool write)
{
	uint32_t half = msr >= 0xc0000000U ? 1024U : 0U;
	uint32_t bit = msr & 0x1fffU;
	uint8_t clear = (uint8_t) ~(1U << (bit % 8));

	if (read) {
		msr_bitmap[half + bit / 8] &= clear;
	}
	if (write) {
		msr_bitmap[2048U + half + bit / 8] &= clear;
	}
}

/* An allow-list: what is not here exits. All of these belong to the vCPU: they are in the VMCS or
 * are exchanged when another vCPU is loaded. */
void vmx_msr_bitmap_build(void)
{
	static const uint32_t own[] = {
		MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE, MSR_STAR,		MSR_LSTAR,
		MSR_CSTAR,   MSR_FMASK,	  MSR_SYSENTER_CS,    MSR_SYSENTER_ESP, MSR_SYSENTER_EIP,
	};

	if (msr_bitmap != NULL) {
		return;
	}
	msr_bitmap = mem_alloc(MSR_BITMAP_SIZE);
	memset(msr_bitmap, 0xff, MSR_BITMAP_SIZE);
	for (size_t i = 0; i < ARRAY_COUNT(own); i++) {
		msr_bitmap_permit(own[i], true, true);
	}
	if (vmx_controls.has_apicv) {
		/* Virtualised by the CPU (SDM 3C 30.5); nothing reaches the real APIC. */
		msr_bitmap_permit(X2APIC_TPR, true, true);
		msr_bitmap_permit(X2APIC_EOI, false, true);
		msr_bitmap_permit(X2APIC_SELF_IPI, false, true);
	}
}

hpa_t vmx_msr_bitmap(void)
{
	return virt_to_phys(msr_bitmap);
}

static void state_set_controls(struct vcpu *vcpu, bool is_64bit)
{
	struct vmx_vcpu *vmx = vcpu->backend;

	vmx->primary = vmx_controls.primary;
	vmcs_write(VMCS_PIN_CONTROLS, vmx_controls.pin);
	vmcs_write(VMCS_PRIMARY_CONTROLS, vmx->primary);
	vmcs_write(VMCS_SECONDARY_CONTROLS, vmx_controls.secondary);
	vmcs_write(VMCS_EXIT_CONTROLS, vmx_controls.exit);
	vmcs_write(VMCS_ENTRY_CONTROLS, vmx_controls.entry | (is_64bit ? ENTRY_GUEST_64BIT : 0));
	vmcs_write(VMCS_EXCEPTION_BITMAP, INTERCEPTED_EXCEPTIONS);
	vmcs_write(VMCS_PAGE_FAULT_MASK, 0);
	vmcs_write(VMCS_PAGE_FAULT_MATCH, 0);
	vmcs_write(VMCS_CR3_TARGET_COUNT, 0);
	vmcs_write(VMCS_EXIT_MSR_STORE_COUNT, 0);
	vmcs_write(VMCS_EXIT_MSR_LOAD_COUNT, 0);
	vmcs_write(VMCS_ENTRY_MSR_LOAD_COUNT, 0);
	vmcs_write(VMCS_ENTRY_INTERRUPTION, 0);
	vmcs_write(VMCS_ENTRY_ERROR_CODE, 0);
	vmcs_write(VMCS_ENTRY_LENGTH, 0);
	vmcs_write(VMCS_TSC_OFFSET, 0);
	vmcs_write(VMCS_MSR_BITMAP, vmx_msr_bitmap().value);
	vmcs_write(VMCS_EPT_POINTER, vcpu->partition->nested_root);
	if (vmx_controls.has_vpid) {
		vmcs_write(VMCS_VPID, vmx_vpid(vcpu));
	}
	if (vmx_controls.has_apicv) {
		vmcs_write(VMCS_VIRTUAL_APIC, virt_to_phys(vcpu->lapic.page).value);
		vmcs_write(VMCS_TPR_THRESHOLD, 0);
		vmcs_write(VMCS_GUEST_INTERRUPT_STATUS, 0);
		for (uint32_t i = 0; i < 4; i++) {
			vmcs_write(VMCS_EOI_EXIT_0 + 2 * i, 0);
		}
	}
}

/* Base of the current TSS from its descriptor in the GDT (SDM 3A 7.2.3). */
static uint64_t state_tss_base(uint64_t gdt_base, uint16_t selector)
{
	const uint64_t *entry = (const uint64_t *)(gdt_base + (selector & 0xfff8U));

	return ((entry[0] >> 16) & 0xffffff) | ((entry[0] >> 56) << 24) | (entry[1] << 32);
}

static void state_set_host(void)
{
	struct descriptor_register gdt;
	struct descriptor_register idt;
	uint16_t cs;
	uint16_t tr;

	__asm__ volatile("sgdt %0" : "=m"(gdt));
	__asm__ volatile("sidt %0" : "=m"(idt));
	__asm__ volatile("mov %%cs, %0" : "=r"(cs));
	__asm__ volatile("str %0" : "=r"(tr));
	vmcs_write(VMCS_HOST_CS_SELECTOR, cs);
	vmcs_write(VMCS_HOST_SS_SELECTOR, 0);
	vmcs_write(VMCS_HOST_DS_SELECTOR, 0);
	vmcs_write(VMCS_HOST_ES_SELECTOR, 0);
	vmcs_write(VMCS_HOST_FS_SELECTOR, 0);
	vmcs_write(VMCS_HOST_GS_SELECTOR, 0);
	vmcs_write(VMCS_HOST_TR_SELECTOR, tr);
	vmcs_write(VMCS_HOST_CR0, read_cr0());
	vmcs_write(VMCS_HOST_CR3, read_cr3());
	vmcs_write(VMCS_HOST_CR4, read_cr4());
	vmcs_write(VMCS_HOST_EFER, rdmsr(MSR_EFER));
	vmcs_write(VMCS_HOST_PAT, rdmsr(MSR_PAT));
	vmcs_write(VMCS_HOST_FS_BASE, 0);
	vmcs_write(VMCS_HOST_GS_BASE, rdmsr(MSR_GS_BASE));
	vmcs_write(VMCS_HOST_TR_BASE, state_tss_base(gdt.base, tr));
	vmcs_write(VMCS_HOST_GDTR_BASE, gdt.base);
	vmcs_write(VMCS_HOST_IDTR_BASE, idt.base);
	vmcs_write(VMCS_HOST_SYSENTER_CS, 0);
	vmcs_write(VMCS_HOST_SYSENTER_ESP, 0);
	vmcs_write(VMCS_HOST_SYSENTER_EIP, 0);
	vmcs_write(VMCS_HOST_RIP, (uint64_t)vmx_exit);
}

static void state_set_segment(enum vmcs_segment segment, uint16_t selector, uint64_t base,
			      uint32_t limit, uint32_t access)
{
	vmcs_write(VMCS_GUEST_ES_SELECTOR + 2 * segment, selector);
	vmcs_write(VMCS_GUEST_ES_BASE + 2 * segment, base);
	vmcs_write(VMCS_GUEST_ES_LIMIT + 2 * segment, limit);
	vmcs_write(VMCS_GUEST_ES_ACCESS + 2 * segment, access);
}

static void state_set_data_segments(uint32_t limit, uint32_t access)
{
	static const enum vmcs_segment data[] = {SEG_ES, SEG_SS, SEG_DS, SEG_FS, SEG_GS};

	for (size_t i = 0; i < ARRAY_COUNT(data); i++) {
		state_set_segment(data[i], 0, 0, limit, access);
	}
	state_set_segment(SEG_TR, 0, 0, 0xffff, ACCESS_TSS);
	state_set_segment(SEG_LDTR, 0, 0, 0xffff, ACCESS_LDT | ACCESS_UNUSABLE);
}

/* 64-bit mode with paging, flat segments, interrupts off: as the manifest's record says. The
 * selectors are null: the guest loads its own GDT before it loads a segment register. */
static void state_set_guest_64bit(const struct virt_start *start)
{
	state_set_segment(SEG_CS, 8, 0, 0xffffffffU, ACCESS_CODE_64);
	state_set_data_segments(0xffffffffU, ACCESS_DATA);
	vmx_cr_reset(CR0_PE | CR0_ET | CR0_NE | CR0_WP | CR0_PG, CR4_PAE);
	vmcs_write(VMCS_GUEST_CR3, start->cr3);
	vmcs_write(VMCS_GUEST_EFER, EFER_LME | EFER_LMA | EFER_NXE);
	vmcs_write(VMCS_GUEST_RIP, start->rip);
}

/* After a start-up IPI (SDM 3A 9.4.4.2): real mode at vector << 12. */
static void state_set_guest_real(const struct virt_start *start)
{
	uint16_t selector = (uint16_t)(start->sipi_vector << 8);

	state_set_segment(SEG_CS, selector, (uint64_t)selector << 4, 0xffff, ACCESS_CODE_16);
	state_set_data_segments(0xffff, ACCESS_DATA_16);
	vmx_cr_reset(CR0_AFTER_INIT, 0);
	vmcs_write(VMCS_GUEST_CR3, 0);
	vmcs_write(VMCS_GUEST_EFER, 0);
	vmcs_write(VMCS_GUEST_RIP, 0);
}

static void state_set_guest_common(void)
{
	vmcs_write(VMCS_GUEST_RSP, 0);
	vmcs_write(VMCS_GUEST_RFLAGS, RFLAGS_ALWAYS_SET);
	vmcs_write(VMCS_GUEST_GDTR_BASE, 0);
	vmcs_write(VMCS_GUEST_GDTR_LIMIT, 0xffff);
	vmcs_write(VMCS_GUEST_IDTR_BASE, 0);
	vmcs_write(VMCS_GUEST_IDTR_LIMIT, 0xffff);
	vmcs_write(VMCS_GUEST_PAT, PAT_RESET_VALUE);
	vmcs_write(VMCS_GUEST_SYSENTER_CS, 0);
	vmcs_write(VMCS_GUEST_SYSENTER_ESP, 0);
	vmcs_write(VMCS_GUEST_SYSENTER_EIP, 0);
	vmcs_write(VMCS_GUEST_DR7, 0x400);
	vmcs_write(VMCS_GUEST_DEBUGCTL, 0);
	vmcs_write(VMCS_GUEST_PENDING_DEBUG, 0);
	vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, 0);
	vmcs_write(VMCS_GUEST_ACTIVITY, 0);
	vmcs_write(VMCS_GUEST_LINK_POINTER, ~0ULL);
}

void vmx_state_reset(struct vcpu *vcpu, const struct virt_start *start)
{
	state_set_controls(vcpu, !start->is_real_mode);
	state_set_host();
	state_set_guest_common();
	if (start->is_real_mode) {
		state_set_guest_real(start);
	} else {
		state_set_guest_64bit(start);
	}
}
