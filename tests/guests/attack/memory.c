// SPDX-License-Identifier: MIT
/*
 * Memory (invariant I1): addresses outside the partition's 4 MiB of RAM, and its one memory BAR
 * with instructions that are not offered there. Ring 0 stops the partition.
 */
#include "tests/guests/attack/attack.h"

#include "tests/guests/attack/raw.h"

#include <string.h>

#define RAM_END	   0x400000ULL
#define RING0	   0x3e000000ULL /* host-physical: the hypervisor in a machine of 1 GiB */
#define OTHERS	   0x3c000000ULL /* host-physical: partitions */
#define WINDOW	   0x80000000ULL /* a virtual address that nothing else uses */
#define LOCAL_APIC 0xfee00000ULL
#define IO_APIC	   0xfec00000ULL
#define BAR	   RAW_MEMORY_BAR
#define PAGE	   0x1000ULL

static uint64_t read64(uint64_t address)
{
	return *(volatile uint64_t *)(uintptr_t)address;
}

static void read32(uint64_t address)
{
	uint32_t value;

	__asm__ volatile("movl (%1), %0" : "=r"(value) : "r"(address) : "memory");
}

static void write64(uint64_t address, uint64_t value)
{
	*(volatile uint64_t *)(uintptr_t)address = value;
}

static void call(uint64_t address)
{
	((void (*)(void))(uintptr_t)address)();
}

static const char *read_past_end(void)
{
	read64(RAM_END);
	return NULL;
}

static const char *write_past_end(void)
{
	write64(RAM_END, 1);
	return NULL;
}

static const char *execute_past_end(void)
{
	call(RAM_END);
	return NULL;
}

static const char *read_across_end(void)
{
	read64(RAM_END - 4);
	return NULL;
}

static const char *read_ring0(void)
{
	read64(RING0);
	return NULL;
}

static const char *write_ring0(void)
{
	write64(RING0, 0xf4f4f4f4f4f4f4f4ULL);
	return NULL;
}

static const char *execute_other(void)
{
	call(OTHERS);
	return NULL;
}

static const char *write_other(void)
{
	write64(OTHERS + 0x100000, 0);
	return NULL;
}

static const char *read_firmware(void)
{
	read64(0xfffffff0ULL);
	return NULL;
}

static const char *read_high(void)
{
	fault_map(WINDOW, 0x100000000ULL);
	read64(WINDOW);
	return NULL;
}

static const char *read_highest(void)
{
	fault_map(WINDOW, 0x7fffe00000ULL);
	read64(WINDOW + 0x1ffff8);
	return NULL;
}

static const char *read_local_apic(void)
{
	read64(LOCAL_APIC + 0x20);
	return NULL;
}

/* As xAPIC software would: INIT to all other CPUs. */
static const char *write_local_apic(void)
{
	write64(LOCAL_APIC + 0x300, 0x000c4500);
	return NULL;
}

static const char *read_io_apic(void)
{
	read64(IO_APIC);
	return NULL;
}

static const char *read_no_bar(void)
{
	raw_decode(true);
	read32(BAR + PAGE);
	return NULL;
}

static const char *read_bar_off(void)
{
	raw_decode(false);
	read32(BAR);
	return NULL;
}

static const char *bar_string(void)
{
	static uint8_t copy[64];
	void *to = copy;
	const void *from = (const void *)BAR;
	size_t count = sizeof(copy);

	raw_decode(true);
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
	return NULL;
}

static const char *bar_atomic(void)
{
	raw_decode(true);
	__asm__ volatile("lock incl (%0)" : : "r"(BAR) : "memory");
	return NULL;
}

static const char *bar_sse(void)
{
	raw_decode(true);
	__asm__ volatile("movups (%0), %%xmm0" : : "r"(BAR) : "xmm0", "memory");
	return NULL;
}

static const char *bar_push(void)
{
	raw_decode(true);
	__asm__ volatile("pushq (%0); addq $8, %%rsp" : : "r"(BAR) : "memory");
	return NULL;
}

static const char *bar_across_end(void)
{
	raw_decode(true);
	read32(BAR + PAGE - 2);
	return NULL;
}

static const char *bar_execute(void)
{
	raw_decode(true);
	call(BAR);
	return NULL;
}

