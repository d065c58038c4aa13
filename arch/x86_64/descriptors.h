/* SPDX-License-Identifier: MIT */
/*
 * GDT, TSS and IDT of ring 0. Each CPU has its own GDT and TSS; the IDT is one for all, written at
 * boot only. There is no ring 3: no user segments, and the TSS holds interrupt stacks alone.
 */
#ifndef ARCH_X86_64_DESCRIPTORS_H
#define ARCH_X86_64_DESCRIPTORS_H

#include <stdint.h>

#include "arch/x86_64/percpu.h"

#define SELECTOR_CODE 0x08U
#define SELECTOR_DATA 0x10U /* SS, DS, ES */
#define SELECTOR_TSS  0x18U /* two slots */
#define GDT_SLOTS     5U

/* Stacks that an exception switches to, whatever RSP holds (SDM 3A 6.14.5). 0: no switch. */
enum descriptors_ist {
	IST_DOUBLE_FAULT = 1,
	IST_NMI = 2,
	IST_MACHINE_CHECK = 3,
};

/* SDM 3A 8.7, figure 8-11. */
struct __attribute__((packed)) tss {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t ist[7]; /* IST n at ist[n - 1] */
	uint64_t reserved2;
	uint16_t reserved3;
	uint16_t io_map_base;
};

/* What cpu->tables points to. */
struct cpu_tables {
	uint64_t gdt[GDT_SLOTS];
	struct tss tss;
};

/* Fills the IDT with the exception stubs. Bootstrap CPU, before descriptors_load. */
void descriptors_init(void);

/* Sends `vector` to `handler`, a function with __attribute__((interrupt)). Boot only. */
void descriptors_set_handler(uint8_t vector, void (*handler)(void *frame));

/* Gives #DF, NMI and #MC their own stacks on every CPU. Once those of the first CPU exist. */
void descriptors_use_ist(void);

/* Loads GDT, TSS, IDT and the segment registers of the calling CPU; keeps its GS base. */
void descriptors_load(struct cpu *cpu);

#endif
