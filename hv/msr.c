/* SPDX-License-Identifier: MIT */
/*
 * MSRs of a partition: an allow-list. What is not named here does not exist: #GP. MSRs that belong
 * to the vCPU alone (FS_BASE, STAR, ...) do not exit at all.
 */
#include "arch/x86_64/msr.h"

#include "arch/x86_64/cr.h"
#include "arch/x86_64/io.h"
#include "arch/x86_64/platform.h"
#include "hv/exit.h"
#include "hv/partition.h"

#include <errno.h>
#include <string.h>

#define MISC_ENABLE_FAST_STRINGS 1ULL
#define PAT_TYPES_PERMITTED	 0xf3U /* bit per memory type: 0, 1, 4, 5, 6, 7 (SDM 3A 12.12.2) */

static int msr_read(struct vcpu *vcpu, uint32_t msr, uint64_t *value)
{
	uint64_t now = rdtsc();

	if (msr >= VLAPIC_MSR_FIRST && msr <= VLAPIC_MSR_LAST) {
		return vlapic_msr_read(&vcpu->lapic, msr, now, value);
	}
	switch (msr) {
	case MSR_APIC_BASE:
	case MSR_TSC_DEADLINE: return vlapic_msr_read(&vcpu->lapic, msr, now, value);
	case MSR_TSC: *value = now; return 0;
	case MSR_EFER: *value = virt->register_read(vcpu, VIRT_EFER); return 0;
	case MSR_PAT: *value = virt->register_read(vcpu, VIRT_PAT); return 0;
	case MSR_MISC_ENABLE: *value = MISC_ENABLE_FAST_STRINGS; return 0;
	case MSR_HWCR: *value = HWCR_TSC_FREQ_SEL; return 0;
	case MSR_BIOS_SIGN_ID:
	case MSR_NB_CFG:
	case MSR_TSC_ADJUST:
	case MSR_INT_PENDING:
	case MSR_MCG_CAP:
	case MSR_MCG_STATUS: *value = 0; return 0;
	default: return -EINVAL;
	}
}

static int msr_write_efer(struct vcpu *vcpu, uint64_t value)
{
	uint64_t old = virt->register_read(vcpu, VIRT_EFER);
	bool is_paging = (virt->register_read(vcpu, VIRT_CR0) & CR0_PG) != 0;

	if ((value & ~(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)) != 0 ||
	    (is_paging && ((value ^ old) & EFER_LME) != 0)) {
		return -EINVAL;
	}
	virt->register_write(vcpu, VIRT_EFER, (value & ~EFER_LMA) | (old & EFER_LMA));
	return 0;
}

static int msr_write_pat(struct vcpu *vcpu, uint64_t value)
{
	for (uint32_t i = 0; i < 8; i++) {
		uint8_t type = (uint8_t)(value >> (8 * i));

		if (type > 7 || ((PAT_TYPES_PERMITTED >> type) & 1) == 0) {
			return -EINVAL;
		}
	}
	virt->register_write(vcpu, VIRT_PAT, value);
	return 0;
}

/* kvm-clock: the TSC's frequency or the time of day, once, to where the guest says. */
static int msr_write_clock(const struct vcpu *vcpu, uint64_t to, const void *from, size_t size)
{
	void *memory = guest_mem_ptr(&vcpu->partition->mem, gpa(to), size);

	if (memory == NULL) {
		return -EINVAL;
	}
	memcpy(memory, from, size);
	return 0;
}

static int msr_write_apic(struct vcpu *vcpu, uint32_t msr, uint64_t value)
{
	struct vlapic_action action;
	int error = vlapic_msr_write(&vcpu->lapic, msr, value, rdtsc(), &action);

	if (error == 0 && action.has_message) {
		io_send_message(vcpu->partition, vcpu, &action.message);
	}
	return error;
}

static int msr_write(struct vcpu *vcpu, uint32_t msr, uint64_t value)
{
	const struct handoff *handoff = platform_handoff();

	if (msr >= VLAPIC_MSR_FIRST && msr <= VLAPIC_MSR_LAST) {
		return msr_write_apic(vcpu, msr, value);
	}
	switch (msr) {
	case MSR_APIC_BASE:
	case MSR_TSC_DEADLINE: return msr_write_apic(vcpu, msr, value);
	case MSR_EFER: return msr_write_efer(vcpu, value);
	case MSR_PAT: return msr_write_pat(vcpu, value);
	case MSR_KVM_WALL_CLOCK:
		return msr_write_clock(vcpu, value, handoff->clock_wall,
				       sizeof(handoff->clock_wall));
	case MSR_KVM_SYSTEM_TIME: /* bit 0: on */
		return (value & 1) == 0 ? 0
					: msr_write_clock(vcpu, value - 1, handoff->clock_system,
							  sizeof(handoff->clock_system));
	case MSR_TSC_ADJUST: return value == 0 ? 0 : -EINVAL;
	case MSR_MISC_ENABLE:
	case MSR_NB_CFG:
	case MSR_BIOS_SIGN_ID: return 0;
	default: return -EINVAL;
	}
}

enum vcpu_next exit_handle_msr(struct vcpu *vcpu, bool is_write)
{
	uint32_t msr = (uint32_t)vcpu->regs[REG_RCX];
	uint64_t value = (vcpu->regs[REG_RDX] << 32) | (uint32_t)vcpu->regs[REG_RAX];

	if (is_write) {
		return msr_write(vcpu, msr, value) == 0 ? VCPU_ADVANCE : VCPU_INJECT_GP;
	}
	if (msr_read(vcpu, msr, &value) != 0) {
		return VCPU_INJECT_GP;
	}
	vcpu->regs[REG_RAX] = (uint32_t)value;
	vcpu->regs[REG_RDX] = value >> 32;
	return VCPU_ADVANCE;
}
