/* SPDX-License-Identifier: MIT */
/*
 * Running a vCPU: entry with a deadline, event injection, interrupt delivery (AMD APM vol. 2,
 * 15.20, 15.21).
 */
#include "arch/x86_64/apic.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/io.h"
#include "arch/x86_64/mitigation.h"
#include "arch/x86_64/svm/svm.h"

#define VECTOR_DEBUG	  1U
#define VECTOR_BREAKPOINT 3U
#define VECTOR_OVERFLOW	  4U
#define SHADOW_KEPT_MAX	  8U
#define DEBUG_SINGLE_STEP (1ULL << 14) /* BS of DR6 */

/*
 * An event whose delivery the exit interrupted is given to the guest again (15.7.2). INT n, INT3
 * and INTO are not: RIP is still at the instruction, which raises them anew (15.12, 15.20).
 */
static void event_redeliver(struct vmcb *vmcb)
{
	uint64_t event = vmcb->exit_event;
	uint32_t type = EVENT_TYPE(event);
	uint8_t vector = EVENT_VECTOR(event);
	bool is_software = type == EVENT_TYPE_SOFTWARE ||
			   (type == EVENT_TYPE_EXCEPTION &&
			    (vector == VECTOR_BREAKPOINT || vector == VECTOR_OVERFLOW));

	if ((event & EVENT_VALID) != 0 && !is_software) {
		vmcb->event = event;
	}
}

/* There is no preemption timer: the APIC's interrupts the guest. */
void svm_vcpu_enter(struct vcpu *vcpu, uint64_t deadline, struct virt_exit *exit)
{
	struct svm_vcpu *svm = vcpu->backend;
	struct svm_cpu *cpu = vcpu->cpu->backend;
	struct vmcb *vmcb = svm->vmcb;
	uint64_t shadow = vmcb->interrupt_state & INTERRUPT_SHADOW;
	uint64_t rip = vmcb->rip;

	apic_timer_set(deadline);
	svm_prepare_asid(vcpu);
	vmcb->rax = vcpu->regs[REG_RAX];
	mitigation_on_entry();
	svm_entry(vcpu, svm->address.value, cpu->host_address.value);
	vcpu->regs[REG_RAX] = vmcb->rax;
	vmcb->tlb_control = TLB_KEEP;
	vmcb->event = 0;
	/* Nothing was executed, and QEMU's emulation forgets the shadow at VMRUN. A loop of one
	 * instruction behind STI looks the same: it keeps its shadow a few times only. */
	svm->shadow_kept = vmcb->rip == rip && shadow != 0 ? svm->shadow_kept + 1 : 0;
	if (svm->shadow_kept != 0 && svm->shadow_kept <= SHADOW_KEPT_MAX) {
		vmcb->interrupt_state |= shadow;
	}
	svm_exit_decode(vcpu, exit);
	/* The manual does not say that a refused VMRUN flushes, and other vCPUs rely on it. */
	cpu->flush_all |= exit->reason == VIRT_EXIT_ENTRY_FAILED;
	if (exit->reason == VIRT_EXIT_INTERRUPT && rdtsc() >= deadline) {
		exit->reason = VIRT_EXIT_TIMER;
	}
	event_redeliver(vmcb);
}

/* A single step ends behind an instruction that ring 0 carried out. */
void svm_vcpu_advance(struct vcpu *vcpu, uint32_t length)
{
	struct vmcb *vmcb = vmcb_of(vcpu);

	vmcb->rip = length != 0 ? vmcb->rip + length : svm_of(vcpu)->next_rip;
	vmcb->interrupt_state &= ~INTERRUPT_SHADOW;
	if ((vmcb->rflags & RFLAGS_TF) != 0) {
		vmcb->dr6 |= DEBUG_SINGLE_STEP;
		svm_inject_exception(vcpu, VECTOR_DEBUG, false, 0);
	}
}

bool svm_inject_exception(struct vcpu *vcpu, uint8_t vector, bool has_error, uint32_t error)
{
	struct vmcb *vmcb = vmcb_of(vcpu);

	if ((vmcb->event & EVENT_VALID) != 0) {
		return false;
	}
	/* Real mode knows no error codes. */
	has_error = has_error && (vmcb->cr0 & CR0_PE) != 0;
	vmcb->event = EVENT_VALID | EVENT_EXCEPTION | (has_error ? EVENT_HAS_ERROR : 0) | vector |
		      (uint64_t)(has_error ? error : 0) << 32;
	return true;
}

/* Asks for a virtual interrupt (15.21.4). With the intercept the guest never gets it: it exits when
 * it could be taken (15.21.6). */
static void virtual_interrupt_set(struct vmcb *vmcb, bool is_wanted, bool is_window, uint8_t vector)
{
	vmcb->intercept_3 &= ~INTERCEPT_VINTR;
	vmcb->virtual_interrupt &= ~(VIRTUAL_IRQ_REQUEST | VIRTUAL_IRQ_VECTOR);
	if (is_wanted) {
		vmcb->intercept_3 |= is_window ? INTERCEPT_VINTR : 0;
		vmcb->virtual_interrupt |=
			VIRTUAL_IRQ_REQUEST | (uint64_t)vector << VIRTUAL_IRQ_VECTOR_SHIFT;
	}
}

/*
 * An interrupt is an injected event, or, where the CPU repeats these, a virtual interrupt: the CPU
 * takes it before the guest's next instruction unless it exits first; then the request stands, and
 * nothing else is asked for.
 */
void svm_deliver_interrupts(struct vcpu *vcpu)
{
	struct vmcb *vmcb = vmcb_of(vcpu);
	bool is_requested = (vmcb->virtual_interrupt & VIRTUAL_IRQ) != 0 &&
			    (vmcb->intercept_3 & INTERCEPT_VINTR) == 0;
	bool is_shadowed = (vmcb->interrupt_state & INTERRUPT_SHADOW) != 0;
	bool can_take = !is_requested && (vmcb->event & EVENT_VALID) == 0 &&
			(vmcb->rflags & VIRT_RFLAGS_IF) != 0 && !is_shadowed;
	bool is_more;
	int vector = vcpu_take_interrupt(vcpu, can_take, &is_more);

	if (vector >= 0 && !svm_features.repeats_events) {
		vmcb->event = EVENT_VALID | EVENT_EXTERNAL | (uint32_t)vector;
		vector = -1;
	}
	if (vector >= 0) {
		virtual_interrupt_set(vmcb, true, false, (uint8_t)vector);
	} else if (!is_requested) {
		/* HLT behind STI exits by itself. QEMU's emulation forgets the shadow at VMRUN:
		 * with the window open the interrupt would come before HLT, which then waits for it
		 * without end. */
		virtual_interrupt_set(vmcb, is_more && !(is_shadowed && svm_exit_is_at_hlt(vcpu)),
				      true, 0);
	}
}
