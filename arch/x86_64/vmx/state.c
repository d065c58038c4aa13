/* SPDX-License-Identifier: MIT */
/*
 * The VMCS of a vCPU from nothing: controls, host state, guest state (SDM 3C 25.4 to 25.8). Host
 * state, guest state and controls are separate functions; nothing is left at what was there before.
 */
#include "arch/x86_64/cr.h"
#include "arch/x86_64/descriptors.h"
#include "arch/x86_64/guest_state.h"
#include "arch/x86_64/msr.h"
#include "arch/x86_64/vmx/vmx.h"
#include "hv/mem.h"
#include "hv/partition.h"

#include <string.h>

#define ACCESS_LDT	0x0082U /* SDM 3C 25.4.1 */
#define ACCESS_UNUSABLE 0x10000U

#define MSR_BITMAP_SIZE 4096U
#define X2APIC_TPR	0x808U
#define X2APIC_EOI	0x80bU

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

/* An allow-list: what is not here exits. */
void vmx_msr_bitmap_build(void)
{
	if (msr_bitmap != NULL) {
		return;
	}
	msr_bitmap = mem_alloc(MSR_BITMAP_SIZE);
	memset(msr_bitmap, 0xff, MSR_BITMAP_SIZE);
	for (size_t i = 0; i < GUEST_STATE_MSRS; i++) {
		msr_bitmap_permit(guest_state_msrs[i], true, true);
	}
	if (vmx_has_rdtscp()) {
		msr_bitmap_permit(MSR_TSC_AUX, true, true);
	}
	if (vmx_controls.has_apicv) {
		/* Virtualised by the CPU (SDM 3C 30.5); nothing reaches the real APIC. Not the
		 * self-IPI: a vector below 16 there is an exit after the instruction. */
		msr_bitmap_permit(X2APIC_TPR, true, true);
		msr_bitmap_permit(X2APIC_EOI, false, true);
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
	vmcs_write(VMCS_EXCEPTION_BITMAP, GUEST_STATE_EXCEPTIONS);
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

static void state_set_host(void)
{
	const struct cpu_tables *tables = this_cpu()->tables;
	struct descriptor_register idt;

	__asm__ volatile("sidt %0" : "=m"(idt));
	vmcs_write(VMCS_HOST_CS_SELECTOR, SELECTOR_CODE);
	vmcs_write(VMCS_HOST_SS_SELECTOR, 0);
	vmcs_write(VMCS_HOST_DS_SELECTOR, 0);
	vmcs_write(VMCS_HOST_ES_SELECTOR, 0);
	vmcs_write(VMCS_HOST_FS_SELECTOR, 0);
	vmcs_write(VMCS_HOST_GS_SELECTOR, 0);
	vmcs_write(VMCS_HOST_TR_SELECTOR, SELECTOR_TSS);
	vmcs_write(VMCS_HOST_CR0, read_cr0());
	vmcs_write(VMCS_HOST_CR3, read_cr3());
	vmcs_write(VMCS_HOST_CR4, read_cr4());
	vmcs_write(VMCS_HOST_EFER, rdmsr(MSR_EFER));
	vmcs_write(VMCS_HOST_PAT, rdmsr(MSR_PAT));
	vmcs_write(VMCS_HOST_FS_BASE, 0);
	vmcs_write(VMCS_HOST_GS_BASE, rdmsr(MSR_GS_BASE));
	vmcs_write(VMCS_HOST_TR_BASE, (uint64_t)&tables->tss);
	vmcs_write(VMCS_HOST_GDTR_BASE, (uint64_t)tables->gdt);
	vmcs_write(VMCS_HOST_IDTR_BASE, idt.base);
	vmcs_write(VMCS_HOST_SYSENTER_CS, 0);
	vmcs_write(VMCS_HOST_SYSENTER_ESP, 0);
	vmcs_write(VMCS_HOST_SYSENTER_EIP, 0);
	vmcs_write(VMCS_HOST_RIP, (uint64_t)vmx_exit);
}

static void state_set_segment(enum vmcs_segment number, const struct guest_segment *segment)
{
	vmcs_write(VMCS_GUEST_ES_SELECTOR + 2 * number, segment->selector);
	vmcs_write(VMCS_GUEST_ES_BASE + 2 * number, segment->base);
	vmcs_write(VMCS_GUEST_ES_LIMIT + 2 * number, segment->limit);
	vmcs_write(VMCS_GUEST_ES_ACCESS + 2 * number, segment->access);
}

static void state_set_segments(const struct guest_state *state)
{
	static const enum vmcs_segment data[] = {SEG_ES, SEG_SS, SEG_DS, SEG_FS, SEG_GS};
	const struct guest_segment ldt = {.access = ACCESS_LDT, .limit = 0xffff};

	state_set_segment(SEG_CS, &state->cs);
	for (size_t i = 0; i < ARRAY_COUNT(data); i++) {
		state_set_segment(data[i], &state->data);
	}
	state_set_segment(SEG_TR, &state->tss);
	state_set_segment(SEG_LDTR, &ldt);
	vmcs_write(VMCS_GUEST_ES_ACCESS + 2 * SEG_LDTR, ACCESS_LDT | ACCESS_UNUSABLE);
}

static void state_set_guest(const struct guest_state *state)
{
	state_set_segments(state);
	vmx_cr_reset(state->cr0, state->cr4);
	vmcs_write(VMCS_GUEST_CR3, state->cr3);
	vmcs_write(VMCS_GUEST_EFER, state->efer);
	vmcs_write(VMCS_GUEST_RIP, state->rip);
	vmcs_write(VMCS_GUEST_RSP, 0);
	vmcs_write(VMCS_GUEST_RFLAGS, state->rflags);
	vmcs_write(VMCS_GUEST_GDTR_BASE, 0);
	vmcs_write(VMCS_GUEST_GDTR_LIMIT, 0xffff);
	vmcs_write(VMCS_GUEST_IDTR_BASE, 0);
	vmcs_write(VMCS_GUEST_IDTR_LIMIT, 0xffff);
	vmcs_write(VMCS_GUEST_PAT, PAT_RESET_VALUE);
	vmcs_write(VMCS_GUEST_SYSENTER_CS, 0);
	vmcs_write(VMCS_GUEST_SYSENTER_ESP, 0);
	vmcs_write(VMCS_GUEST_SYSENTER_EIP, 0);
	vmcs_write(VMCS_GUEST_DR7, state->dr7);
	vmcs_write(VMCS_GUEST_DEBUGCTL, 0);
	vmcs_write(VMCS_GUEST_PENDING_DEBUG, 0);
	vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, 0);
	vmcs_write(VMCS_GUEST_ACTIVITY, 0);
	vmcs_write(VMCS_GUEST_LINK_POINTER, ~0ULL);
}

void vmx_state_reset(struct vcpu *vcpu, const struct virt_start *start)
{
	struct vmx_vcpu *vmx = vcpu->backend;
	struct guest_state state;

	guest_state_start(start, &state);
	vmx->dr6 = state.dr6;
	state_set_controls(vcpu, !start->is_real_mode);
	state_set_host();
	state_set_guest(&state);
}
