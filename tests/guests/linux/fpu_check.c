// SPDX-License-Identifier: MIT
/*
 * fpu-check SEED SECONDS: on each CPU, in two processes, holds a pattern in all x87, SSE and AVX
 * registers while others run, and looks whether it stays; compares XCR0 with CPUID (SDM 1, 13.2);
 * tries AVX-512. Exit code 0: all as it should be.
 */
#include "tests/guests/fpu_area.h"

#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define HOLD_MS	      5U
#define LEAF_XSAVE    0xdU
#define ECX_OSXSAVE   (1U << 27)
#define ECX_AVX	      (1U << 28)
#define EBX_AVX512F   (1U << 16)
#define XSAVE_KNOWN   5U /* XSAVEOPT, XGETBV with ECX 1; no XSAVEC, no XSAVES */
#define PROCESSES     2L /* of each CPU: the guest's kernel exchanges registers, too */
#define XCR0_AVX512   0xe0U
#define XCR0_MANDATED 3U

static sigjmp_buf undefined;

static int fail(const char *what, unsigned int got, unsigned int wanted)
{
	printf("fpu-check: %s is %x, not %x\n", what, got, wanted);
	return 1;
}

/* Bytes that the components need, in the standard format. */
static uint32_t area_size(uint64_t components)
{
	uint32_t size = FPU_LEGACY_SIZE;

	for (uint32_t i = 2; i < 32; i++) {
		uint32_t eax, ebx, ecx, edx;

		__cpuid_count(LEAF_XSAVE, i, eax, ebx, ecx, edx);
		if ((components >> i & 1U) != 0 && ebx + eax > size) {
			size = ebx + eax;
		}
	}
	return size;
}

static int check_leaf_xsave(uint64_t xcr0)
{
	uint32_t eax, ebx, ecx, edx;

	__cpuid_count(LEAF_XSAVE, 0, eax, ebx, ecx, edx);
	if (eax != xcr0 || edx != 0) {
		return fail("XCR0", (unsigned)xcr0, eax);
	}
	if (ebx != area_size(xcr0) || ecx != area_size(eax)) {
		return fail("the XSAVE area", ebx, area_size(xcr0));
	}
	__cpuid_count(LEAF_XSAVE, 1, eax, ebx, ecx, edx);
	if ((eax & ~XSAVE_KNOWN) != 0 || ecx != 0 || edx != 0) {
		return fail("leaf 0xd.1 EAX", eax, eax & XSAVE_KNOWN);
	}
	for (uint32_t i = 2; i < 64; i++) {
		__cpuid_count(LEAF_XSAVE, i, eax, ebx, ecx, edx);
		if ((xcr0 >> i & 1U) == 0 && (eax | ebx | ecx | edx) != 0) {
			return fail("an absent component", eax, 0);
		}
	}
	return 0;
}

/* XSAVE writes no more than CPUID says. */
static int check_size(uint64_t xcr0)
{
	uint32_t size = area_size(xcr0);

	fpu_look();
	for (uint32_t i = size; i < FPU_AREA_MAX; i++) {
		if (fpu_got[i] != 0xee) {
			return fail("the last byte that XSAVE writes", i, size - 1);
		}
	}
	return 0;
}

static void on_undefined(int signal)
{
	(void)signal;
	siglongjmp(undefined, 1);
}

/* Instructions whose registers ring 0 does not exchange must not exist. */
static int check_avx512(uint64_t xcr0)
{
	uint32_t eax, ebx, ecx, edx;
	volatile bool is_undefined = true;

	signal(SIGILL, on_undefined);
	if (sigsetjmp(undefined, 1) == 0) {
		__asm__ volatile("vpxorq %%zmm16, %%zmm16, %%zmm16" : : : "memory");
		is_undefined = false;
	}
	__cpuid_count(7, 0, eax, ebx, ecx, edx);
	if (((ebx & EBX_AVX512F) != 0) != ((xcr0 & XCR0_AVX512) != 0)) {
		return fail("AVX512F in leaf 7", ebx, ebx ^ EBX_AVX512F);
	}
	return is_undefined == ((xcr0 & XCR0_AVX512) == 0)
		       ? 0
		       : fail("AVX-512", !is_undefined, is_undefined);
}

static int check_features(void)
{
	uint32_t eax, ebx, ecx, edx;
	uint64_t xcr0;

	__cpuid(1, eax, ebx, ecx, edx);
	if ((ecx & ECX_OSXSAVE) == 0) {
		return fail("leaf 1 ECX", ecx, ecx | ECX_OSXSAVE);
	}
	xcr0 = fpu_xcr0();
	if (((ecx & ECX_AVX) != 0) != ((xcr0 & FPU_XCR0_AVX) != 0) ||
	    (xcr0 & XCR0_MANDATED) != XCR0_MANDATED) {
		return fail("AVX in leaf 1", ecx, ecx ^ ECX_AVX);
	}
	printf("fpu-check: XCR0 %x, %u bytes\n", (unsigned)xcr0, area_size(xcr0));
	return check_leaf_xsave(xcr0) != 0 || check_size(xcr0) != 0 || check_avx512(xcr0) != 0;
}

static int hold_pattern(unsigned int cpu, uint32_t seed, time_t seconds)
{
	uint64_t ticks = fpu_tsc_khz() * HOLD_MS;
	time_t end = time(NULL) + seconds;
	unsigned int rounds = 0;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) != 0) {
		return 1;
	}
	fpu_set_pattern(seed + cpu);
	do {
		fpu_hold(ticks);
		if (fpu_difference() >= 0) {
			printf("fpu-check: CPU %u: changed at %d\n", cpu, fpu_difference());
			return 1;
		}
		rounds++;
	} while (time(NULL) < end);
	printf("fpu-check: CPU %u: unchanged%s\n", cpu, rounds > 10 ? " many times" : "");
	return 0;
}

int main(int argc, char **argv)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int result = 0;

	if (argc != 3) {
		printf("usage: fpu-check SEED SECONDS\n");
		return 2;
	}
	result = check_features();
	fflush(stdout);
	for (long i = 0; i < cpus * PROCESSES; i++) {
		if (fork() == 0) {
			exit(hold_pattern((unsigned)(i % cpus), (uint32_t)(atoi(argv[1]) + i),
					  atoi(argv[2])));
		}
	}
	for (long i = 0; i < cpus * PROCESSES; i++) {
		int status = 1;

		wait(&status);
		result |= status != 0;
	}
	return result;
}
