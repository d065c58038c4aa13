/* SPDX-License-Identifier: MIT */
/* GDT, TSS and IDT: contents and loading. */
#include "arch/x86_64/descriptors.h"

#include "arch/x86_64/exceptions.h"
#include "arch/x86_64/msr.h"

#define IDT_VECTORS 256U

/* SDM 3A 3.4.5: present, DPL 0; code is 64-bit execute/read, both with the accessed bit set. */
#define GDT_CODE_64  0x00209b0000000000ULL
#define GDT_DATA     0x0000930000000000ULL
#define GDT_TSS_64   0x0000890000000000ULL
#define GATE_PRESENT 0x8e00U /* 64-bit interrupt gate, DPL 0 */

/* SDM 3A 6.14.1. */
struct idt_gate {
	uint16_t offset_low;
	uint16_t selector;
	uint16_t attributes; /* IST in bits 2:0 */
	uint16_t offset_middle;
	uint32_t offset_high;
	uint32_t reserved;
};

struct __attribute__((packed)) table_pointer {
	uint16_t limit;
	uint64_t base;
};

static struct idt_gate idt[IDT_VECTORS];

static void set_gate(uint32_t vector, uint64_t target)
{
	idt[vector] = (struct idt_gate){
		.offset_low = (uint16_t)target,
		.selector = SELECTOR_CODE,
		.attributes = GATE_PRESENT,
		.offset_middle = (uint16_t)(target >> 16),
		.offset_high = (uint32_t)(target >> 32),
	};
}

void descriptors_init(void)
{
	for (uint32_t vector = 0; vector < IDT_VECTORS; vector++) {
		set_gate(vector, (uint64_t)exceptions_stubs + vector * EXCEPTIONS_STUB_SIZE);
	}
}

void descriptors_set_handler(uint8_t vector, void (*handler)(void *frame))
{
	set_gate(vector, (uint64_t)handler);
}

void descriptors_use_ist(void)
{
	idt[EXCEPTION_DOUBLE_FAULT].attributes = GATE_PRESENT | IST_DOUBLE_FAULT;
	idt[EXCEPTION_NMI].attributes = GATE_PRESENT | IST_NMI;
	idt[EXCEPTION_MACHINE_CHECK].attributes = GATE_PRESENT | IST_MACHINE_CHECK;
}

static void fill_gdt(struct cpu_tables *tables)
{
	uint64_t base = (uint64_t)&tables->tss;

	tables->gdt[SELECTOR_CODE / 8] = GDT_CODE_64;
	tables->gdt[SELECTOR_DATA / 8] = GDT_DATA;
	tables->gdt[SELECTOR_TSS / 8] = GDT_TSS_64 | (sizeof(struct tss) - 1) |
					(base & 0xffffff) << 16 | (base >> 24 & 0xff) << 56;
	tables->gdt[SELECTOR_TSS / 8 + 1] = base >> 32;
	tables->tss.io_map_base = sizeof(struct tss); /* none: ring 0 needs no permission */
}

/* Loading FS and GS clears their bases, so the caller's GS base is put back. */
static void load_segments(void)
{
	uint64_t gs_base = rdmsr(MSR_GS_BASE);

	__asm__ volatile("pushq %0\n\t"
			 "leaq 1f(%%rip), %%rax\n\t"
			 "pushq %%rax\n\t"
			 "lretq\n"
			 "1:\tmovl %1, %%eax\n\t"
			 "movl %%eax, %%ss\n\t"
			 "movl %%eax, %%ds\n\t"
			 "movl %%eax, %%es\n\t"
			 "xorl %%eax, %%eax\n\t"
			 "movl %%eax, %%fs\n\t"
			 "movl %%eax, %%gs"
			 :
			 : "i"(SELECTOR_CODE), "i"(SELECTOR_DATA)
			 : "rax", "cc", "memory");
	wrmsr(MSR_GS_BASE, gs_base);
}

void descriptors_load(struct cpu *cpu)
{
	struct cpu_tables *tables = cpu->tables;
	struct table_pointer gdt_pointer = {sizeof(tables->gdt) - 1, (uint64_t)tables->gdt};
	struct table_pointer idt_pointer = {sizeof(idt) - 1, (uint64_t)idt};

	fill_gdt(tables);
	__asm__ volatile("lgdt %0" : : "m"(gdt_pointer));
	load_segments();
	__asm__ volatile("ltr %w0" : : "r"(SELECTOR_TSS));
	__asm__ volatile("lldt %w0" : : "r"(0));
	__asm__ volatile("lidt %0" : : "m"(idt_pointer));
}
