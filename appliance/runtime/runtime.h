/* SPDX-License-Identifier: MIT */
/*
 * What the files of the runtime share. Programs include mux.h and the standard headers instead.
 */
#ifndef APPLIANCE_RUNTIME_RUNTIME_H
#define APPLIANCE_RUNTIME_RUNTIME_H

#include "appliance/runtime/mux.h"

#define RUNTIME_VECTOR_DEVICE	     0x40U
#define RUNTIME_VECTOR_TIMER	     0x41U
#define RUNTIME_VECTOR_CONFIGURATION 0x42U
#define RUNTIME_VECTOR_SPURIOUS	     0xffU

#define RUNTIME_EXIT_EXCEPTION 134 /* exit code of a partition that an exception ended */
#define RUNTIME_EXIT_FATAL     127 /* ... and of one that could not start */

/* startup.c: prints "name: message" and ends the partition. */
__attribute__((noreturn)) void runtime_fatal(const char *message);

/* console.c: polled output on the UART. */
void console_write(const char *text, size_t size);
void console_write_string(const char *text);
void console_write_hex(uint64_t value);

/* exceptions.c: GDT, TSS, IDT; before anything that can fault. */
void exceptions_init(void);

/* memory_map.c: own page tables: identity map of the first 4 GiB, page 0 and the page below the
 * stack absent, code and constants read-only. stack_low: first page of the stack. */
void memory_map_init(uint64_t stack_low);

/* arguments.c: splits `text` at blanks in place, with '...', "..." and \ as the shell has them.
 * Writes up to max pointers to argv and returns their count; what is beyond max is dropped. */
int arguments_split(char *text, char **argv, int max);

/* modules.c */
void modules_init(const struct mux_guest_boot *boot);

/* syscalls.c: the heap that sbrk gives out. */
void syscalls_set_heap(uint64_t start, uint64_t end);
uint64_t syscalls_heap_size(void);

/* hypercalls.c: VMCALL or VMMCALL? */
void hypercalls_init(void);

/* clock.c: microseconds since the start. */
void clock_init(void);
uint64_t clock_now_us(void);
uint64_t clock_us_to_tsc(uint64_t time_us);
/* Waits until then, running the vsock driver. */
void clock_sleep_until(uint64_t time_us);

/* idle.c: local APIC and HLT. */
#define IDLE_FOREVER UINT64_MAX
void idle_init(void);
uint32_t idle_apic_id(void);
/* Call with interrupts off and no work left: waits for an interrupt or the time; returns with
 * interrupts on. */
void idle_halt(uint64_t deadline_us);
uint64_t idle_interrupt_count(void);
uint64_t idle_halt_count(void);
/* The device changed its configuration or status since the last call. */
bool idle_take_configuration_change(void);

static inline void idle_interrupts_off(void)
{
	__asm__ volatile("cli" ::: "memory");
}

static inline void idle_interrupts_on(void)
{
	__asm__ volatile("sti" ::: "memory");
}

#endif
