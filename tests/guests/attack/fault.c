// SPDX-License-Identifier: MIT
/* Own descriptor tables for catching exceptions, and changes to the runtime's page tables. */
#include "tests/guests/attack/attack.h"

#include <stdio.h>

#define ENTRY_SIZE	16U
#define EXCEPTIONS	32U
#define GATE		0x8e01U /* present, interrupt gate, stack 1 of the runtime's TSS */
#define GATE_SAME_STACK 0x8e00U
#define CODE		8U
#define ENTRIES		512U
#define PAGE_USER	0x4ULL
#define PAGE_PRESENT	0x1ULL
#define PAGE_LARGE	0x80ULL
#define ADDRESS		0x000ffffffffff000ULL
#define USER_STACK	4096U

struct gate {
	uint16_t offset_low, selector, flags, offset_middle;
	uint32_t offset_high, reserved;
};

struct table_pointer {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

extern const char fault_entries[], fault_interrupt[];
int fault_enter_user(void (*function)(uint64_t), uint64_t argument, uint8_t *stack);
__attribute__((noreturn)) void fault_unexpected(void);

uint64_t fault_vector, fault_error, fault_rax, fault_flags, fault_rip;
static uint64_t gdt[8];
static struct table_pointer idt_pointer;
static uint8_t user_stack[USER_STACK] __attribute__((aligned(16)));

void fault_unexpected(void)
{
	printf("attack: FAILED unexpected exception %u, error 0x%x, RIP 0x%x, flags 0x%x\n",
	       (unsigned)fault_vector, (unsigned)fault_error, (unsigned)fault_rip,
	       (unsigned)fault_flags);
	for (;;) {
		__asm__ volatile("sti; hlt");
	}
}

static void set_gate(struct gate *gate, uint64_t entry, uint16_t flags)
{
	gate->offset_low = (uint16_t)entry;
	gate->offset_middle = (uint16_t)(entry >> 16);
	gate->offset_high = (uint32_t)(entry >> 32);
	gate->selector = CODE;
	gate->flags = flags;
}

/* Of the runtime's gates, those of its own interrupts stay. */
static void set_gates(void)
{
	struct gate *idt;

	__asm__ volatile("sidt %0" : "=m"(idt_pointer));
	idt = (void *)(uintptr_t)idt_pointer.base;
	for (unsigned int i = 0; i < EXCEPTIONS; i++) {
		set_gate(&idt[i], (uint64_t)(uintptr_t)fault_entries + i * ENTRY_SIZE, GATE);
	}
	for (unsigned int i = EXCEPTIONS; i < 256; i++) {
		if (idt[i].flags == 0) {
			set_gate(&idt[i], (uint64_t)(uintptr_t)fault_interrupt, GATE_SAME_STACK);
		}
	}
}

void fault_set_interrupt(uint8_t vector, const char *entry)
{
	struct gate *idt = (void *)(uintptr_t)idt_pointer.base;

	set_gate(&idt[vector], (uint64_t)(uintptr_t)entry, GATE_SAME_STACK);
}

void fault_load_idt(void)
{
	__asm__ volatile("lidt %0" : : "m"(idt_pointer));
}

/* The runtime's table with two segments for privilege level 3 behind it. */
static void extend_gdt(void)
{
	struct table_pointer pointer;
	const uint64_t *old;

	__asm__ volatile("sgdt %0" : "=m"(pointer));
	old = (const uint64_t *)(uintptr_t)pointer.base;
	for (unsigned int i = 0; i < 5; i++) {
		gdt[i] = old[i];
	}
	gdt[5] = 0x00cff3000000ffffULL;
	gdt[6] = 0x00affb000000ffffULL;
	pointer = (struct table_pointer){sizeof(gdt) - 1, (uint64_t)(uintptr_t)gdt};
	__asm__ volatile("lgdt %0" : : "m"(pointer));
}

void fault_init(void)
{
	extend_gdt();
	set_gates();
}

static uint64_t *root(void)
{
	uint64_t cr3;

	__asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
	return (uint64_t *)(uintptr_t)(cr3 & ADDRESS);
}

static uint64_t *below(uint64_t entry)
{
	return (uint64_t *)(uintptr_t)(entry & ADDRESS);
}

static void flush(void)
{
	__asm__ volatile("mov %%cr3, %%rax; mov %%rax, %%cr3" : : : "rax", "memory");
}

static void permit_user(uint64_t *table, unsigned int level)
{
	for (unsigned int i = 0; i < ENTRIES; i++) {
		if ((table[i] & PAGE_PRESENT) == 0) {
			continue;
		}
		table[i] |= PAGE_USER;
		if (level > 1 && (table[i] & PAGE_LARGE) == 0) {
			permit_user(below(table[i]), level - 1);
		}
	}
}

int fault_catch_user(void (*function)(uint64_t), uint64_t argument)
{
	permit_user(root(), 4);
	flush();
	return fault_enter_user(function, argument, user_stack + sizeof(user_stack) - 8);
}

void fault_map(uint64_t virtual, uint64_t physical)
{
	uint64_t *level3 = below(root()[0]);
	uint64_t *level2 = below(level3[virtual >> 30]);

	level2[virtual >> 21 & (ENTRIES - 1)] = physical | 0x83;
	flush();
}
