// SPDX-License-Identifier: MIT
/*
 * CPU state that ends the partition or lets it hang: ring 0 stops it with a reason, or the time
 * slice goes on to the others until the monitor restarts it.
 */
#include "tests/guests/attack/attack.h"

#define VECTOR_GP  13
#define CR0_PG	   (1ULL << 31)
#define CR0_CD	   (1ULL << 30)
#define CR4_PAE	   (1ULL << 5)
#define CR4_MCE	   (1ULL << 6)
#define FLAG_TRAP  (1ULL << 8)
#define FLAG_ALIGN (1ULL << 18)

struct table_pointer {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

static uint64_t read_cr0(void)
{
	uint64_t value;

	__asm__ volatile("mov %%cr0, %0" : "=r"(value));
	return value;
}

static uint64_t read_cr4(void)
{
	uint64_t value;

	__asm__ volatile("mov %%cr4, %0" : "=r"(value));
	return value;
}

static void load_idt(const void *base, uint16_t limit)
{
	struct table_pointer pointer = {limit, (uint64_t)(uintptr_t)base};

	__asm__ volatile("lidt %0" : : "m"(pointer));
}

static const char *triple_fault(void)
{
	load_idt(NULL, 0);
	__asm__ volatile("int3");
	return NULL;
}

static const char *no_page_tables(void)
{
	static uint64_t empty[512] __attribute__((aligned(4096)));

	__asm__ volatile("mov %0, %%cr3" : : "r"(empty) : "memory");
	return NULL;
}

static const char *halt_for_good(void)
{
	__asm__ volatile("cli; hlt");
	return NULL;
}

static const char *string_output(void)
{
	static const char text[] = "not one of these may appear\n";
	const char *from = text;
	uint64_t count = sizeof(text) - 1;

	__asm__ volatile("rep outsb" : "+S"(from), "+c"(count) : "d"(0x3f8) : "memory");
	return NULL;
}

static const char *string_input(void)
{
	static uint8_t to[16];
	uint8_t *at = to;
	uint64_t count = sizeof(to);

	__asm__ volatile("rep insb" : "+D"(at), "+c"(count) : "d"(0x1f0) : "memory");
	return NULL;
}

static void write_cr4(uint64_t value)
{
	__asm__ volatile("mov %0, %%cr4" : : "r"(value));
}

static void write_cr0(uint64_t value)
{
	__asm__ volatile("mov %0, %%cr0" : : "r"(value));
}

/* Ring 0 keeps MCE, so that it makes this write, and PAE cannot be off in 64-bit mode. */
static const char *cr4_without_pae(void)
{
	int got = fault_catch(write_cr4, (read_cr4() | CR4_MCE) & ~CR4_PAE);

	return got == VECTOR_GP ? NULL : "it was taken";
}

/* CD is ring 0's too; paging cannot be switched off in 64-bit code. */
static const char *cr0_without_paging(void)
{
	int got = fault_catch(write_cr0, (read_cr0() | CR0_CD) & ~CR0_PG);

	return got == VECTOR_GP ? NULL : "it was taken";
}

static const char *spin_without_interrupts(void)
{
	__asm__ volatile("cli; 1: jmp 1b");
	return NULL;
}

/* Each MOV SS holds back interrupts for one instruction. */
static const char *spin_in_shadow(void)
{
	__asm__ volatile("mov %%ss, %%eax\n"
			 "1: mov %%eax, %%ss\n\t"
			 "mov %%eax, %%ss\n\t"
			 "jmp 1b"
			 :
			 :
			 : "eax");
	return NULL;
}

static const char *spin_of_sti(void)
{
	__asm__ volatile("1: cli; sti; jmp 1b");
	return NULL;
}

struct gate {
	uint16_t offset_low, selector, flags, offset_middle;
	uint32_t offset_high, reserved;
};

static struct gate idt[256] __attribute__((aligned(16)));

static void set_gate(unsigned int vector, const void *entry, uint16_t stack)
{
	uint64_t address = (uint64_t)(uintptr_t)entry;

	idt[vector] = (struct gate){
		.offset_low = (uint16_t)address,
		.selector = 8,
		.flags = (uint16_t)(0x8e00 | stack),
		.offset_middle = (uint16_t)(address >> 16),
		.offset_high = (uint32_t)(address >> 32),
	};
}

__asm__(".globl attack_iret\nattack_iret: iretq\n"
	".globl attack_iret_error\nattack_iret_error: add $8, %rsp; iretq\n");
extern const char attack_iret[], attack_iret_error[];

/* Every delivery of #DB writes the watched stack slot, which is a #DB (CVE-2015-8104). 0xf1 is
 * INT1. */
static const char *debug_loop(void)
{
	static uint64_t stack[512] __attribute__((aligned(64)));
	uint64_t *top = stack + 256;

	set_gate(1, attack_iret, 0);
	load_idt(idt, sizeof(idt) - 1);
	__asm__ volatile("cli\n\t"
			 "mov %0, %%dr0\n\t"
			 "mov %1, %%dr7\n\t"
			 "mov %2, %%rsp\n\t"
			 "push $0\n"
			 "1: push $0; pop %%rax; .byte 0xf1; jmp 1b"
			 :
			 : "r"(top - 3), "r"(0x90403ULL), "r"(top)
			 : "rax");
	return NULL;
}

/* Single steps for ever. */
static const char *trap_loop(void)
{
	set_gate(1, attack_iret, 0);
	load_idt(idt, sizeof(idt) - 1);
	__asm__ volatile("cli; pushf; orq %0, (%%rsp); popf\n1: jmp 1b" : : "i"(FLAG_TRAP));
	return NULL;
}

static void misaligned(uint64_t argument)
{
	(void)argument;
	__asm__ volatile("pushf; orq %0, (%%rsp); popf\n\t"
			 "1: movl -7(%%rsp), %%eax; jmp 1b"
			 :
			 : "i"(FLAG_ALIGN)
			 : "rax");
}

/* The handler of #AC returns to the instruction that raises it (CVE-2015-5307). */
static const char *alignment_loop(void)
{
	set_gate(17, attack_iret_error, 1);
	load_idt(idt, sizeof(idt) - 1);
	__asm__ volatile("mov %0, %%cr0" : : "r"(read_cr0() | (1ULL << 18)));
	fault_catch_user(misaligned, 0);
	return NULL;
}

/* #UD whose handler is the instruction itself: the stack runs down to the end. */
static const char *recursion(void)
{
	set_gate(6, attack_iret, 0);
	__asm__ volatile("lea 1f(%%rip), %%rax\n\t"
			 "mov %%ax, (%0)\n\t"
			 "shr $16, %%rax\n\t"
			 "mov %%ax, 6(%0)\n\t"
			 "lidt %1\n"
			 "1: ud2"
			 :
			 : "r"(&idt[6]),
			   "m"(((struct table_pointer){sizeof(idt) - 1, (uint64_t)(uintptr_t)idt}))
			 : "rax", "memory");
	return NULL;
}

static const struct attack attacks[] = {
	{"triple fault", triple_fault, ATTACK_STOPPED},
	{"empty page tables", no_page_tables, ATTACK_STOPPED},
	{"HLT with interrupts off", halt_for_good, ATTACK_STOPPED},
	{"string output", string_output, ATTACK_STOPPED},
	{"string input", string_input, ATTACK_STOPPED},
	{"CR4 without PAE in 64-bit mode", cr4_without_pae, ATTACK_REFUSED},
	{"CR0 without PG in 64-bit mode", cr0_without_paging, ATTACK_REFUSED},
	{"exceptions without end", recursion, ATTACK_STOPPED},
	{"spin with interrupts off", spin_without_interrupts, ATTACK_HANGS},
	{"spin in the shadow of MOV SS", spin_in_shadow, ATTACK_HANGS},
	{"spin of STI", spin_of_sti, ATTACK_HANGS},
	{"debug exceptions without end", debug_loop, ATTACK_HANGS | ATTACK_BREAKPOINTS},
	{"single steps without end", trap_loop, ATTACK_HANGS},
	{"alignment checks without end", alignment_loop, ATTACK_HANGS},
};

const struct attack_family attack_cpu = {"cpu", attacks, ARRAY_COUNT(attacks)};
