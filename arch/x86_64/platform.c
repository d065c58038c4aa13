/* SPDX-License-Identifier: MIT */
/* Start of ring 0 on the bootstrap CPU, and the end of the machine. */
#include "arch/x86_64/platform.h"

#include <string.h>

#include "arch/x86_64/apic.h"
#include "arch/x86_64/cpu_features.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/descriptors.h"
#include "arch/x86_64/entry.h"
#include "arch/x86_64/mitigation.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/smp.h"
#include "arch/x86_64/symbols.h"
#include "arch/x86_64/tsc.h"
#include "hv/console.h"
#include "hv/log.h"
#include "hv/mem.h"

#define RANGES_MAX	 4096U
#define PIC_MASTER_MASK	 0x21U
#define PIC_SLAVE_MASK	 0xa1U
#define BOCHS_DEBUG_PORT 0x8a00U /* Bochs, iodebug */
#define BOCHS_POWER_PORT 0x8900U
#define QEMU_EXIT_PORT	 0xf4U /* isa-debug-exit */
#define STOP_WAIT_US	 1000U

_Static_assert(ENTRY_CPUS_MAX == CPUS_MAX, "entry.S counts with the same limit");

static struct handoff handoff;
static uint64_t entry_tsc;
static _Atomic uint32_t stopper; /* index + 1 of the CPU that stops the machine */

const struct handoff *platform_handoff(void)
{
	return &handoff;
}

const void *platform_blob(size_t *size)
{
	*size = handoff.blob_size;
	return phys_to_virt(hpa(handoff.blob_base));
}

uint64_t platform_entry_tsc(void)
{
	return entry_tsc;
}

uint64_t platform_tsc_khz(void)
{
	return handoff.tsc_khz;
}

static void check_ranges(const struct handoff_range *ranges)
{
	uint64_t end = 0;

	if (handoff.range_count == 0 || handoff.range_count > RANGES_MAX) {
		panic("handoff: %u memory ranges", handoff.range_count);
	}
	for (uint32_t i = 0; i < handoff.range_count; i++) {
		const struct handoff_range *r = &ranges[i];

		if (r->base < end || r->base + r->size <= r->base ||
		    (r->base | r->size) % PAGE_SIZE != 0 ||
		    r->base + r->size > PAGING_DIRECT_END - PAGING_DIRECT_BASE) {
			panic("handoff: bad memory range %u: 0x%llx, 0x%llx bytes", i,
			      (unsigned long long)r->base, (unsigned long long)r->size);
		}
		end = r->base + r->size;
	}
}

/* What the firmware's map could break. The rest is the loader's own, which is of the same image. */
static void check_handoff(const struct handoff_range *ranges)
{
	if (handoff.magic != HANDOFF_MAGIC || handoff.version != HANDOFF_VERSION) {
		panic("handoff: wrong magic or version: loader and hypervisor do not belong "
		      "together");
	}
	check_ranges(ranges);
	if (handoff.tsc_khz == 0) {
		panic("handoff: no TSC frequency");
	}
}

/* Ring 0's page tables have four levels, and that cannot change while paging is on. */
static void check_cpu(void)
{
	if ((read_cr4() & CR4_LA57) != 0) {
		panic("the firmware left 5-level paging on: turn it off in the firmware's setup");
	}
	if (!cpu_features_get()->has_nx) {
		panic("the CPU's execute-disable bit is off: turn it on in the firmware's setup");
	}
}

/* The legacy interrupt controllers: nothing of theirs is used. */
static void mask_pic(void)
{
	outb(PIC_MASTER_MASK, 0xff);
	outb(PIC_SLAVE_MASK, 0xff);
}

/* On ring 0's own page tables and stack. */
static void run_on_own_tables(void)
{
	paging_use_direct_map();
	paging_protect_cpu();
	descriptors_use_ist();
	if (handoff.symbols != 0) {
		symbols_init(phys_to_virt(hpa(handoff.symbols)), handoff.symbols_size);
	}
	mask_pic();
	apic_init();
	mitigation_init();
	percpu_add_online();
	smp_start(&handoff);
	paging_verify();
	hv_main();
	smp_release();
	hv_cpu_main();
}

void platform_start(uint64_t address)
{
	struct cpu *cpu = percpu_enter(0);

	entry_tsc = rdtsc();
	console_init();
	memcpy(&handoff, (const void *)address, sizeof(handoff));
	descriptors_init();
	descriptors_load(cpu);
	cpu_features_init();
	check_cpu();
	const struct handoff_range *ranges = (const struct handoff_range *)handoff.ranges;

	check_handoff(ranges);
	mem_init(ranges, handoff.range_count);
	paging_init(&handoff, ranges);
	percpu_map_stacks(0);
	paging_enable_nx();
	entry_switch(paging_root(), cpu->stack_top, run_on_own_tables);
}

__attribute__((noreturn)) static void halt_forever(void)
{
	for (;;) {
		__asm__ volatile("cli\n\thlt");
	}
}

bool platform_stop_others(void)
{
	uint32_t nobody = 0;
	uint32_t self = this_cpu()->index + 1;

	__asm__ volatile("cli");
	if (!atomic_compare_exchange_strong(&stopper, &nobody, self)) {
		if (nobody != self) {
			halt_forever();
		}
		return false;
	}
	console_break_lock();
	apic_send_nmi_to_others();
	if (handoff.tsc_khz != 0) {
		tsc_wait_us(STOP_WAIT_US);
	}
	return true;
}

void platform_take_nmi(void)
{
	uint32_t by = atomic_load(&stopper);

	if (by != 0 && by != this_cpu()->index + 1) {
		halt_forever();
	}
}

/* Each emulator ignores the other's ports. */
static void leave_emulator(int code)
{
	if (code == 0) {
		outw(BOCHS_DEBUG_PORT, 0x8a00);
		outw(BOCHS_DEBUG_PORT, 0x8ae0);
	} else {
		outsb(BOCHS_POWER_PORT, "Shutdown", 8);
	}
	outl(QEMU_EXIT_PORT, code == 0 ? 0x10 : 0x11);
}

void platform_power_off(int code)
{
	if (console_is_emulator()) {
		leave_emulator(code);
	}
	platform_stop_others();
	log_info("the machine is halted: power can be turned off");
	halt_forever();
}
