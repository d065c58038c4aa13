/* SPDX-License-Identifier: MIT */
/* What is printed when ring 0 faults, and the end of the machine. */
#include "arch/x86_64/exceptions.h"

#include <string.h>

#include "arch/x86_64/apic.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/platform.h"
#include "arch/x86_64/symbols.h"
#include "hv/format.h"
#include "hv/log.h"

#define TRACE_ENTRIES_MAX 16U
#define STRAY_LOG_MAX	  8U

static const char *const names[EXCEPTION_VECTORS] = {
	[0] = "divide error",
	[1] = "debug",
	[2] = "NMI",
	[3] = "breakpoint",
	[4] = "overflow",
	[5] = "bound range",
	[6] = "invalid opcode",
	[7] = "no FPU",
	[8] = "double fault",
	[10] = "invalid TSS",
	[11] = "segment not present",
	[12] = "stack fault",
	[13] = "general protection",
	[14] = "page fault",
	[16] = "x87 error",
	[17] = "alignment check",
	[18] = "machine check",
	[19] = "SIMD error",
};

static bool is_text(uint64_t address)
{
	return address >= (uint64_t)image_start && address < (uint64_t)image_text_end;
}

/* "name+0x12", or "?" for what lies outside ring 0's code. */
static void describe_address(uint64_t address, char *out, size_t size)
{
	uint64_t into;
	const char *name;

	out[0] = '?';
	out[1] = '\0';
	if (!is_text(address)) {
		return;
	}
	name = symbols_find(address - PAGING_IMAGE_BASE, &into);
	if (name != NULL) {
		format_text(out, size, "%s+0x%llx", name, (unsigned long long)into);
	}
}

/* Does a CALL end at `address`? E8 rel32, or FF /2 in its lengths without and with displacement. */
static bool follows_call(uint64_t address)
{
	const uint8_t *code = (const uint8_t *)address;

	if (!is_text(address - 7) || !is_text(address)) {
		return false;
	}
	return code[-5] == 0xe8 || (code[-2] == 0xff && (code[-1] & 0x38) == 0x10) ||
	       (code[-3] == 0xff && (code[-2] & 0x38) == 0x10) ||
	       (code[-6] == 0xff && (code[-5] & 0x38) == 0x10) ||
	       (code[-7] == 0xff && (code[-6] & 0x38) == 0x10);
}

/* Ring 0 is built without frame pointers, so every word that may be a return address is shown;
 * repeated ones, as of a recursion, once. */
void exceptions_print_stack(uint64_t rsp)
{
	uint64_t end = percpu_stack_end(rsp);
	uint64_t last = 0;
	uint32_t shown = 0;
	char where[80];

	log_error("return addresses on the stack (some may be of calls that ended):");
	for (rsp = align_up(rsp, 8); rsp < end && shown < TRACE_ENTRIES_MAX; rsp += 8) {
		uint64_t value;

		memcpy(&value, (const void *)rsp, sizeof(value));
		if (value != last && follows_call(value)) {
			describe_address(value, where, sizeof(where));
			log_error("  %016llx %s", (unsigned long long)value, where);
			last = value;
			shown++;
		}
	}
}

static void print_registers(const struct exception_frame *f)
{
	const struct {
		const char *name;
		uint64_t value;
	} registers[] = {
		{"rax", f->rax},     {"rbx", f->rbx},	  {"rcx", f->rcx},     {"rdx", f->rdx},
		{"rsi", f->rsi},     {"rdi", f->rdi},	  {"rbp", f->rbp},     {"rsp", f->rsp},
		{"r8 ", f->r8},	     {"r9 ", f->r9},	  {"r10", f->r10},     {"r11", f->r11},
		{"r12", f->r12},     {"r13", f->r13},	  {"r14", f->r14},     {"r15", f->r15},
		{"cs ", f->cs},	     {"ss ", f->ss},	  {"rfl", f->rflags},  {"cr0", read_cr0()},
		{"cr2", read_cr2()}, {"cr3", read_cr3()}, {"cr4", read_cr4()}, {"dr6", read_dr6()},
	};

	for (uint32_t i = 0; i < ARRAY_COUNT(registers); i += 3) {
		log_error("%s %016llx  %s %016llx  %s %016llx", registers[i].name,
			  (unsigned long long)registers[i].value, registers[i + 1].name,
			  (unsigned long long)registers[i + 1].value, registers[i + 2].name,
			  (unsigned long long)registers[i + 2].value);
	}
}

static void print_overflow(const struct exception_frame *frame)
{
	uint32_t index;
	const char *stack = percpu_guarded_stack(read_cr2(), &index);

	if (stack != NULL &&
	    (frame->vector == EXCEPTION_DOUBLE_FAULT || frame->vector == EXCEPTION_PAGE_FAULT)) {
		log_error("stack overflow: guard page of the %s stack of CPU %u", stack, index);
	}
}

static void print_fault(const struct exception_frame *frame)
{
	const char *name = names[frame->vector];
	char where[80];

	describe_address(frame->rip, where, sizeof(where));
	log_error("exception %llu (%s), error code 0x%llx", (unsigned long long)frame->vector,
		  name != NULL ? name : "reserved", (unsigned long long)frame->error);
	log_error("at %016llx %s", (unsigned long long)frame->rip, where);
	print_overflow(frame);
	print_registers(frame);
	exceptions_print_stack(frame->rsp);
}

static void take_stray(uint64_t vector)
{
	static _Atomic uint32_t logged;

	if (atomic_fetch_add(&logged, 1) < STRAY_LOG_MAX) {
		log_warn("interrupt %llu belongs to nobody", (unsigned long long)vector);
	}
	apic_end_stray();
}

void exceptions_dispatch(const struct exception_frame *frame)
{
	if (frame->vector == EXCEPTION_NMI) {
		platform_take_nmi();
		return;
	}
	if (frame->vector >= EXCEPTION_VECTORS) {
		take_stray(frame->vector);
		return;
	}
	if (platform_stop_others()) {
		print_fault(frame);
	}
	platform_power_off(1);
}
