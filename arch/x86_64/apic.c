/* SPDX-License-Identifier: MIT */
/* Local APIC (SDM 3A chapter 11). Each CPU touches its own only; no lock. */
#include "arch/x86_64/apic.h"

#include "arch/x86_64/cpu_features.h"
#include "arch/x86_64/descriptors.h"
#include "arch/x86_64/msr.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/tsc.h"
#include "hv/log.h"

#define VECTOR_TIMER	0xe0U
#define VECTOR_KICK	0xf0U
#define VECTOR_ERROR	0xfeU
#define VECTOR_SPURIOUS 0xffU

/* Register numbers: MMIO offset / 16, and MSR - 0x800 in x2APIC mode (SDM 3A table 11-6). */
enum apic_register {
	APIC_ID = 0x02,
	APIC_VERSION = 0x03,
	APIC_TPR = 0x08,
	APIC_EOI = 0x0b,
	APIC_SPURIOUS = 0x0f,
	APIC_ERROR_STATUS = 0x28,
	APIC_LVT_CMCI = 0x2f,
	APIC_ICR_LOW = 0x30,
	APIC_ICR_HIGH = 0x31,
	APIC_LVT_TIMER = 0x32,
	APIC_LVT_THERMAL = 0x33,
	APIC_LVT_PERF = 0x34,
	APIC_LVT_LINT0 = 0x35,
	APIC_LVT_LINT1 = 0x36,
	APIC_LVT_ERROR = 0x37,
	APIC_TIMER_COUNT = 0x38,
	APIC_TIMER_NOW = 0x39,
	APIC_TIMER_DIVIDE = 0x3e,
};

#define SPURIOUS_ENABLE	   (1U << 8)
#define LVT_MASKED	   (1U << 16)
#define LVT_TIMER_DEADLINE (2U << 17)
#define DIVIDE_BY_1	   0xbU
#define ICR_FIXED	   (0U << 8)
#define ICR_NMI		   (4U << 8)
#define ICR_INIT	   (5U << 8)
#define ICR_STARTUP	   (6U << 8)
#define ICR_PENDING	   (1U << 12)
#define ICR_ASSERT	   (1U << 14)
#define ICR_ALL_OTHERS	   (3U << 18)

#define CALIBRATION_US 10000U
#define RATIO_SHIFT    28U
#define ICR_WAIT_LIMIT 1000000U

/* Written on the bootstrap CPU before any other starts. */
static bool is_x2apic;
static bool is_deadline;
static volatile uint32_t *registers; /* xAPIC */
static uint64_t timer_ratio;	     /* timer counts per TSC tick << RATIO_SHIFT */

static uint64_t deadlines[CPUS_MAX]; /* what each CPU's timer is set to; 0: nothing */

static inline uint32_t apic_read(enum apic_register number)
{
	return is_x2apic ? (uint32_t)rdmsr(MSR_X2APIC_FIRST + number) : registers[number * 4];
}

static inline void apic_write(enum apic_register number, uint32_t value)
{
	if (is_x2apic) {
		wrmsr(MSR_X2APIC_FIRST + number, value);
	} else {
		registers[number * 4] = value;
	}
}

static inline void end_of_interrupt(void)
{
	apic_write(APIC_EOI, 0);
}

static void send(uint32_t destination, uint32_t command)
{
	if (destination == APIC_ALL) {
		command |= ICR_ALL_OTHERS;
		destination = 0;
	}
	if (is_x2apic) {
		/* WRMSR to an x2APIC register does not wait for earlier stores (SDM 3A 11.12.3). */
		__asm__ volatile("mfence\n\tlfence" : : : "memory");
		wrmsr(MSR_X2APIC_FIRST + APIC_ICR_LOW, (uint64_t)destination << 32 | command);
		return;
	}
	for (uint32_t i = 0; i < ICR_WAIT_LIMIT; i++) {
		if ((registers[APIC_ICR_LOW * 4] & ICR_PENDING) == 0) {
			break;
		}
		__builtin_ia32_pause();
	}
	registers[APIC_ICR_HIGH * 4] = destination << 24;
	registers[APIC_ICR_LOW * 4] = command;
}

void apic_send_init(uint32_t id)
{
	send(id, ICR_INIT | ICR_ASSERT);
}

void apic_send_startup(uint32_t id, uint8_t vector)
{
	send(id, ICR_STARTUP | ICR_ASSERT | vector);
}

void apic_send_nmi_to_others(void)
{
	if (is_x2apic || registers != NULL) {
		send(APIC_ALL, ICR_NMI | ICR_ASSERT);
	}
}

void apic_end_stray(void)
{
	end_of_interrupt();
}

static uint64_t one_shot_count(uint64_t now, uint64_t deadline)
{
	uint64_t delta = deadline > now ? deadline - now : 0;
	uint64_t count = (min_u64(delta, UINT32_MAX) * timer_ratio) >> RATIO_SHIFT;

	return count == 0 ? 1 : min_u64(count, UINT32_MAX);
}

static void timer_start(uint64_t deadline)
{
	if (is_deadline) {
		wrmsr(MSR_TSC_DEADLINE, deadline);
	} else {
		apic_write(APIC_TIMER_COUNT,
			   deadline == 0 ? 0 : (uint32_t)one_shot_count(rdtsc(), deadline));
	}
}

void apic_timer_set(uint64_t deadline)
{
	uint64_t *armed = &deadlines[this_cpu()->index];

	if (*armed != deadline) {
		*armed = deadline;
		timer_start(deadline);
	}
}

