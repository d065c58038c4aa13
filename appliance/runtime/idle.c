// SPDX-License-Identifier: MIT
/*
 * Waiting: the x2APIC, its timer in TSC-deadline mode, and HLT.
 *
 * Interrupts are on while the program runs, and only count (start.S). Whoever wants to wait
 * switches them off, looks for work a last time, and calls idle_halt(): STI takes effect after the
 * instruction that follows it (Intel SDM 2B, STI), so that none comes between the look and the HLT.
 */
#include "appliance/runtime/runtime.h"

#define MSR_APIC_BASE	   0x1bU
#define MSR_TSC_DEADLINE   0x6e0U
#define MSR_X2APIC_ID	   0x802U
#define MSR_X2APIC_SVR	   0x80fU
#define MSR_X2APIC_TIMER   0x832U
#define APIC_BASE_ENABLE   (1ULL << 11)
#define APIC_BASE_X2APIC   (1ULL << 10)
#define SVR_ENABLE	   (1ULL << 8)
#define TIMER_TSC_DEADLINE (2ULL << 17)

/* Counted by the interrupt entries of start.S. */
volatile uint64_t idle_interrupts;
/* TSC value that the timer waits for; the timer's entry sets it to 0. Changed with interrupts off.
 */
volatile uint64_t idle_timer_deadline;
volatile uint64_t idle_configuration_change;
static uint64_t halts;

static uint64_t read_msr(uint32_t msr)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (uint64_t)high << 32 | low;
}

static void write_msr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr"
			 :
			 : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
			 : "memory");
}

void idle_init(void)
{
	uint64_t wanted = APIC_BASE_ENABLE | APIC_BASE_X2APIC;
	uint64_t base = read_msr(MSR_APIC_BASE);

	if ((base & wanted) != wanted) {
		/* By way of xAPIC mode: x2APIC cannot be entered from off (Intel SDM 3A 10.12.5).
		 */
		write_msr(MSR_APIC_BASE, base | APIC_BASE_ENABLE);
		write_msr(MSR_APIC_BASE, base | wanted);
	}
	write_msr(MSR_X2APIC_SVR, SVR_ENABLE | RUNTIME_VECTOR_SPURIOUS);
	write_msr(MSR_X2APIC_TIMER, TIMER_TSC_DEADLINE | RUNTIME_VECTOR_TIMER);
	idle_interrupts_on();
}

uint32_t idle_apic_id(void)
{
	return (uint32_t)read_msr(MSR_X2APIC_ID);
}

/* A timer that fires too early costs one look more; so one that is armed for sooner stays, which
 * saves an exit with every wait that a packet ends. */
static void arm_timer(uint64_t deadline_us)
{
	uint64_t deadline;

	if (deadline_us == IDLE_FOREVER) {
		return;
	}
	deadline = clock_us_to_tsc(deadline_us);
	if (idle_timer_deadline == 0 || deadline < idle_timer_deadline) {
		idle_timer_deadline = deadline;
		write_msr(MSR_TSC_DEADLINE, deadline);
	}
}

void idle_halt(uint64_t deadline_us)
{
	arm_timer(deadline_us);
	halts++;
	__asm__ volatile("sti\n\thlt" ::: "memory");
}

uint64_t idle_interrupt_count(void)
{
	return idle_interrupts;
}

uint64_t idle_halt_count(void)
{
	return halts;
}

bool idle_take_configuration_change(void)
{
	bool is_changed = idle_configuration_change != 0;

	idle_configuration_change = 0;
	return is_changed;
}
