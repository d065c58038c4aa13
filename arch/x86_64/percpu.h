/* SPDX-License-Identifier: MIT */
/*
 * Per-CPU data of ring 0. GS base points at the CPU's own struct cpu from the first C code on.
 * Fields belong to their CPU; those marked "any" may be touched by others, atomically.
 */
#ifndef ARCH_X86_64_PERCPU_H
#define ARCH_X86_64_PERCPU_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define CPUS_MAX	  64U
#define PERCPU_STACK_SIZE 0x4000U

struct sched_cpu; /* hv/sched.h */

struct cpu {
	struct cpu *self; /* must be first: this_cpu() reads gs:0 */
	uint32_t index;	  /* 0 is the bootstrap CPU */
	uint32_t apic_id;
	void *stack_top; /* main stack, guard page below */
	void *tables;	 /* GDT, TSS (platform) */
	void *backend;	 /* VMXON region and the like (vmx, svm) */
	struct sched_cpu *sched;
	_Atomic bool kicked; /* any: cleared by its CPU when it looks for work */
	bool timer_fired;
};

static inline struct cpu *this_cpu(void)
{
	struct cpu *cpu;

	__asm__ volatile("mov %%gs:0, %0" : "=r"(cpu));
	return cpu;
}

/* CPUs that are up, and one of them (index below cpu_count()). */
uint32_t cpu_count(void);
struct cpu *cpu_get(uint32_t index);

/* For the platform: points the calling CPU's GS base at entry `index`, and fills the entry. */
struct cpu *percpu_enter(uint32_t index);

/* Maps the stacks of CPU `index`: sets stack_top and the TSS's IST. Bootstrap CPU, at boot. */
void percpu_map_stacks(uint32_t index);

/* Counts one more CPU as up; they come up in the order of their indices. */
void percpu_add_online(void);

/* When `address` lies in a guard page: the name of the stack above it, and whose it is. */
const char *percpu_guarded_stack(uint64_t address, uint32_t *index);

/* The end of the stack that `address` lies in, or 0 when it lies in none. */
uint64_t percpu_stack_end(uint64_t address);

#endif
