/* SPDX-License-Identifier: MIT */
/*
 * /init of a Linux kernel whose work is counted: as a guest and on the machine itself. Prints lines
 * `BENCH name value` to the partition's serial port or the emulator's debug port, each way without
 * the kernel, and ends the machine. Values are TSC ticks: in Bochs, instructions of whoever ran. A
 * guest then does nothing for some seconds, between two lines for who counts exits meanwhile.
 */
#include <cpuid.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEBUG_PORT	 0xe9U
#define SERIAL_PORT	 0x3f8U
#define BOCHS_DEBUG_PORT 0x8a00U
#define CPUID_HYPERVISOR (1U << 31) /* leaf 1, ECX */

#define CPU_ROUNDS   4000000U
#define CPU_TABLE    8192U
#define FORKS	     200U
#define PAGE	     4096U
#define FAULT_PAGES  8192U
#define FAULT_ROUNDS 2U
#define SYSTEM_CALLS 50000U
#define REPEATS	     4U
#define IDLE_SETTLE  3 /* seconds */
#define IDLE_SECONDS 12

static bool is_guest;

static uint64_t ticks(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

static void say(const char *name, uint64_t value)
{
	char line[80];
	int length =
		snprintf(line, sizeof(line), "BENCH %s %llu\n", name, (unsigned long long)value);

	for (int i = 0; i < length; i++) {
		outb((unsigned char)line[i], is_guest ? SERIAL_PORT : DEBUG_PORT);
	}
}

/* Loads, stores, multiplications and branches, in the first-level cache; no system call. */
static void use_cpu(void)
{
	static volatile uint64_t table[CPU_TABLE];
	uint64_t state = 1;

	for (unsigned int i = 0; i < CPU_ROUNDS; i++) {
		state = state * 6364136223846793005ULL + 1442695040888963407ULL;
		if (state >> 63) {
			table[state >> 32 & (CPU_TABLE - 1)] += state;
		}
	}
}

static void fork_processes(void)
{
	for (unsigned int i = 0; i < FORKS; i++) {
		pid_t child = fork();

		if (child == 0) {
			_exit(0);
		}
		waitpid(child, NULL, 0);
	}
}

/* Each first touch of a page is a fault that the kernel answers with a zeroed page. */
static void fault_pages(void)
{
	size_t size = (size_t)FAULT_PAGES * PAGE;

	for (unsigned int round = 0; round < FAULT_ROUNDS; round++) {
		char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				    -1, 0);

		if (memory == MAP_FAILED) {
			say("failed-mmap", 1);
			return;
		}
		madvise(memory, size, MADV_NOHUGEPAGE);
		for (size_t at = 0; at < size; at += PAGE) {
			*(volatile char *)(memory + at) = 1;
		}
		munmap(memory, size);
	}
}

static void call_system(void)
{
	for (unsigned int i = 0; i < SYSTEM_CALLS; i++) {
		getppid();
	}
}

/* The shortest of some times, as the kernel does other things now and then. */
static void measure(const char *name, void (*work)(void))
{
	uint64_t least = UINT64_MAX;

	for (unsigned int i = 0; i < REPEATS; i++) {
		uint64_t start = ticks();
		uint64_t took;

		work();
		took = ticks() - start;
		least = took < least ? took : least;
	}
	say(name, least);
}

static void measure_work(void)
{
	measure("cpu", use_cpu);
	measure("syscall", call_system);
	measure("fork", fork_processes);
	measure("fault", fault_pages);
}

static void idle(void)
{
	sleep(IDLE_SETTLE);
	say("idle-begins", 0);
	sleep(IDLE_SECONDS);
	say("idle-ends", 0);
}

__attribute__((noreturn)) static void end_machine(void)
{
	if (!is_guest) {
		outw(0x8a00, BOCHS_DEBUG_PORT);
		outw(0x8ae0, BOCHS_DEBUG_PORT);
	}
	reboot(RB_POWER_OFF);
	for (;;) {
		pause();
	}
}

int main(void)
{
	uint64_t started = ticks();
	uint32_t eax, ebx, ecx, edx;

	if (iopl(3) != 0) {
		return 1;
	}
	__cpuid(1, eax, ebx, ecx, edx);
	is_guest = (ecx & CPUID_HYPERVISOR) != 0;
	say("init", started);
	measure_work();
	if (is_guest) {
		idle();
	}
	end_machine();
}
