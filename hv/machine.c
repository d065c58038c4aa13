/* SPDX-License-Identifier: MIT */
/* Start of the generic hypervisor on all CPUs, and the machine's end. */
#include "hv/machine.h"

#include "arch/x86_64/cpu_features.h"
#include "arch/x86_64/fpu.h"
#include "arch/x86_64/io.h"
#include "arch/x86_64/mitigation.h"
#include "arch/x86_64/percpu.h"
#include "arch/x86_64/platform.h"
#include "hv/log.h"
#include "hv/manifest.h"
#include "hv/mem.h"
#include "hv/partition.h"
#include "hv/sched.h"
#include "hv/vsock/switch.h"

#include <stdatomic.h>

#define TEXT_MAX 200U

const struct virt_backend *virt;

static uint32_t poll_cpu = MUX_POLL_CPU_NONE;

uint32_t machine_poll_cpu(void)
{
	return poll_cpu;
}

static void machine_check_cpu(void)
{
	const char *why;

	virt = cpu_features_get()->has_svm ? &svm_backend : &vmx_backend;
	why = virt->check();
	if (why == NULL) {
		why = fpu_init();
	}
	if (why != NULL) {
		panic("this machine cannot run Muxvisor: %s", why);
	}
}

static void machine_prepare_cpus(const struct mux_blob_header *header)
{
	uint64_t slice = platform_tsc_khz() * header->time_slice_us / 1000;

	if (header->cpu_count_min > cpu_count()) {
		log_warn("the manifest counts on %u CPUs, the machine has %u: they are shared",
			 header->cpu_count_min, cpu_count());
	}
	poll_cpu = header->poll_cpu;
	if (poll_cpu != MUX_POLL_CPU_NONE && (poll_cpu >= cpu_count() || cpu_count() == 1)) {
		log_warn("no CPU to spare for polling: the senders' CPUs do the switching");
		poll_cpu = MUX_POLL_CPU_NONE;
	}
	for (uint32_t i = 0; i < cpu_count(); i++) {
		virt->cpu_prepare(cpu_get(i));
		sched_init(cpu_get(i), slice);
	}
}

static void machine_start_partitions(void)
{
	for (uint32_t i = 0; i < partition_count(); i++) {
		if ((partition_get(i)->record->flags & MUX_PARTITION_START_OFF) == 0) {
			partition_start(partition_get(i));
		}
	}
}

void hv_main(void)
{
	uint64_t image = platform_handoff()->image_size;
	uint64_t fixed;
	char text[TEXT_MAX];
	size_t size;
	const void *blob = platform_blob(&size); /* checked by the loader: boot/handoff.h */

	machine_check_cpu();
	machine_prepare_cpus(manifest_header(blob));
	cpu_features_describe(text, sizeof(text));
	log_info("%s: %s", cpu_features_get()->brand, text);
	virt->describe(text, sizeof(text));
	log_info("%s", text);
	mitigation_describe(text, sizeof(text));
	log_info("side channels: %s", text);
	fixed = mem_used();
	partition_build_all(blob);
	if (poll_cpu != MUX_POLL_CPU_NONE) {
		vsock_switch_set_polling();
		log_info("CPU %u polls the rings", poll_cpu);
	}
	mem_seal();
	partition_log_all();
	log_info("ring 0 uses %lu KiB: image %lu, fixed %lu, partitions %lu; %lu MiB stay free",
		 (unsigned long)((image + mem_used()) >> 10), (unsigned long)(image >> 10),
		 (unsigned long)(fixed >> 10), (unsigned long)((mem_used() - fixed) >> 10),
		 (unsigned long)(mem_free() >> 20));
}

void hv_cpu_main(void)
{
	struct cpu *cpu = this_cpu();

	if (virt->cpu_enable(cpu) != 0) {
		panic("CPU %u cannot run partitions", cpu->index);
	}
	if (cpu->index == 0) {
		machine_start_partitions();
	}
	while (cpu->index == poll_cpu) {
		if (!vsock_switch_poll()) {
			__builtin_ia32_pause();
		}
	}
	sched_run();
}

static void machine_log_summary(void)
{
	static const char *const states[] = {"off", "running", "exited", "faulted", "stopping"};

	for (uint32_t i = 0; i < partition_count(); i++) {
		struct partition *p = partition_get(i);
		struct mux_stats stats;

		partition_stats(p, &stats);
		log_info("%-12s %-8s code %3u, restarts %u, exits %lu, packets out %lu in %lu, "
			 "refused %lu",
			 p->name, states[atomic_load(&p->state) % ARRAY_COUNT(states)],
			 p->exit_code, p->restarts, (unsigned long)stats.exits,
			 (unsigned long)stats.tx_packets, (unsigned long)stats.rx_packets,
			 (unsigned long)(stats.refused_policy + stats.refused_address));
	}
}

void machine_finish(int code, const char *by)
{
	static _Atomic bool finishing;

	if (atomic_exchange(&finishing, true)) {
		for (;;) {
			__asm__ volatile("cli; hlt");
		}
	}
	machine_log_summary();
	log_info("power off by %s: %s (code %d)", by, code == 0 ? "success" : "failure", code);
	platform_power_off(code);
}

void machine_partition_stopped(void)
{
	uint32_t worst = 0;

	/* The caller's state is visible before it looks at the others', so that of two partitions
	 * that stop at the same time on two CPUs at least one sees both. */
	atomic_thread_fence(memory_order_seq_cst);
	for (uint32_t i = 0; i < partition_count(); i++) {
		struct partition *p = partition_get(i);
		uint32_t state = atomic_load_explicit(&p->state, memory_order_acquire);
		bool is_up = state == MUX_STATE_RUNNING || state == MUX_STATE_STOPPING;

		if (!is_up && (p->record->flags & MUX_PARTITION_STOPS_MACHINE) != 0 &&
		    state != MUX_STATE_OFF) {
			machine_finish((int)p->exit_code, p->name);
		}
		if (is_up) {
			worst = UINT32_MAX;
		} else if (worst != UINT32_MAX && p->exit_code > worst) {
			worst = p->exit_code;
		}
	}
	if (worst != UINT32_MAX) {
		machine_finish((int)worst, "the last partition");
	}
}
