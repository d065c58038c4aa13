/* SPDX-License-Identifier: MIT */
/* Per-CPU data, and the stacks of each CPU with the unmapped guard pages between them. */
#include "arch/x86_64/percpu.h"

#include "arch/x86_64/descriptors.h"
#include "arch/x86_64/msr.h"
#include "arch/x86_64/paging.h"

/* One slot of 64 KiB per CPU; guard pages are those that no stack covers. */
#define SLOT_SIZE 0x10000ULL

static const struct stack {
	const char *name;
	uint32_t base; /* in the slot */
	uint32_t top;
} stacks[] = {
	{"main", 0x1000, 0x1000 + PERCPU_STACK_SIZE},
	{"double fault", 0x6000, 0x8000},
	{"NMI", 0x9000, 0xb000},
	{"machine check", 0xc000, 0xe000},
};

static struct cpu cpus[CPUS_MAX];
static struct cpu_tables tables[CPUS_MAX];
static _Atomic uint32_t online_count;

_Static_assert(offsetof(struct cpu, self) == 0, "this_cpu() reads gs:0");

static uint64_t slot_base(uint32_t index)
{
	return PAGING_STACKS_BASE + index * SLOT_SIZE;
}

struct cpu *percpu_enter(uint32_t index)
{
	struct cpu *cpu = &cpus[index];

	cpu->self = cpu;
	cpu->index = index;
	cpu->tables = &tables[index];
	wrmsr(MSR_GS_BASE, (uint64_t)cpu);
	return cpu;
}

void percpu_map_stacks(uint32_t index)
{
	uint64_t slot = slot_base(index);

	for (uint32_t i = 0; i < ARRAY_COUNT(stacks); i++) {
		paging_map_stack(slot + stacks[i].base, stacks[i].top - stacks[i].base);
	}
	cpus[index].stack_top = (void *)(slot + stacks[0].top);
	tables[index].tss.ist[IST_DOUBLE_FAULT - 1] = slot + stacks[1].top;
	tables[index].tss.ist[IST_NMI - 1] = slot + stacks[2].top;
	tables[index].tss.ist[IST_MACHINE_CHECK - 1] = slot + stacks[3].top;
}

/* The first stack in its slot that ends above `address`: it lies in that, or in the guard page
 * below. NULL when it is no address of a slot, or above the last stack. */
static const struct stack *find_stack(uint64_t address)
{
	uint64_t offset = address - PAGING_STACKS_BASE;

	for (uint32_t i = 0; i < ARRAY_COUNT(stacks) && offset < CPUS_MAX * SLOT_SIZE; i++) {
		if (offset % SLOT_SIZE < stacks[i].top) {
			return &stacks[i];
		}
	}
	return NULL;
}

const char *percpu_guarded_stack(uint64_t address, uint32_t *index)
{
	const struct stack *stack = find_stack(address);

	*index = (uint32_t)((address - PAGING_STACKS_BASE) / SLOT_SIZE);
	return stack != NULL && address % SLOT_SIZE < stack->base ? stack->name : NULL;
}

uint64_t percpu_stack_end(uint64_t address)
{
	const struct stack *stack = find_stack(address);

	if (stack == NULL || address % SLOT_SIZE < stack->base) {
		return 0;
	}
	return address - address % SLOT_SIZE + stack->top;
}

void percpu_add_online(void)
{
	atomic_fetch_add(&online_count, 1);
}

uint32_t cpu_count(void)
{
	return atomic_load(&online_count);
}

struct cpu *cpu_get(uint32_t index)
{
	return &cpus[index];
}
