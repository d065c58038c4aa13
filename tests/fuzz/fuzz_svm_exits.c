/* SPDX-License-Identifier: MIT */
/*
 * Any exit information over any bytes at RIP: decoding leaves the VMCB alone, and what it says can
 * be acted on. What only the CPU writes is as the CPU writes it; the rest is the guest's.
 */
#include <stdlib.h>
#include <string.h>

#include "arch/x86_64/cpu_features.h"
#include "arch/x86_64/svm/svm.h"

#define FETCH_MAX  15U
#define EXIT_IO	   0x7bU
#define EXIT_FAULT 0x400U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct svm_features svm_features;

/* In this order in the input. */
struct input {
	uint16_t code;
	uint8_t flags; /* 0: NRIP save; 1: long mode; 2: CS.L; 3: code 0x400; 4: code -1 */
	uint8_t fetched;
	uint64_t info_1, info_2, event, rip, cr0, rsp;
	uint64_t regs[16];
	uint8_t bytes[FETCH_MAX];
};

static struct input input;

static void check(bool condition)
{
	if (!condition) {
		abort();
	}
}

uint32_t vcpu_fetch(struct vcpu *vcpu, uint8_t bytes[FETCH_MAX])
{
	(void)vcpu;
	memcpy(bytes, input.bytes, sizeof(input.bytes));
	return input.fetched % (FETCH_MAX + 1);
}

void svm_flush_translations(struct vcpu *vcpu)
{
	(void)vcpu;
	abort(); /* decoding writes no register */
}

const struct cpu_features *cpu_features_get(void)
{
	abort();
}

static void fill(struct vmcb *vmcb)
{
	vmcb->exit_code = input.code % 0x100;
	if ((input.flags & 8) != 0) {
		vmcb->exit_code = EXIT_FAULT;
	} else if ((input.flags & 16) != 0) {
		vmcb->exit_code = UINT64_MAX;
	}
	vmcb->exit_info_1 = input.info_1;
	if (vmcb->exit_code == EXIT_IO) { /* one size (APM 2, 15.10.2) */
		vmcb->exit_info_1 &= ~0x70ULL;
		vmcb->exit_info_1 |= 0x10ULL << input.fetched % 3;
	}
	vmcb->exit_info_2 = input.info_2;
	vmcb->exit_event = input.event;
	vmcb->rip = input.rip;
	vmcb->next_rip = input.rip + 3;
	vmcb->cr0 = input.cr0;
	vmcb->rsp = input.rsp;
	vmcb->efer = (input.flags & 2) != 0 ? 1ULL << 10 : 0;
	vmcb->cs.attributes = (input.flags & 4) != 0 ? 1U << 9 : 0;
}

static void check_advance(const struct vmcb *vmcb, const struct svm_vcpu *svm)
{
	uint64_t length = svm->next_rip - vmcb->rip;

	check(length >= 1 && length <= FETCH_MAX);
}

static void check_exit(const struct vmcb *vmcb, const struct svm_vcpu *svm,
		       const struct virt_exit *exit)
{
	check(exit->reason <= VIRT_EXIT_UNKNOWN && exit->detail == vmcb->exit_info_1);
	switch (exit->reason) {
	case VIRT_EXIT_IO:
		check(exit->io.size == 1 || exit->io.size == 2 || exit->io.size == 4);
		check(svm->next_rip == vmcb->exit_info_2);
		break;
	case VIRT_EXIT_CR8_READ:
		check(exit->cr.number < 16 && exit->cr.number != REG_RSP);
		check_advance(vmcb, svm);
		break;
	case VIRT_EXIT_CR_WRITE:
		check(exit->cr.number < 16);
		check_advance(vmcb, svm);
		break;
	case VIRT_EXIT_HLT:
	case VIRT_EXIT_MSR_READ:
	case VIRT_EXIT_MSR_WRITE:
	case VIRT_EXIT_CPUID:
	case VIRT_EXIT_HYPERCALL:
	case VIRT_EXIT_XSETBV:
	case VIRT_EXIT_CACHE: check_advance(vmcb, svm); break;
	case VIRT_EXIT_MEMORY:
		check(vmcb->exit_code == EXIT_FAULT);
		check(!exit->memory.is_operand || (vmcb->exit_event & EVENT_VALID) == 0);
		break;
	case VIRT_EXIT_EXCEPTION:
		check(exit->exception.vector < 32 && exit->exception.vector != 18);
		break;
	default: break; /* nothing to act on */
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct vmcb vmcb, before;
	struct svm_vcpu svm = {.vmcb = &vmcb};
	static struct vcpu vcpu;
	struct virt_exit exit;

	memset(&input, 0, sizeof(input));
	memcpy(&input, data, size < sizeof(input) ? size : sizeof(input));
	memset(&vmcb, 0, sizeof(vmcb));
	fill(&vmcb);
	before = vmcb;
	svm_features.has_next_rip = (input.flags & 1) != 0;
	vcpu.backend = &svm;
	memcpy(vcpu.regs, input.regs, sizeof(input.regs));
	memset(&exit, 0, sizeof(exit));
	svm_exit_decode(&vcpu, &exit);
	check_exit(&vmcb, &svm, &exit);
	check(memcmp(&vmcb, &before, sizeof(vmcb)) == 0);
	check(memcmp(vcpu.regs, input.regs, sizeof(input.regs)) == 0);
	return 0;
}
