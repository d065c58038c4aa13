/* SPDX-License-Identifier: MIT */
/* Structure offsets for the entry.S of both backends: compiled to assembly, from which the build
 * takes the numbers. */
#include "hv/vcpu.h"

#define OFFSET(name, type, member) \
	__asm__ volatile("\n.ascii \"->" #name " %c0\"" : : "i"(__builtin_offsetof(type, member)))

void vcpu_offsets(void);

void vcpu_offsets(void)
{
	OFFSET(VCPU_RAX, struct vcpu, regs[REG_RAX]);
	OFFSET(VCPU_RCX, struct vcpu, regs[REG_RCX]);
	OFFSET(VCPU_RDX, struct vcpu, regs[REG_RDX]);
	OFFSET(VCPU_RBX, struct vcpu, regs[REG_RBX]);
	OFFSET(VCPU_RBP, struct vcpu, regs[REG_RBP]);
	OFFSET(VCPU_RSI, struct vcpu, regs[REG_RSI]);
	OFFSET(VCPU_RDI, struct vcpu, regs[REG_RDI]);
	OFFSET(VCPU_R8, struct vcpu, regs[8]);
	OFFSET(VCPU_R9, struct vcpu, regs[9]);
	OFFSET(VCPU_R10, struct vcpu, regs[10]);
	OFFSET(VCPU_R11, struct vcpu, regs[11]);
	OFFSET(VCPU_R12, struct vcpu, regs[12]);
	OFFSET(VCPU_R13, struct vcpu, regs[13]);
	OFFSET(VCPU_R14, struct vcpu, regs[14]);
	OFFSET(VCPU_R15, struct vcpu, regs[15]);
}
