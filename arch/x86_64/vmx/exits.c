/* SPDX-License-Identifier: MIT */
/*
 * From the VMCS's exit information to a generic exit (SDM 3C 26.9 the fields, 28.2 their meaning,
 * appendix C the numbers). Decoding only: nothing here changes the guest.
 */
#include "arch/x86_64/vmx/vmx.h"

#define REASON_ENTRY_FAILED  (1U << 31)
#define VECTOR_MACHINE_CHECK 18U

/* Exit qualification of an EPT violation (SDM 3C table 28-7). */
#define EPT_WRITE   (1ULL << 1)
#define EPT_FETCH   (1ULL << 2)
#define EPT_OPERAND (3ULL << 7) /* linear address valid, and the access is to its translation */

enum vmx_reason {
	REASON_EXCEPTION = 0,
	REASON_EXTERNAL_INTERRUPT = 1,
	REASON_TRIPLE_FAULT = 2,
	REASON_WINDOW = 7,
	REASON_CPUID = 10,
	REASON_GETSEC = 11,
	REASON_HLT = 12,
	REASON_INVD = 13,
	REASON_RDPMC = 15,
	REASON_VMCALL = 18,
	REASON_VMCLEAR = 19,
	REASON_VMXON = 27,
	REASON_CR = 28,
	REASON_IO = 30,
	REASON_RDMSR = 31,
	REASON_WRMSR = 32,
	REASON_MWAIT = 36,
	REASON_MONITOR = 39,
	REASON_MACHINE_CHECK = 41, /* during the entry */
	REASON_EPT_VIOLATION = 48,
	REASON_INVEPT = 50,
	REASON_TIMER = 52,
	REASON_INVVPID = 53,
	REASON_WBINVD = 54,
	REASON_XSETBV = 55,
	REASON_VMFUNC = 59,
};

/* SDM 3C 26.9.2: VM-exit interruption information. */
static void exit_decode_exception(struct virt_exit *exit)
{
	uint64_t info = vmcs_read(VMCS_EXIT_INTERRUPTION);
	uint32_t type = (uint32_t)(info >> 8) & 7;

	if (type == 2) {
		exit->reason = VIRT_EXIT_NMI;
		return;
	}
	if ((uint8_t)info == VECTOR_MACHINE_CHECK) {
		exit->reason = VIRT_EXIT_MACHINE_CHECK;
		return;
	}
	exit->reason = VIRT_EXIT_EXCEPTION;
	exit->exception.vector = (uint8_t)info;
	exit->exception.has_error = (info & (1U << 11)) != 0;
	exit->exception.error =
		exit->exception.has_error ? (uint32_t)vmcs_read(VMCS_EXIT_ERROR_CODE) : 0;
}

/* SDM 3C table 28-3: MOV to and from control registers. CR8 is ring 0's only without APIC
 * virtualisation. CLTS and LMSW change no bit that ring 0 keeps, so they do not exit (26.1.3). */
static void exit_decode_cr(struct vcpu *vcpu, struct virt_exit *exit)
{
	uint64_t q = exit->detail;
	uint8_t number = q & 0xf;
	uint8_t type = (q >> 4) & 3;
	uint8_t reg = (q >> 8) & 0xf;

	exit->reason = VIRT_EXIT_CR_WRITE;
	exit->cr.number = number;
	if (type == 0) {
		exit->cr.value = reg == REG_RSP ? vmcs_read(VMCS_GUEST_RSP) : vcpu->regs[reg];
	} else if (number == 8 && reg != REG_RSP) {
		exit->reason = VIRT_EXIT_CR8_READ;
		exit->cr.number = reg;
	} else {
		exit->reason = VIRT_EXIT_UNKNOWN;
	}
}

/* SDM 3C table 28-5. */
static void exit_decode_io(struct virt_exit *exit)
{
	uint64_t q = exit->detail;

	exit->reason = VIRT_EXIT_IO;
	exit->io.port = (uint16_t)(q >> 16);
	exit->io.size = (uint8_t)((q & 7) + 1);
	exit->io.is_write = (q & 8) == 0;
	exit->io.is_string = (q & 0x10) != 0;
}

/* SDM 3C table 28-7. */
static void exit_decode_memory(struct virt_exit *exit)
{
	exit->reason = VIRT_EXIT_MEMORY;
	exit->memory.address = gpa(vmcs_read(VMCS_GUEST_PHYSICAL_ADDRESS));
	exit->memory.is_write = (exit->detail & EPT_WRITE) != 0;
	exit->memory.is_fetch = (exit->detail & EPT_FETCH) != 0;
	exit->memory.is_operand = (exit->detail & EPT_OPERAND) == EPT_OPERAND &&
				  (vmcs_read(VMCS_VECTORING) & EVENT_VALID) == 0;
}

void vmx_exit_decode(struct vcpu *vcpu, struct virt_exit *exit)
{
	uint32_t reason = (uint32_t)vmcs_read(VMCS_EXIT_REASON);

	exit->raw = reason;
	exit->detail = vmcs_read(VMCS_EXIT_QUALIFICATION);
	if ((reason & 0xffffU) == REASON_MACHINE_CHECK) {
		exit->reason = VIRT_EXIT_MACHINE_CHECK;
		return;
	}
	if ((reason & REASON_ENTRY_FAILED) != 0) {
		exit->reason = VIRT_EXIT_ENTRY_FAILED;
		return;
	}
	switch (reason) {
	case REASON_EXCEPTION: exit_decode_exception(exit); return;
	case REASON_IO: exit_decode_io(exit); return;
	case REASON_EPT_VIOLATION: exit_decode_memory(exit); return;
	case REASON_CR: exit_decode_cr(vcpu, exit); return;
	case REASON_EXTERNAL_INTERRUPT: exit->reason = VIRT_EXIT_INTERRUPT; return;
	case REASON_TIMER: exit->reason = VIRT_EXIT_TIMER; return;
	case REASON_WINDOW: exit->reason = VIRT_EXIT_WINDOW; return;
	case REASON_HLT: exit->reason = VIRT_EXIT_HLT; return;
	case REASON_RDMSR: exit->reason = VIRT_EXIT_MSR_READ; return;
	case REASON_WRMSR: exit->reason = VIRT_EXIT_MSR_WRITE; return;
	case REASON_CPUID: exit->reason = VIRT_EXIT_CPUID; return;
	case REASON_VMCALL: exit->reason = VIRT_EXIT_HYPERCALL; return;
	case REASON_XSETBV: exit->reason = VIRT_EXIT_XSETBV; return;
	case REASON_TRIPLE_FAULT: exit->reason = VIRT_EXIT_TRIPLE_FAULT; return;
	case REASON_INVD:
	case REASON_WBINVD: exit->reason = VIRT_EXIT_CACHE; return;
	case REASON_RDPMC: exit->reason = VIRT_EXIT_PROTECTION; return;
	case REASON_GETSEC:
	case REASON_MWAIT:
	case REASON_MONITOR:
	case REASON_INVEPT:
	case REASON_INVVPID:
	case REASON_VMFUNC: exit->reason = VIRT_EXIT_UNDEFINED; return;
	default: break;
	}
	exit->reason = reason >= REASON_VMCLEAR && reason <= REASON_VMXON ? VIRT_EXIT_UNDEFINED
									  : VIRT_EXIT_UNKNOWN;
}
