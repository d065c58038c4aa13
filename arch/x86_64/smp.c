/* SPDX-License-Identifier: MIT */
/*
 * A starting CPU runs trampoline.S in its page below 1 MiB, draws the next index (smp_arrived), and
 * waits in entry.S until smp_stack_tops[index] is its stack, which the bootstrap CPU maps only now.
 */
#include "arch/x86_64/smp.h"

#include <string.h>

#include "arch/x86_64/acpi.h"
#include "arch/x86_64/apic.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/descriptors.h"
#include "arch/x86_64/mitigation.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/tsc.h"
#include "hv/log.h"
#include "hv/mem.h"

#define LISTED_LIMIT_US	   3000000U /* one that is there comes at once, but in a busy emulator */
#define BROADCAST_LIMIT_US 100000U
#define INIT_WAIT_US	   10000U /* SDM 3A 9.4.4.1 */
#define STARTUP_WAIT_US	   200U

/* trampoline.S: the code, and the values in it that depend on where it lies. */
extern const char trampoline_start[], trampoline_end[];
extern const char trampoline_gdt[], trampoline_gdt_base[], trampoline_cr3[];
extern const char trampoline_code_32[], trampoline_target_32[];
extern const char trampoline_code_64[], trampoline_target_64[];

/* Shared with entry.S. */
extern _Atomic uint32_t smp_arrived;
extern _Atomic uint64_t smp_stack_tops[CPUS_MAX];
extern uint64_t smp_root;
_Atomic uint32_t smp_arrived; /* the index that the next starting CPU draws */
_Atomic uint64_t smp_stack_tops[CPUS_MAX];
uint64_t smp_root;

static _Atomic bool is_released;

static void patch(uint8_t *page, const char *where, uint64_t value)
{
	uint32_t low = (uint32_t)value;

	memcpy(page + (where - trampoline_start), &low, sizeof(low));
}

static void place_trampoline(const struct handoff *handoff)
{
	uint64_t base = handoff->trampoline;
	uint8_t *page = phys_to_virt(hpa(base));

	memcpy(page, trampoline_start, (size_t)(trampoline_end - trampoline_start));
	patch(page, trampoline_gdt_base, base + (uint64_t)(trampoline_gdt - trampoline_start));
	patch(page, trampoline_target_32, base + (uint64_t)(trampoline_code_32 - trampoline_start));
	patch(page, trampoline_target_64, base + (uint64_t)(trampoline_code_64 - trampoline_start));
	patch(page, trampoline_cr3, base + PAGE_SIZE);
	paging_begin_startup(hpa(base + PAGE_SIZE), hpa(base));
}

/* Gives stacks to CPUs as they arrive, until `expected` are up or the time is over. */
static void admit_until(uint32_t expected, uint32_t limit_us)
{
	uint64_t end = tsc_after_us(limit_us);

	while (cpu_count() < expected && rdtsc() < end) {
		uint32_t index = cpu_count();

		if (atomic_load(&smp_arrived) > index && index < CPUS_MAX &&
		    atomic_load(&smp_stack_tops[index]) == 0) {
			percpu_map_stacks(index);
			atomic_store(&smp_stack_tops[index], (uint64_t)cpu_get(index)->stack_top);
		}
		__builtin_ia32_pause();
	}
}

static void send_start(uint32_t apic_id, uint64_t trampoline, uint32_t expected, uint32_t limit_us)
{
	uint8_t page = (uint8_t)(trampoline / PAGE_SIZE);

	apic_send_init(apic_id);
	tsc_wait_us(INIT_WAIT_US);
	apic_send_startup(apic_id, page);
	tsc_wait_us(STARTUP_WAIT_US);
	/* One that runs already ignores the second. */
	apic_send_startup(apic_id, page);
	admit_until(expected, limit_us);
}

static void start_listed(const uint32_t *apic_ids, uint32_t count, uint64_t trampoline)
{
	for (uint32_t i = 0; i < count && cpu_count() < CPUS_MAX; i++) {
		uint32_t index = cpu_count();

		if (apic_ids[i] == this_cpu()->apic_id) {
			continue;
		}
		atomic_store(&smp_arrived, index);
		send_start(apic_ids[i], trampoline, index + 1, LISTED_LIMIT_US);
		if (cpu_count() == index) {
			/* INIT keeps it from coming up later, when the trampoline is gone. */
			apic_send_init(apic_ids[i]);
			log_warn("smp: the CPU with APIC id %u does not start; left out",
				 apic_ids[i]);
		}
	}
}

/* How many there are is not known: whoever is there after the time limit takes part. */
static void start_all(uint64_t trampoline)
{
	atomic_store(&smp_arrived, 1);
	send_start(APIC_ALL, trampoline, CPUS_MAX, BROADCAST_LIMIT_US);
	uint32_t arrived = atomic_load(&smp_arrived);

	if (cpu_count() < arrived) {
		log_warn("smp: %u CPUs came too late; left out", arrived - cpu_count());
	}
}

void smp_start(const struct handoff *handoff)
{
	static uint32_t apic_ids[CPUS_MAX];
	int count = acpi_find_cpus(handoff->rsdp, apic_ids, CPUS_MAX);

	smp_root = paging_root();
	place_trampoline(handoff);
	if (count > 0) {
		start_listed(apic_ids, (uint32_t)count, handoff->trampoline);
	} else {
		start_all(handoff->trampoline);
	}
	paging_end_startup(hpa(handoff->trampoline + PAGE_SIZE));
	log_info("smp: %u CPUs, found by %s", cpu_count(), count > 0 ? "MADT" : "broadcast");
}

void smp_release(void)
{
	atomic_store(&is_released, true);
	for (uint32_t i = 1; i < cpu_count(); i++) {
		apic_kick(cpu_get(i));
	}
}

void smp_enter(uint32_t index)
{
	struct cpu *cpu = percpu_enter(index);

	descriptors_load(cpu);
	paging_protect_cpu();
	apic_init_cpu();
	mitigation_init_cpu();
	percpu_add_online();
	while (!atomic_load(&is_released)) {
		cpu_idle();
		/* Cleared before the look, so that the kick that comes with the release counts. */
		atomic_store(&cpu->kicked, false);
	}
	hv_cpu_main();
}
