/* SPDX-License-Identifier: MIT */
/*
 * Running a vCPU: entry with a deadline, event injection, interrupt delivery.
 */
#include "arch/x86_64/cr.h"
#include "arch/x86_64/io.h"
#include "arch/x86_64/mitigation.h"
#include "arch/x86_64/vmx/vmx.h"

/* Interruption information, SDM 3C tables 25-17 and 25-20. */
#define EVENT_HAS_ERROR	     (1U << 11)
#define EVENT_TYPE(info)     (((info) >> 8) & 7)
#define EVENT_EXTERNAL	     (0U << 8)
#define EVENT_EXCEPTION	     (3U << 8)
#define EVENT_TYPE_SOFTWARE  4U /* INT n; 5 and 6 are software exceptions */
#define EVENT_TYPE_INT1	     5U
#define EVENT_NMI_UNBLOCKING (1U << 12)

#define BLOCKED_BY_STI	  (1U << 0)
#define BLOCKED_BY_MOV_SS (1U << 1)

#define VECTOR_DEBUG	  1U
#define DEBUG_BREAKPOINTS 0xfULL       /* B0 to B3 of DR6 and of the exit qualification */
#define DEBUG_ACCESS	  (1ULL << 13) /* BD there, GD of DR7 */
#define DEBUG_SINGLE_STEP (1ULL << 14) /* BS, also of the pending debug exceptions */

/* A #DB that exits leaves DR6 and DR7.GD as they were (SDM 3C 28.1); its handler in the guest has
 * to find what delivery would have left there, and INT1 behind it. */
static void debug_settle(struct vcpu *vcpu, uint64_t qualification)
{
	uint64_t causes = qualification & (DEBUG_BREAKPOINTS | DEBUG_ACCESS | DEBUG_SINGLE_STEP);

	write_dr6((read_dr6() & ~DEBUG_BREAKPOINTS) | causes);
	if ((causes & DEBUG_ACCESS) != 0) {
		vmcs_write(VMCS_GUEST_DR7, vmcs_read(VMCS_GUEST_DR7) & ~DEBUG_ACCESS);
	}
	if (EVENT_TYPE(vmcs_read(VMCS_EXIT_INTERRUPTION)) == EVENT_TYPE_INT1) {
		vmx_vcpu_advance(vcpu, 0);
	}
}

/* An event whose delivery the exit interrupted is given to the guest again (SDM 3C 28.2.4). */
static void event_redeliver(struct vmx_vcpu *vmx)
{
	uint32_t info = (uint32_t)vmcs_read(VMCS_VECTORING);

	if ((info & EVENT_VALID) == 0) {
		return;
	}
	vmcs_write(VMCS_ENTRY_INTERRUPTION, info & ~EVENT_NMI_UNBLOCKING);
	if ((info & EVENT_HAS_ERROR) != 0) {
		vmcs_write(VMCS_ENTRY_ERROR_CODE, vmcs_read(VMCS_VECTORING_ERROR_CODE));
	}
	if (EVENT_TYPE(info) >= EVENT_TYPE_SOFTWARE) {
		vmcs_write(VMCS_ENTRY_LENGTH, vmcs_read(VMCS_EXIT_LENGTH));
	}
	vmx->is_event_pending = true;
}

void vmx_vcpu_enter(struct vcpu *vcpu, uint64_t deadline, struct virt_exit *exit)
{
	struct vmx_vcpu *vmx = vcpu->backend;
	uint64_t now = rdtsc();
	uint64_t left = deadline > now ? (deadline - now) >> vmx_controls.timer_shift : 0;

	vmcs_write(VMCS_PREEMPTION_TIMER, min_u64(left, 0xffffffffU));
	mitigation_on_entry();
	if (vmx_entry(vcpu, vmx->is_launched) != 0) {
		exit->reason = VIRT_EXIT_ENTRY_FAILED;
		exit->raw = 0;
		exit->detail = vmcs_read(VMCS_INSTRUCTION_ERROR);
		return;
	}
	vmx->is_launched = true;
	vmx->is_event_pending = false;
	vmx_exit_decode(vcpu, exit);
	if (exit->reason == VIRT_EXIT_NMI) {
		/* The NMI is ring 0's; INT 2 runs its handler, and its IRET unblocks NMIs (SDM
		 * 3C 28.5.4, 3A 6.7.1). */
		__asm__ volatile("int $2" : : : "memory");
	} else if (exit->reason == VIRT_EXIT_EXCEPTION) {
		if (exit->exception.vector == VECTOR_DEBUG) {
			debug_settle(vcpu, exit->detail);
		}
		event_redeliver(vmx);
	} else if (exit->reason == VIRT_EXIT_MEMORY) {
		event_redeliver(vmx); /* the other exits that resume come between events */
	}
}

