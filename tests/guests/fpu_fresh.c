// SPDX-License-Identifier: MIT
/*
 * fpu-fresh MILLISECONDS: a bare-metal partition that is restarted again and again. It looks
 * whether any vector or x87 register holds a pattern of its last life or of another partition, and
 * leaves a pattern itself. Exit code 0: all as it should be.
 *
 * The runtime has run before main(), and so has FNINIT; neither touches the upper halves of YMM
 * registers, and FNINIT leaves the data registers as they are.
 */
#include "tests/guests/fpu_area.h"

#include "appliance/runtime/mux.h"

#include <stdio.h>
#include <stdlib.h>

#define CR4_OSXSAVE (1ULL << 18)
#define SEED	    0x77U
#define HOLD_MS	    5U
#define ECX_AVX	    (1U << 28)

static void xsave_enable(void)
{
	uint32_t eax, ebx, ecx, edx;
	uint64_t cr4;

	__cpuid(1, eax, ebx, ecx, edx);
	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	__asm__ volatile("mov %0, %%cr4" : : "r"(cr4 | CR4_OSXSAVE));
	__asm__ volatile("xsetbv" : : "c"(0), "a"((ecx & ECX_AVX) != 0 ? 7U : 3U), "d"(0));
}

static int check_fresh(void)
{
	uint32_t mxcsr;
	int at;

	fpu_look();
	at = fpu_find_mark();
	memcpy(&mxcsr, fpu_got + FPU_MXCSR, sizeof(mxcsr));
	if (at >= 0 || mxcsr != FPU_MXCSR_RESET) {
		printf("fpu-fresh: old contents at %d, MXCSR %x\n", at, (unsigned)mxcsr);
		return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	uint64_t lives_until = fpu_tsc();
	uint64_t ticks = fpu_tsc_khz() * HOLD_MS;
	int result;

	xsave_enable();
	result = check_fresh();
	lives_until += fpu_tsc_khz() * (argc > 1 ? strtoul(argv[1], NULL, 0) : 1000);
	fpu_set_pattern(SEED);
	while (result == 0 && fpu_tsc() < lives_until) {
		fpu_hold(ticks);
		if (fpu_difference() >= 0) {
			printf("fpu-fresh: changed at %d\n", fpu_difference());
			result = 1;
		}
	}
	if (result == 0) {
		printf("fpu-fresh: as it should be, XCR0 %x\n", (unsigned)fpu_xcr0());
	}
	fpu_leave();
	mux_exit(result);
}
