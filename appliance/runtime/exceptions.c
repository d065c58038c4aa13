// SPDX-License-Identifier: MIT
/*
 * Descriptor tables of a bare-metal partition, and the end of one that faults. Compiled without
 * SSE, as it may run in the middle of code that uses it.
 */
#include "appliance/runtime/runtime.h"

#define SELECTOR_CODE 0x08U
#define SELECTOR_DATA 0x10U
#define SELECTOR_TSS  0x18U
#define EXCEPTIONS    32U
#define ENTRY_SIZE    16U /* of start.S */
#define STACK_SIZE    4096U
#define GATE	      0x8e00U /* present, 64-bit interrupt gate */

struct gate {
	uint16_t offset_low, selector, flags, offset_middle;
	uint32_t offset_high, reserved;
};

struct table_pointer {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

struct task_state {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t ist[7];
	uint64_t reserved2;
	uint16_t reserved3, io_map;
} __attribute__((packed));

struct exception_frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};

extern const char exceptions_entries[];
extern const char idle_device_entry[], idle_timer_entry[], idle_configuration_entry[],
	idle_spurious_entry[];
__attribute__((noreturn)) void exceptions_report(const struct exception_frame *frame);

static struct gate idt[256] __attribute__((aligned(16)));
static uint8_t exception_stack[STACK_SIZE] __attribute__((aligned(16)));
static struct task_state task_state;
static uint64_t gdt[5] = {0, 0x00af9b000000ffffULL, 0x00cf93000000ffffULL, 0, 0};

static void set_gate(unsigned int vector, uint64_t entry, unsigned int stack)
{
	idt[vector] = (struct gate){
		.offset_low = (uint16_t)entry,
		.selector = SELECTOR_CODE,
		.flags = (uint16_t)(GATE | stack),
		.offset_middle = (uint16_t)(entry >> 16),
		.offset_high = (uint32_t)(entry >> 32),
	};
}

static void load_gdt(void)
{
	struct table_pointer pointer = {sizeof(gdt) - 1, (uint64_t)(uintptr_t)gdt};
	uint64_t base = (uint64_t)(uintptr_t)&task_state;

	/* Available 64-bit TSS (Intel SDM 3A 7.2.3). */
	gdt[3] = (sizeof(task_state) - 1) | (base & 0xffffff) << 16 | 0x89ULL << 40 |
		 (base >> 24 & 0xff) << 56;
	gdt[4] = base >> 32;
	__asm__ volatile("lgdt %0\n\t"
			 "pushq %q1\n\t"
			 "leaq 1f(%%rip), %%rax\n\t"
			 "pushq %%rax\n\t"
			 "lretq\n"
			 "1:\tmov %w2, %%ds\n\t"
			 "mov %w2, %%es\n\t"
			 "mov %w2, %%ss\n\t"
			 "mov %w3, %%fs\n\t"
			 "mov %w3, %%gs\n\t"
			 "ltr %w4"
			 :
			 : "m"(pointer), "r"((uint64_t)SELECTOR_CODE), "r"(SELECTOR_DATA), "r"(0),
			   "r"(SELECTOR_TSS)
			 : "rax", "memory");
}

void exceptions_init(void)
{
	struct table_pointer pointer = {sizeof(idt) - 1, (uint64_t)(uintptr_t)idt};

	task_state.ist[0] = (uint64_t)(uintptr_t)(exception_stack + sizeof(exception_stack));
	task_state.io_map = sizeof(task_state);
	load_gdt();
	for (unsigned int i = 0; i < EXCEPTIONS; i++) {
		set_gate(i, (uint64_t)(uintptr_t)exceptions_entries + i * ENTRY_SIZE, 1);
	}
	set_gate(RUNTIME_VECTOR_DEVICE, (uint64_t)(uintptr_t)idle_device_entry, 0);
	set_gate(RUNTIME_VECTOR_TIMER, (uint64_t)(uintptr_t)idle_timer_entry, 0);
	set_gate(RUNTIME_VECTOR_CONFIGURATION, (uint64_t)(uintptr_t)idle_configuration_entry, 0);
	set_gate(RUNTIME_VECTOR_SPURIOUS, (uint64_t)(uintptr_t)idle_spurious_entry, 0);
	__asm__ volatile("lidt %0" : : "m"(pointer));
}

static const char *exception_name(uint64_t vector)
{
	static const char *const name[] = {
		"divide error",
		"debug",
		"NMI",
		"breakpoint",
		"overflow",
		"bound range",
		"invalid opcode",
		"no coprocessor",
		"double fault",
		"coprocessor overrun",
		"invalid TSS",
		"segment not present",
		"stack fault",
		"general protection",
		"page fault",
		"vector 15",
		"x87 error",
		"alignment check",
		"machine check",
		"SIMD error",
	};

	return vector < sizeof(name) / sizeof(name[0]) ? name[vector] : "exception";
}

static void report_value(const char *name, uint64_t value)
{
	console_write_string(name);
	console_write_hex(value);
}

void exceptions_report(const struct exception_frame *frame)
{
	static bool is_reporting;
	uint64_t cr2;

	if (is_reporting) {
		mux_exit(RUNTIME_EXIT_EXCEPTION);
	}
	is_reporting = true;
	__asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
	console_write_string("\nruntime: ");
	console_write_string(exception_name(frame->vector));
	report_value(": vector 0x", frame->vector);
	report_value(" error 0x", frame->error);
	report_value(" rip 0x", frame->rip);
	report_value(" cr2 0x", cr2);
	report_value("\nruntime: rsp 0x", frame->rsp);
	report_value(" rax 0x", frame->rax);
	report_value(" rbx 0x", frame->rbx);
	report_value(" rcx 0x", frame->rcx);
	report_value(" rdx 0x", frame->rdx);
	report_value(" rsi 0x", frame->rsi);
	report_value(" rdi 0x", frame->rdi);
	report_value(" rbp 0x", frame->rbp);
	console_write_string("\n");
	mux_exit(RUNTIME_EXIT_EXCEPTION);
}
