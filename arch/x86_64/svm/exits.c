/* SPDX-License-Identifier: MIT */
/*
 * From the VMCB's exit information to a generic exit (AMD APM vol. 2, appendix C the codes, 15.7 to
 * 15.14 their meaning), and the address of the next instruction: from NRIP save (15.7.1), from
 * EXITINFO2 (I/O, 15.10.2), or from the instruction's bytes. Decoding only: nothing here changes
 * the guest.
 */
#include "arch/x86_64/svm/instruction.h"
#include "arch/x86_64/svm/svm.h"

#define VECTOR_ALIGNMENT_CHECK 17U
#define VECTOR_MACHINE_CHECK   18U
#define CR0_LOW_WORD	       0xfULL /* that LMSW writes; it cannot clear PE */
#define CR0_LOW_CLEARABLE      0xeULL

enum svm_exit {
	EXIT_CR_READ = 0x00,
	EXIT_CR_WRITE = 0x10,
	EXIT_EXCEPTION = 0x40,
	EXIT_INTR = 0x60,
	EXIT_NMI = 0x61,
	EXIT_INIT = 0x63,
	EXIT_VINTR = 0x64,
	EXIT_CR0_CHANGES = 0x65,
	EXIT_RDPMC = 0x6f,
	EXIT_CPUID = 0x72,
	EXIT_RSM = 0x73,
	EXIT_INVD = 0x76,
	EXIT_HLT = 0x78,
	EXIT_INVLPGA = 0x7a,
	EXIT_IO = 0x7b,
	EXIT_MSR = 0x7c,
	EXIT_SHUTDOWN = 0x7f,
	EXIT_VMRUN = 0x80,
	EXIT_VMMCALL = 0x81,
	EXIT_SKINIT = 0x86,
	EXIT_WBINVD = 0x89,
	EXIT_MONITOR = 0x8a,
	EXIT_MWAIT = 0x8b,
	EXIT_XSETBV = 0x8d,
	EXIT_RDPRU = 0x8e,
	EXIT_INVLPGB = 0xa0,
	EXIT_INVLPGB_ILLEGAL = 0xa1,
	EXIT_NESTED_FAULT = 0x400,
};

/* EXITINFO1 of a nested page fault (15.25.6), of I/O (15.10.2). */
#define FAULT_WRITE   (1ULL << 1)
#define FAULT_FETCH   (1ULL << 4)
#define FAULT_FINAL   (1ULL << 32) /* the access itself; else a walk of the guest's tables */
#define IO_IN	      (1ULL << 0)
#define IO_STRING     (1ULL << 2)
#define IO_SIZE(info) ((uint8_t)((info) >> 4 & 7))
#define IO_PORT(info) ((uint16_t)((info) >> 16))

static bool decode_bytes(struct vcpu *vcpu, enum instruction_kind kind, struct instruction *out)
{
	uint8_t bytes[15];
	uint32_t count = vcpu_fetch(vcpu, bytes);
	bool is_64bit = svm_register_read(vcpu, VIRT_IS_64BIT) != 0;

	return instruction_decode(bytes, count, is_64bit, kind, out) == 0;
}

bool svm_exit_is_at_hlt(struct vcpu *vcpu)
{
	struct instruction instruction;

	return decode_bytes(vcpu, INSTRUCTION_HLT, &instruction);
}

/* An exit whose handler may want to go past the instruction. */
static void exit_set(struct vcpu *vcpu, struct virt_exit *exit, enum virt_exit_reason reason,
		     enum instruction_kind kind)
{
	const struct vmcb *vmcb = vmcb_of(vcpu);
	struct instruction instruction;

	exit->reason = reason;
	if (svm_features.has_next_rip) {
		svm_of(vcpu)->next_rip = vmcb->next_rip;
	} else if (decode_bytes(vcpu, kind, &instruction)) {
		svm_of(vcpu)->next_rip = vmcb->rip + instruction.length;
	} else {
		exit->reason = VIRT_EXIT_UNKNOWN;
	}
}

/* CR0 and CR4 writes, and all of CR8. Decode assists would give MOV's register, but not LMSW's
 * value, so the bytes are looked at in any case. */
static void exit_decode_cr(struct vcpu *vcpu, struct virt_exit *exit, bool is_write)
{
	enum instruction_kind kind = is_write ? INSTRUCTION_WRITE_CR : INSTRUCTION_READ_CR;
	struct vmcb *vmcb = vmcb_of(vcpu);
	struct instruction mov;
	uint64_t value;

	exit->reason = VIRT_EXIT_UNKNOWN;
	if (!decode_bytes(vcpu, kind, &mov)) {
		return;
	}
	svm_of(vcpu)->next_rip = vmcb->rip + mov.length;
	if (!is_write) {
		if (mov.cr == 8 && mov.reg != REG_RSP) {
			exit->reason = VIRT_EXIT_CR8_READ;
			exit->cr.number = mov.reg;
		}
		return;
	}
	value = mov.reg == REG_RSP ? vmcb->rsp : vcpu->regs[mov.reg];
	if (mov.is_lmsw) {
		value = (vmcb->cr0 & ~CR0_LOW_CLEARABLE) | (value & CR0_LOW_WORD);
	} else if (svm_register_read(vcpu, VIRT_IS_64BIT) == 0) {
		value = (uint32_t)value;
	}
	exit->reason = VIRT_EXIT_CR_WRITE;
	exit->cr.number = mov.cr;
	exit->cr.value = value;
}