/* An offset that the table does not take: nothing is written. */
static const char *bar_odd(void)
{
	uint32_t value;

	raw_decode(true);
	__asm__ volatile("movl %0, (%1)" : : "r"(0xfee00000U), "r"(BAR) : "memory");
	__asm__ volatile("movl %0, (%1)" : : "r"(0x55555555U), "r"(BAR + 2) : "memory");
	__asm__ volatile("movl (%1), %0" : "=r"(value) : "r"(BAR) : "memory");
	return value == 0xfee00000U ? NULL : "an odd write got through";
}

/* The page tables themselves lie where nothing is. */
static const char *tables_outside(void)
{
	__asm__ volatile("mov %0, %%cr3" : : "r"(RING0) : "memory");
	return NULL;
}

/* A MOV whose address is translated by a table in the BAR: the access is the page walk's. */
static const char *tables_in_bar(void)
{
	uint64_t cr3;
	uint64_t *level3;

	raw_decode(true);
	__asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
	level3 = (uint64_t *)(uintptr_t)(*(uint64_t *)(uintptr_t)cr3 & ~0xfffULL);
	level3[WINDOW >> 30] = BAR | 3;
	__asm__ volatile("mov %0, %%cr3" : : "r"(cr3) : "memory");
	read64(WINDOW);
	return NULL;
}

/* Delivery of an exception reads the gate from the BAR; RIP is at an unrelated MOV. */
static const char *idt_in_bar(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) pointer = {0xfff, BAR};

	raw_decode(true);
	__asm__ volatile("lidt %0" : : "m"(pointer));
	read64(1ULL << 47); /* not canonical: #GP */
	return NULL;
}

static const char *stack_in_bar(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) pointer;

	raw_decode(true);
	__asm__ volatile("sidt %0" : "=m"(pointer));
	((volatile uint8_t *)(uintptr_t)pointer.base)[6 * 16 + 4] = 0; /* the current stack */
	__asm__ volatile("mov %0, %%rsp; ud2" : : "r"(BAR + 0x100));
	return NULL;
}

static const char *gdt_outside(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) pointer = {0xfff, RING0};

	__asm__ volatile("lgdt %0; mov %1, %%es" : : "m"(pointer), "r"(0x10));
	return NULL;
}

static const struct attack attacks[] = {
	{"read past the end of RAM", read_past_end, ATTACK_STOPPED},
	{"write past the end of RAM", write_past_end, ATTACK_STOPPED},
	{"execute past the end of RAM", execute_past_end, ATTACK_STOPPED},
	{"read across the end of RAM", read_across_end, ATTACK_STOPPED},
	{"read where ring 0 lies", read_ring0, ATTACK_STOPPED},
	{"write where ring 0 lies", write_ring0, ATTACK_STOPPED},
	{"execute where another partition lies", execute_other, ATTACK_STOPPED},
	{"write where another partition lies", write_other, ATTACK_STOPPED},
	{"read the firmware", read_firmware, ATTACK_STOPPED},
	{"read at 4 GiB", read_high, ATTACK_STOPPED},
	{"read at the end of 512 GiB", read_highest, ATTACK_STOPPED},
	{"read the local APIC", read_local_apic, ATTACK_STOPPED},
	{"INIT by the local APIC", write_local_apic, ATTACK_STOPPED},
	{"read the I/O APIC", read_io_apic, ATTACK_STOPPED},
	{"read behind the BAR", read_no_bar, ATTACK_STOPPED},
};

static const struct attack bar_attacks[] = {
	{"read a BAR that does not decode", read_bar_off, ATTACK_STOPPED},
	{"string move from the BAR", bar_string, ATTACK_STOPPED},
	{"atomic in the BAR", bar_atomic, ATTACK_STOPPED},
	{"SSE load from the BAR", bar_sse, ATTACK_STOPPED},
	{"PUSH from the BAR", bar_push, ATTACK_STOPPED},
	{"read across the end of the BAR", bar_across_end, ATTACK_STOPPED},
	{"execute in the BAR", bar_execute, ATTACK_STOPPED},
	{"odd offset in the BAR", bar_odd, ATTACK_REFUSED},
	{"page tables where ring 0 lies", tables_outside, ATTACK_STOPPED},
	{"page table in the BAR", tables_in_bar, ATTACK_STOPPED},
	{"IDT in the BAR", idt_in_bar, ATTACK_STOPPED},
	{"stack in the BAR", stack_in_bar, ATTACK_STOPPED},
	{"GDT where ring 0 lies", gdt_outside, ATTACK_STOPPED},
};

const struct attack_family attack_memory = {"memory", attacks, ARRAY_COUNT(attacks)};
const struct attack_family attack_bar = {"bar", bar_attacks, ARRAY_COUNT(bar_attacks)};
