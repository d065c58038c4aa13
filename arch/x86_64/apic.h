/* SPDX-License-Identifier: MIT */
/*
 * The local APIC of each CPU: x2APIC where CPUID offers it, else xAPIC by MMIO; the timer in
 * TSC-deadline mode where offered, else one-shot. Interrupts are off in ring 0; pending ones are
 * taken only in apic_take_pending() and cpu_idle().
 */
#ifndef ARCH_X86_64_APIC_H
#define ARCH_X86_64_APIC_H

#include "arch/x86_64/percpu.h"

/* Interrupt at TSC value `deadline` (sets cpu->timer_fired); at once when it is past. 0 disarms. */
void apic_timer_set(uint64_t deadline);

/* Makes `cpu` leave its guest or its idle wait soon; sets cpu->kicked. Any CPU, any lock held. */
void apic_kick(struct cpu *cpu);

/* Takes what is pending (sti; nop; cli): the handlers set kicked and timer_fired and send EOI. */
void apic_take_pending(void);

/* Waits for the next interrupt (sti; hlt; cli) unless cpu->kicked is set already. */
void cpu_idle(void);

#endif
