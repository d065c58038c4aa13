/* SPDX-License-Identifier: MIT */
/*
 * The attack guest: what its files share. Each start of the partition makes one attack of a family,
 * which its number of restarts chooses; its memory is wiped in between.
 */
#ifndef TESTS_GUESTS_ATTACK_ATTACK_H
#define TESTS_GUESTS_ATTACK_ATTACK_H

#include "appliance/runtime/mux.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum attack_end {
	ATTACK_REFUSED, /* the attack checks by itself that it came to nothing, and returns */
	ATTACK_STOPPED, /* ring 0 stops the partition */
	ATTACK_HANGS,	/* it never ends: the monitor restarts the partition */
};
/* A flag beside it: QEMU crashes in the end when a guest sets breakpoints. */
#define ATTACK_BREAKPOINTS 0x10
#define ATTACK_END(attack) ((enum attack_end)((attack)->end & ~ATTACK_BREAKPOINTS))

struct attack {
	const char *name;
	const char *(*run)(void); /* NULL: nothing came of it; else what went wrong */
	int end;		  /* enum attack_end, and the flag */
};

struct attack_family {
	const char *name;
	const struct attack *attacks;
	size_t count;
};

extern const struct attack_family attack_memory, attack_bar, attack_indirect, attack_ring,
	attack_cpu, attack_refusal, attack_tx, attack_rx, attack_register, attack_packet,
	attack_flood, attack_smp;

/* The word with which the bystanders fill memory: nobody else may ever see it. */
#define ATTACK_SECRET 0x5ec2e7b157a4de25ULL

/* fault.S, fault.c: runs function(argument) and returns -1, or the vector of the exception that
 * ended it. */
#define FAULT_NONE (-1)
int fault_catch(void (*function)(uint64_t), uint64_t argument);
extern uint64_t fault_vector, fault_error, fault_rax, fault_flags, fault_rip;
void fault_init(void);
/* The same IDT on another vCPU, which has no TSS: for interrupts, not for exceptions. */
void fault_load_idt(void);
/* Interrupt `vector` goes to `entry` from now on, on the stack in use. */
void fault_set_interrupt(uint8_t vector, const char *entry);
/* Runs `function` at privilege level 3; it ends with an exception, whose vector is returned. RAX at
 * that point is in fault_rax. */
int fault_catch_user(void (*function)(uint64_t), uint64_t argument);
/* Maps the 2 MiB page at `virtual` to `physical`, below 4 GiB and 2 MiB aligned. */
void fault_map(uint64_t virtual, uint64_t physical);

/* main.c: own counters, and a pause. */
struct mux_stats attack_stats(void);
void attack_spin(uint64_t ticks);

static inline uint64_t attack_read_msr(uint32_t msr)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (uint64_t)high << 32 | low;
}

static inline void attack_write_msr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr"
			 :
			 : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
			 : "memory");
}

/* main.c: VMCALL or VMMCALL, and RET. */
extern const void *attack_hypercall_code;
extern bool attack_uses_vmmcall;
extern bool attack_is_in_qemu; /* its emulation of AMD-V, which has flaws of its own */

static inline int64_t attack_hypercall(uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
	int64_t result;

	__asm__ volatile("call *%[code]"
			 : "=a"(result)
			 : [code] "r"(attack_hypercall_code), "a"(number), "D"(a), "S"(b), "d"(c)
			 : "memory");
	return result;
}

static inline void attack_out8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline void attack_out16(uint16_t port, uint16_t value)
{
	__asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

static inline void attack_out32(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t attack_in8(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline uint16_t attack_in16(uint16_t port)
{
	uint16_t value;

	__asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline uint32_t attack_in32(uint16_t port)
{
	uint32_t value;

	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

#endif