void vmx_vcpu_advance(struct vcpu *vcpu, uint32_t length)
{
	uint64_t blocked = vmcs_read(VMCS_GUEST_INTERRUPTIBILITY);
	uint64_t step = length != 0 ? length : vmcs_read(VMCS_EXIT_LENGTH);

	(void)vcpu;
	vmcs_write(VMCS_GUEST_RIP, vmcs_read(VMCS_GUEST_RIP) + step);
	if ((vmcs_read(VMCS_GUEST_RFLAGS) & RFLAGS_TF) != 0) {
		vmcs_write(VMCS_GUEST_PENDING_DEBUG, DEBUG_SINGLE_STEP);
	}
	if ((blocked & (BLOCKED_BY_STI | BLOCKED_BY_MOV_SS)) != 0) {
		vmcs_write(VMCS_GUEST_INTERRUPTIBILITY,
			   blocked & ~(uint64_t)(BLOCKED_BY_STI | BLOCKED_BY_MOV_SS));
	}
}

bool vmx_inject_exception(struct vcpu *vcpu, uint8_t vector, bool has_error, uint32_t error)
{
	struct vmx_vcpu *vmx = vcpu->backend;

	if (vmx->is_event_pending) {
		return false;
	}
	/* Real mode knows no error codes (SDM 3C 27.2.1.3). */
	has_error = has_error && (vmcs_read(VMCS_GUEST_CR0) & CR0_PE) != 0;
	vmcs_write(VMCS_ENTRY_INTERRUPTION,
		   EVENT_VALID | EVENT_EXCEPTION | (has_error ? EVENT_HAS_ERROR : 0) | vector);
	vmcs_write(VMCS_ENTRY_ERROR_CODE, error);
	vmx->is_event_pending = true;
	return true;
}

static void window_set(struct vmx_vcpu *vmx, bool open)
{
	uint32_t primary =
		open ? vmx->primary | CPU_INTERRUPT_WINDOW : vmx->primary & ~CPU_INTERRUPT_WINDOW;

	if (primary != vmx->primary) {
		vmx->primary = primary;
		vmcs_write(VMCS_PRIMARY_CONTROLS, primary);
	}
}

/* Without APIC virtualisation: inject when the guest can take it, else ask for the moment. */
static void interrupts_inject(struct vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vcpu->backend;
	bool can_take =
		!vmx->is_event_pending && (vmcs_read(VMCS_GUEST_RFLAGS) & VIRT_RFLAGS_IF) != 0 &&
		(vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) & (BLOCKED_BY_STI | BLOCKED_BY_MOV_SS)) ==
			0;
	bool is_more;
	int vector = vcpu_take_interrupt(vcpu, can_take, &is_more);

	if (vector >= 0) {
		vmcs_write(VMCS_ENTRY_INTERRUPTION,
			   EVENT_VALID | EVENT_EXTERNAL | (uint32_t)vector);
		vmx->is_event_pending = true;
	}
	window_set(vmx, is_more);
}

/* SDM 3C 30.2.2: the low byte of the guest interrupt status is RVI, the highest vector in IRR; the
 * CPU delivers it when PPR, RFLAGS.IF and blocking permit. SVI is the CPU's own. */
void vmx_deliver_interrupts(struct vcpu *vcpu)
{
	uint64_t status;
	uint8_t rvi;

	if (!vmx_controls.has_apicv) {
		interrupts_inject(vcpu);
		return;
	}
	if (atomic_load_explicit(&vcpu->lapic.has_pending, memory_order_relaxed) == 0 &&
	    !vcpu->lapic.irr_changed) {
		return;
	}
	vlapic_sync(&vcpu->lapic);
	vcpu->lapic.irr_changed = false;
	rvi = vlapic_rvi(&vcpu->lapic);
	status = vmcs_read(VMCS_GUEST_INTERRUPT_STATUS);
	if ((status & 0xff) != rvi) {
		vmcs_write(VMCS_GUEST_INTERRUPT_STATUS, (status & ~0xffULL) | rvi);
		vcpu->counters.interrupts++;
	}
}
