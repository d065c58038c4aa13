/* SPDX-License-Identifier: MIT */
/* Ring 0 without partitions: every CPU reports, is kicked and gets a timer interrupt. */
#include "tests/system/platform/report.h"

#include <string.h>

#include "arch/x86_64/apic.h"
#include "arch/x86_64/cpu_features.h"
#include "arch/x86_64/mitigation.h"
#include "arch/x86_64/platform.h"
#include "arch/x86_64/tsc.h"
#include "hv/log.h"
#include "hv/mem.h"

#define TIMER_US 5000U

#define LINES	   20U
#define CHATTER_US 3000U

static _Atomic uint32_t done_count;
static _Atomic bool may_go;
static bool ends_in_panic;

void report_end_in_panic(void)
{
	ends_in_panic = true;
}

static void check_memory(void)
{
	uint64_t free_before = mem_free();
	const uint8_t *page = mem_alloc(3 * PAGE_SIZE + 1);
	hpa_t piece;

	for (uint32_t i = 0; i < 4 * PAGE_SIZE; i++) {
		if (page[i] != 0) {
			panic("test: memory is not zeroed");
		}
	}
	if (!mem_alloc_pieces(8 * PAGE_SIZE_2M, &piece) || piece.value % PAGE_SIZE_2M != 0) {
		panic("test: no pieces of 2 MiB");
	}
	memset(phys_to_virt(piece), 0xa5, 8 * PAGE_SIZE_2M);
	if (virt_to_phys(phys_to_virt(piece)).value != piece.value ||
	    virt_to_phys(&done_count).value < platform_handoff()->image_base) {
		panic("test: addresses do not translate back");
	}
	if (free_before - mem_free() != 4 * PAGE_SIZE + 8 * PAGE_SIZE_2M) {
		panic("test: free memory does not add up");
	}
}

void report_print(void)
{
	char line[200];
	size_t blob_size;
	const char *blob = platform_blob(&blob_size);
	const struct cpu_features *f = cpu_features_get();

	log_info("cpu: %s, %u physical address bits", f->brand, f->physical_bits);
	cpu_features_describe(line, sizeof(line));
	log_info("features: %s", line);
	mitigation_describe(line, sizeof(line));
	log_info("mitigations: %s (capabilities 0x%llx)", line,
		 (unsigned long long)f->arch_capabilities);
	log_info("TSC at %llu kHz", (unsigned long long)platform_tsc_khz());
	log_info("blob: %zu bytes, first %02x", blob_size, (unsigned int)(unsigned char)blob[0]);
	check_memory();
	log_info("memory: %llu KiB of ring 0, %llu KiB free",
		 (unsigned long long)(mem_used() / 1024), (unsigned long long)(mem_free() / 1024));
	mem_seal();
}

/* A kick ends the wait whenever it comes. */
static void wait_for_kick(struct cpu *cpu)
{
	while (!atomic_exchange(&cpu->kicked, false)) {
		cpu_idle();
	}
}

static void wait_for_start(struct cpu *cpu)
{
	while (!atomic_load(&may_go)) {
		wait_for_kick(cpu);
	}
}

static uint64_t wait_for_timer(struct cpu *cpu, uint64_t deadline)
{
	cpu->timer_fired = false;
	apic_timer_set(deadline);
	while (!cpu->timer_fired) {
		cpu_idle();
	}
	return rdtsc();
}

static void check_timer(struct cpu *cpu)
{
	uint64_t deadline = tsc_after_us(TIMER_US);
	uint64_t at = wait_for_timer(cpu, deadline);

	if (at < deadline) {
		panic("test: the timer fired %llu ticks early",
		      (unsigned long long)(deadline - at));
	}
	wait_for_timer(cpu, rdtsc() - 1);
	apic_timer_set(0);
	log_info("timer and kick work, %s",
		 at - deadline < platform_tsc_khz() * 50 ? "in time" : "late");
}

/* All CPUs at once: the lines must come out whole. */
static void log_lines(void)
{
	for (uint32_t i = 1; i <= LINES; i++) {
		log_info("line %2u of %u: the quick brown fox jumps over the lazy dog", i, LINES);
	}
}

/* The bootstrap CPU kicks each other CPU, which kicks it back when it is done. */
static void run_first(struct cpu *cpu)
{
	atomic_store(&may_go, true);
	for (uint32_t i = 1; i < cpu_count(); i++) {
		apic_kick(cpu_get(i));
	}
	log_lines();
	while (atomic_load(&done_count) + 1 < cpu_count()) {
		wait_for_kick(cpu);
	}
	check_timer(cpu);
	apic_kick(cpu);
	wait_for_kick(cpu);
	if (ends_in_panic) {
		tsc_wait_us(CHATTER_US);
		panic("test: %s", "the end");
	}
	log_info("test: all %u CPUs passed", cpu_count());
	platform_power_off(0);
}

void hv_cpu_main(void)
{
	struct cpu *cpu = this_cpu();

	if (cpu->index == 0) {
		run_first(cpu);
	}
	wait_for_start(cpu);
	log_lines();
	check_timer(cpu);
	atomic_fetch_add(&done_count, 1);
	apic_kick(cpu_get(0));
	while (ends_in_panic) {
		log_info("CPU %u goes on", cpu->index);
	}
	for (;;) {
		cpu_idle();
	}
}
