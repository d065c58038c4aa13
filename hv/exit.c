/* SPDX-License-Identifier: MIT */
/* Dispatch of VM exits, and the handlers that are too small for a file of their own. */
#include "hv/exit.h"

#include "arch/x86_64/apic.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/fpu.h"
#include "arch/x86_64/msr.h"
#include "hv/log.h"
#include "hv/partition.h"

static enum vcpu_next count(struct vcpu *vcpu, enum mux_exit_kind kind, enum vcpu_next next)
{
	vcpu->counters.exits_by_kind[kind]++;
	return next;
}

static enum vcpu_next exit_handle_interrupt(void)
{
	apic_take_pending();
	return VCPU_RESUME;
}

/* The end of the slice, or a timer of this or another vCPU: the loop around looks which. An
 * interrupt that the CPU holds back while the guest has interrupts off is taken here too. */
static enum vcpu_next exit_handle_timer(void)
{
	apic_take_pending();
	return VCPU_RESUME;
}

static enum vcpu_next exit_handle_hlt(struct vcpu *vcpu)
{
	if ((virt->register_read(vcpu, VIRT_RFLAGS) & VIRT_RFLAGS_IF) == 0) {
		if (vcpu->partition->vcpu_count == 1) {
			vcpu_fault(vcpu, NULL, "HLT with interrupts off: it would sleep forever");
			return VCPU_STOP;
		}
		vcpu->state = VCPU_WAIT_SIPI; /* only INIT and SIPI bring it back */
		return VCPU_YIELD;
	}
	/* An interrupt may be pending already: after STI the HLT comes first. One that is posted
	 * from here on rings. */
	vlapic_sync(&vcpu->lapic);
	if (vlapic_next(&vcpu->lapic) >= 0) {
		return VCPU_ADVANCE;
	}
	vcpu->state = VCPU_HALTED;
	return VCPU_YIELD;
}

static enum vcpu_next exit_handle_xsetbv(struct vcpu *vcpu)
{
	uint64_t value = (vcpu->regs[REG_RDX] << 32) | (uint32_t)vcpu->regs[REG_RAX];

	if (virt->register_read(vcpu, VIRT_CPL) != 0 || (uint32_t)vcpu->regs[REG_RCX] != 0 ||
	    !fpu_is_valid_xcr0(value)) {
		return VCPU_INJECT_GP;
	}
	write_xcr0(value);
	return VCPU_ADVANCE;
}

/* What MOV to CR0 and CR4 refuses by itself where it does not exit (SDM 2B, MOV). */
static bool is_valid_cr0(struct vcpu *vcpu, uint64_t value)
{
	bool is_64bit = virt->register_read(vcpu, VIRT_IS_64BIT) != 0;
	bool is_long = (virt->register_read(vcpu, VIRT_EFER) & EFER_LME) != 0;
	bool has_pae = (virt->register_read(vcpu, VIRT_CR4) & CR4_PAE) != 0;

	if ((value >> 32) != 0 || ((value & CR0_NW) != 0 && (value & CR0_CD) == 0)) {
		return false;
	}
	if ((value & CR0_PG) == 0) {
		return !is_64bit;
	}
	return (value & CR0_PE) != 0 && (!is_long || has_pae);
}

static bool is_valid_cr4(struct vcpu *vcpu, uint64_t value)
{
	bool is_long = (virt->register_read(vcpu, VIRT_EFER) & EFER_LMA) != 0;
	uint64_t added = value & ~virt->register_read(vcpu, VIRT_CR4);
	bool has_pcid = (virt->register_read(vcpu, VIRT_CR3) & 0xfffU) != 0;

	if ((value & ~virt->cr4_permitted()) != 0 || (is_long && (value & CR4_PAE) == 0)) {
		return false;
	}
	return (value & CR4_PCIDE) == 0 || (is_long && ((added & CR4_PCIDE) == 0 || !has_pcid));
}

static enum vcpu_next exit_handle_cr_write(struct vcpu *vcpu, const struct virt_exit *exit)
{
	struct vlapic_action action;
	uint64_t value = exit->cr.value;

	switch (exit->cr.number) {
	case 0:
		if (!is_valid_cr0(vcpu, value)) {
			return VCPU_INJECT_GP;
		}
		virt->register_write(vcpu, VIRT_CR0, value);
		return VCPU_ADVANCE;
	case 4:
		if (!is_valid_cr4(vcpu, value)) {
			return VCPU_INJECT_GP;
		}
		virt->register_write(vcpu, VIRT_CR4, value);
		return VCPU_ADVANCE;
	case 8:
		if (value > 15 || vlapic_msr_write(&vcpu->lapic, VLAPIC_MSR_FIRST + 8, value << 4,
						   0, &action) != 0) {
			return VCPU_INJECT_GP;
		}
		return VCPU_ADVANCE;
	default:
		vcpu_fault(vcpu, exit, "access to control register %u", exit->cr.number);
		return VCPU_STOP;
	}
}

