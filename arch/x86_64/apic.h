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

/* Makes `cpu` leave its guest or its idle wait soon; sets cpu->kicked. Any CPU, any lock held.
 * While kicked is set no second interrupt is sent, so its CPU clears it before it looks for work.
 */
void apic_kick(struct cpu *cpu);

/* Takes what is pending (sti; nop; cli): the timer's handler sets timer_fired; all send EOI. */
void apic_take_pending(void);

/* Waits for the next interrupt (sti; hlt; cli); only takes what is pending when cpu->kicked is set
 * already. */
void cpu_idle(void);

/* For the platform at boot: the bootstrap CPU's APIC and the calibration of its timer. */
void apic_init(void);

/* Every other CPU's own APIC. */
void apic_init_cpu(void);

/* The calling CPU's id. */
uint32_t apic_id(void);

/* INIT and start-up at page `vector` for the CPU `apic_id`; APIC_ALL: all others (SDM 3A 11.4.4).
 */
#define APIC_ALL 0xffffffffU
void apic_send_init(uint32_t apic_id);
void apic_send_startup(uint32_t apic_id, uint8_t vector);

/* NMI to all other CPUs. */
void apic_send_nmi_to_others(void);

/* EOI for an interrupt that has no handler of its own. */
void apic_end_stray(void);

#endif