void apic_kick(struct cpu *cpu)
{
	if (!atomic_exchange(&cpu->kicked, true) && cpu != this_cpu()) {
		send(cpu->apic_id, ICR_FIXED | ICR_ASSERT | VECTOR_KICK);
	}
}

void apic_take_pending(void)
{
	__asm__ volatile("sti\n\tnop\n\tcli" : : : "memory");
}

/* A kick that comes between the look and HLT is held back by STI until HLT waits for it. */
void cpu_idle(void)
{
	if (atomic_load(&this_cpu()->kicked)) {
		apic_take_pending();
		return;
	}
	__asm__ volatile("sti\n\thlt\n\tcli" : : : "memory");
}

__attribute__((interrupt)) static void on_timer(void *frame)
{
	struct cpu *cpu = this_cpu();
	uint64_t *armed = &deadlines[cpu->index];

	(void)frame;
	end_of_interrupt();
	/* The count of a far deadline is clamped, and calibration errs; and an interrupt for an
	 * earlier deadline may have been pending when this one was set. */
	if (rdtsc() < *armed) {
		timer_start(*armed);
		return;
	}
	*armed = 0;
	cpu->timer_fired = true;
}

/* The sender has set cpu->kicked. */
__attribute__((interrupt)) static void on_kick(void *frame)
{
	(void)frame;
	end_of_interrupt();
}

/* No EOI (SDM 3A 11.9). */
__attribute__((interrupt)) static void on_spurious(void *frame)
{
	(void)frame;
}

__attribute__((interrupt)) static void on_error(void *frame)
{
	(void)frame;
	apic_write(APIC_ERROR_STATUS, 0);
	log_warn("apic: error status 0x%x", apic_read(APIC_ERROR_STATUS));
	end_of_interrupt();
}

static void mask_unused(void)
{
	uint32_t last_lvt = apic_read(APIC_VERSION) >> 16 & 0xff;

	apic_write(APIC_LVT_LINT0, LVT_MASKED);
	apic_write(APIC_LVT_LINT1, LVT_MASKED);
	if (last_lvt >= 4) {
		apic_write(APIC_LVT_PERF, LVT_MASKED);
	}
	if (last_lvt >= 5) {
		apic_write(APIC_LVT_THERMAL, LVT_MASKED);
	}
	if (last_lvt >= 6) {
		apic_write(APIC_LVT_CMCI, LVT_MASKED);
	}
}

void apic_init_cpu(void)
{
	uint64_t base = rdmsr(MSR_APIC_BASE) | APIC_BASE_ENABLE;

	wrmsr(MSR_APIC_BASE, base | (is_x2apic ? APIC_BASE_X2APIC : 0));
	apic_write(APIC_SPURIOUS, SPURIOUS_ENABLE | VECTOR_SPURIOUS);
	apic_write(APIC_TPR, 0);
	mask_unused();
	apic_write(APIC_TIMER_DIVIDE, DIVIDE_BY_1);
	apic_write(APIC_TIMER_COUNT, 0);
	apic_write(APIC_LVT_TIMER, VECTOR_TIMER | (is_deadline ? LVT_TIMER_DEADLINE : 0));
	apic_write(APIC_ERROR_STATUS, 0);
	apic_write(APIC_LVT_ERROR, VECTOR_ERROR);
	/* The mode must be set before the deadline is (SDM 3A 11.5.4.1). */
	__asm__ volatile("mfence" : : : "memory");
	this_cpu()->apic_id = apic_id();
}

/* Counts of the one-shot timer in a time that the TSC measures. */
static void calibrate(void)
{
	apic_write(APIC_LVT_TIMER, LVT_MASKED | VECTOR_TIMER);
	apic_write(APIC_TIMER_COUNT, UINT32_MAX);
	uint64_t start = rdtsc();

	tsc_wait_us(CALIBRATION_US);
	uint64_t counts = UINT32_MAX - apic_read(APIC_TIMER_NOW);
	uint64_t ticks = rdtsc() - start;

	apic_write(APIC_TIMER_COUNT, 0);
	apic_write(APIC_LVT_TIMER, VECTOR_TIMER);
	timer_ratio = (counts << RATIO_SHIFT) / ticks;
	if (timer_ratio == 0 || timer_ratio > UINT32_MAX) {
		panic("apic: the timer made %llu counts in %llu TSC ticks",
		      (unsigned long long)counts, (unsigned long long)ticks);
	}
}

void apic_init(void)
{
	uint64_t base = rdmsr(MSR_APIC_BASE);

	is_x2apic = cpu_features_get()->has_x2apic || (base & APIC_BASE_X2APIC) != 0;
	is_deadline = cpu_features_get()->has_tsc_deadline;
	if (!is_x2apic) {
		registers = paging_map_mmio(hpa(base & APIC_BASE_ADDRESS), PAGE_SIZE);
	}
	descriptors_set_handler(VECTOR_TIMER, on_timer);
	descriptors_set_handler(VECTOR_KICK, on_kick);
	descriptors_set_handler(VECTOR_ERROR, on_error);
	descriptors_set_handler(VECTOR_SPURIOUS, on_spurious);
	apic_init_cpu();
	if (!is_deadline) {
		calibrate();
	}
}

uint32_t apic_id(void)
{
	uint32_t id = apic_read(APIC_ID);

	return is_x2apic ? id : id >> 24;
}