static void exit_decode_exception(struct virt_exit *exit, uint8_t vector)
{
	if (vector == VECTOR_MACHINE_CHECK) {
		exit->reason = VIRT_EXIT_MACHINE_CHECK;
		return;
	}
	exit->reason = VIRT_EXIT_EXCEPTION;
	exit->exception.vector = vector;
	exit->exception.has_error = vector == VECTOR_ALIGNMENT_CHECK;
	exit->exception.error = exit->exception.has_error ? (uint32_t)exit->detail : 0;
}

static void exit_decode_io(struct vcpu *vcpu, struct virt_exit *exit)
{
	uint64_t info = exit->detail;

	exit->reason = VIRT_EXIT_IO;
	exit->io.port = IO_PORT(info);
	exit->io.size = IO_SIZE(info);
	exit->io.is_write = (info & IO_IN) == 0;
	exit->io.is_string = (info & IO_STRING) != 0;
	svm_of(vcpu)->next_rip = vmcb_of(vcpu)->exit_info_2;
}

static void exit_decode_memory(const struct vmcb *vmcb, struct virt_exit *exit)
{
	exit->reason = VIRT_EXIT_MEMORY;
	exit->memory.address = gpa(vmcb->exit_info_2);
	exit->memory.is_write = (exit->detail & FAULT_WRITE) != 0;
	exit->memory.is_fetch = (exit->detail & FAULT_FETCH) != 0;
	exit->memory.is_operand =
		(exit->detail & FAULT_FINAL) != 0 && (vmcb->exit_event & EVENT_VALID) == 0;
}

static void exit_decode_instruction(struct vcpu *vcpu, struct virt_exit *exit, uint64_t code)
{
	switch (code) {
	case EXIT_CPUID: exit_set(vcpu, exit, VIRT_EXIT_CPUID, INSTRUCTION_CPUID); return;
	case EXIT_HLT: exit_set(vcpu, exit, VIRT_EXIT_HLT, INSTRUCTION_HLT); return;
	case EXIT_MSR:
		if ((exit->detail & 1) != 0) {
			exit_set(vcpu, exit, VIRT_EXIT_MSR_WRITE, INSTRUCTION_WRMSR);
		} else {
			exit_set(vcpu, exit, VIRT_EXIT_MSR_READ, INSTRUCTION_RDMSR);
		}
		return;
	case EXIT_VMMCALL: exit_set(vcpu, exit, VIRT_EXIT_HYPERCALL, INSTRUCTION_VMMCALL); return;
	case EXIT_XSETBV: exit_set(vcpu, exit, VIRT_EXIT_XSETBV, INSTRUCTION_XSETBV); return;
	case EXIT_INVD:
	case EXIT_WBINVD:
		exit_set(vcpu, exit, VIRT_EXIT_CACHE, INSTRUCTION_WBINVD);
		if (exit->reason == VIRT_EXIT_UNKNOWN) { /* QEMU takes one for the other */
			exit_set(vcpu, exit, VIRT_EXIT_CACHE, INSTRUCTION_INVD);
		}
		return;
	case EXIT_RDPMC: exit->reason = VIRT_EXIT_PROTECTION; return;
	case EXIT_RSM:
	case EXIT_INVLPGA:
	case EXIT_MONITOR:
	case EXIT_MWAIT:
	case EXIT_RDPRU:
	case EXIT_INVLPGB:
	case EXIT_INVLPGB_ILLEGAL: exit->reason = VIRT_EXIT_UNDEFINED; return;
	default: break;
	}
	exit->reason =
		code >= EXIT_VMRUN && code <= EXIT_SKINIT ? VIRT_EXIT_UNDEFINED : VIRT_EXIT_UNKNOWN;
}

void svm_exit_decode(struct vcpu *vcpu, struct virt_exit *exit)
{
	const struct vmcb *vmcb = vmcb_of(vcpu);
	uint64_t code = vmcb->exit_code;

	exit->raw = (uint32_t)code;
	exit->detail = vmcb->exit_info_1;
	svm_of(vcpu)->next_rip = 0;
	switch (code) {
	case EXIT_IO: exit_decode_io(vcpu, exit); return;
	case EXIT_NESTED_FAULT: exit_decode_memory(vmcb, exit); return;
	case EXIT_INIT:
	case EXIT_INTR: exit->reason = VIRT_EXIT_INTERRUPT; return;
	case EXIT_NMI: exit->reason = VIRT_EXIT_NMI; return;
	case EXIT_VINTR: exit->reason = VIRT_EXIT_WINDOW; return;
	case EXIT_SHUTDOWN: exit->reason = VIRT_EXIT_TRIPLE_FAULT; return;
	case EXIT_CR0_CHANGES:
	case EXIT_CR_WRITE + 0:
	case EXIT_CR_WRITE + 4:
	case EXIT_CR_WRITE + 8: exit_decode_cr(vcpu, exit, true); return;
	case EXIT_CR_READ + 8: exit_decode_cr(vcpu, exit, false); return;
	case UINT32_MAX: /* in QEMU's emulation */
	case UINT64_MAX: exit->reason = VIRT_EXIT_ENTRY_FAILED; return;
	default: break;
	}
	if (code >= EXIT_EXCEPTION && code < EXIT_INTR) {
		exit_decode_exception(exit, (uint8_t)(code - EXIT_EXCEPTION));
	} else {
		exit_decode_instruction(vcpu, exit, code);
	}
}