static enum vcpu_next exit_handle_cr8_read(struct vcpu *vcpu, const struct virt_exit *exit)
{
	uint64_t value = 0;

	vlapic_msr_read(&vcpu->lapic, VLAPIC_MSR_FIRST + 8, 0, &value);
	vcpu->regs[exit->cr.number] = value >> 4;
	return VCPU_ADVANCE;
}

static enum vcpu_next exit_handle_exception(struct vcpu *vcpu, const struct virt_exit *exit)
{
	if (!virt->inject_exception(vcpu, exit->exception.vector, exit->exception.has_error,
				    exit->exception.error)) {
		vcpu_fault(vcpu, exit, "exception %u while another event was being delivered",
			   exit->exception.vector);
		return VCPU_STOP;
	}
	return VCPU_RESUME;
}

static enum vcpu_next exit_stop(struct vcpu *vcpu, const struct virt_exit *exit, const char *why)
{
	vcpu_fault(vcpu, exit, "%s", why);
	return VCPU_STOP;
}

enum vcpu_next exit_handle(struct vcpu *vcpu, const struct virt_exit *exit)
{
	switch (exit->reason) {
	case VIRT_EXIT_IO: return exit_handle_io(vcpu, exit);
	case VIRT_EXIT_HLT: return count(vcpu, MUX_EXIT_KIND_HLT, exit_handle_hlt(vcpu));
	case VIRT_EXIT_INTERRUPT:
	case VIRT_EXIT_NMI: return count(vcpu, MUX_EXIT_KIND_INTERRUPT, exit_handle_interrupt());
	case VIRT_EXIT_TIMER: return count(vcpu, MUX_EXIT_KIND_TIMER, exit_handle_timer());
	case VIRT_EXIT_WINDOW: return count(vcpu, MUX_EXIT_KIND_WINDOW, VCPU_RESUME);
	case VIRT_EXIT_MSR_READ:
		return count(vcpu, MUX_EXIT_KIND_MSR, exit_handle_msr(vcpu, false));
	case VIRT_EXIT_MSR_WRITE:
		return count(vcpu, MUX_EXIT_KIND_MSR, exit_handle_msr(vcpu, true));
	case VIRT_EXIT_CPUID: return count(vcpu, MUX_EXIT_KIND_CPUID, exit_handle_cpuid(vcpu));
	case VIRT_EXIT_HYPERCALL:
		return count(vcpu, MUX_EXIT_KIND_HYPERCALL, exit_handle_hypercall(vcpu));
	case VIRT_EXIT_MEMORY:
		return count(vcpu, MUX_EXIT_KIND_MEMORY, exit_handle_memory(vcpu, exit));
	case VIRT_EXIT_XSETBV: return count(vcpu, MUX_EXIT_KIND_OTHER, exit_handle_xsetbv(vcpu));
	case VIRT_EXIT_CR_WRITE:
		return count(vcpu, MUX_EXIT_KIND_OTHER, exit_handle_cr_write(vcpu, exit));
	case VIRT_EXIT_CR8_READ:
		return count(vcpu, MUX_EXIT_KIND_OTHER, exit_handle_cr8_read(vcpu, exit));
	case VIRT_EXIT_EXCEPTION:
		return count(vcpu, MUX_EXIT_KIND_OTHER, exit_handle_exception(vcpu, exit));
	case VIRT_EXIT_UNDEFINED: return count(vcpu, MUX_EXIT_KIND_OTHER, VCPU_INJECT_UD);
	case VIRT_EXIT_PROTECTION: return count(vcpu, MUX_EXIT_KIND_OTHER, VCPU_INJECT_GP);
	case VIRT_EXIT_CACHE: return count(vcpu, MUX_EXIT_KIND_OTHER, VCPU_ADVANCE);
	case VIRT_EXIT_TRIPLE_FAULT: return exit_stop(vcpu, exit, "triple fault");
	case VIRT_EXIT_MACHINE_CHECK:
		panic("machine check while partition %s ran", vcpu->partition->name);
	case VIRT_EXIT_ENTRY_FAILED: return exit_stop(vcpu, exit, "the CPU refused its state");
	case VIRT_EXIT_UNKNOWN: break;
	}
	return exit_stop(vcpu, exit, "it left the guest for a reason that is not handled");
}
