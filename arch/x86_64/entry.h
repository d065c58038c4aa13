/* SPDX-License-Identifier: MIT */
/* What entry.S shares with C. */
#ifndef ARCH_X86_64_ENTRY_H
#define ARCH_X86_64_ENTRY_H

#define ENTRY_CPUS_MAX 64 /* CPUS_MAX, for the assembler */

#ifndef __ASSEMBLER__

#include <stdint.h>

/* Loads the page tables and the stack, and goes on in `next`, which does not return. */
__attribute__((noreturn)) void entry_switch(uint64_t root, void *stack_top, void (*next)(void));

#endif
#endif
