/* SPDX-License-Identifier: MIT */
/*
 * x87, SSE and AVX registers with a pattern: loads all of them, lets others run, and looks whether
 * they are as they were (SDM 1, 13.4). For bare metal and Linux; the caller has XCR0 set up. One
 * caller at a time.
 */
#ifndef TESTS_GUESTS_FPU_AREA_H
#define TESTS_GUESTS_FPU_AREA_H

#include <cpuid.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define FPU_AREA_MAX	 4096U
#define FPU_LEGACY_SIZE	 576U /* with the header */
#define FPU_MARK	 0x5ca1ab1eU
#define FPU_FCW		 0U
#define FPU_MXCSR	 24U
#define FPU_ST		 32U
#define FPU_ST_COUNT	 8U
#define FPU_XMM		 160U
#define FPU_XMM_SIZE	 256U
#define FPU_STATE_BV	 512U
#define FPU_YMM		 576U
#define FPU_YMM_SIZE	 256U
#define FPU_MXCSR_RESET	 0x1f80U
#define FPU_LEAF_TIMING	 0x40000010U
#define FPU_XCR0_AVX	 4U
#define FPU_XCR0_DEFINED 7U /* x87, SSE, AVX: what this file knows */

static uint8_t fpu_wanted[FPU_AREA_MAX] __attribute__((aligned(64)));
static uint8_t fpu_got[FPU_AREA_MAX] __attribute__((aligned(64)));

static inline uint64_t fpu_xcr0(void)
{
	uint32_t low, high;

	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return (uint64_t)high << 32 | low;
}

static inline uint64_t fpu_tsc(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

static inline uint64_t fpu_tsc_khz(void)
{
	uint32_t eax, ebx, ecx, edx;

	__cpuid(FPU_LEAF_TIMING, eax, ebx, ecx, edx);
	return eax;
}

static inline void fpu_fill(uint32_t offset, uint32_t size, uint32_t seed)
{
	for (uint32_t i = 0; i < size; i += 8) {
		uint64_t word = (uint64_t)FPU_MARK << 32 | seed << 16 | (offset + i);

		memcpy(fpu_wanted + offset + i, &word, sizeof(word));
	}
}

/* Seeds differ in their patterns, and in control word and MXCSR if they differ modulo 4. */
static inline void fpu_set_pattern(uint32_t seed)
{
	uint16_t fcw = (uint16_t)(0x37fU | (seed & 3U) << 10); /* rounding */
	uint32_t mxcsr = FPU_MXCSR_RESET | (seed & 3U) << 13;
	uint64_t state = fpu_xcr0() & FPU_XCR0_DEFINED;

	memset(fpu_wanted, 0, sizeof(fpu_wanted));
	memcpy(fpu_wanted + FPU_FCW, &fcw, sizeof(fcw));
	memcpy(fpu_wanted + FPU_MXCSR, &mxcsr, sizeof(mxcsr));
	memcpy(fpu_wanted + FPU_STATE_BV, &state, sizeof(state));
	for (uint32_t i = 0; i < FPU_ST_COUNT; i++) {
		fpu_fill(FPU_ST + i * 16, 8, seed);
	}
	fpu_fill(FPU_XMM, FPU_XMM_SIZE, seed);
	if ((state & FPU_XCR0_AVX) != 0) {
		fpu_fill(FPU_YMM, FPU_YMM_SIZE, seed);
	}
}

/* What the registers hold now: x87 data registers are saved whatever their tags say. */
static inline void fpu_look(void)
{
	memset(fpu_got, 0xee, sizeof(fpu_got));
	memset(fpu_got + 512, 0, 64);
	__asm__ volatile("xsave64 %0" : "+m"(fpu_got) : "a"(FPU_XCR0_DEFINED), "d"(0));
}

/* Loads the pattern, waits without touching a register of it, and stores what is there then. */
static inline void fpu_hold(uint64_t ticks)
{
	uint64_t end = fpu_tsc() + ticks;
	const uint32_t mxcsr = FPU_MXCSR_RESET;

	memset(fpu_got, 0, sizeof(fpu_got));
	__asm__ volatile("xrstor64 %[wanted]\n\t"
			 "1: pause\n\t"
			 "rdtsc\n\t"
			 "shlq $32, %%rdx\n\t"
			 "orq %%rdx, %%rax\n\t"
			 "cmpq %[end], %%rax\n\t"
			 "jb 1b\n\t"
			 "movl %[mask], %%eax\n\t"
			 "xorl %%edx, %%edx\n\t"
			 "xsave64 %[got]\n\t"
			 "fninit\n\t"
			 "ldmxcsr %[mxcsr]"
			 : [got] "+m"(fpu_got)
			 : [wanted] "m"(fpu_wanted), [end] "r"(end), [mask] "i"(FPU_XCR0_DEFINED),
			   [mxcsr] "m"(mxcsr), "a"(FPU_XCR0_DEFINED), "d"(0)
			 : "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
			   "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14",
			   "xmm15");
}

/* The pattern, for the next one who gets the CPU to find. */
static inline void fpu_leave(void)
{
	__asm__ volatile("xrstor64 %0"
			 :
			 : "m"(fpu_wanted), "a"(FPU_XCR0_DEFINED), "d"(0)
			 : "memory");
}

/* Offset of the first difference, or -1. */
static inline int fpu_difference(void)
{
	bool has_avx = (fpu_xcr0() & FPU_XCR0_AVX) != 0;
	uint32_t size = has_avx ? FPU_YMM + FPU_YMM_SIZE : FPU_XMM + FPU_XMM_SIZE;

	for (uint32_t i = 0; i < size; i++) {
		bool is_control = i < FPU_FCW + 2 || (i >= FPU_MXCSR && i < FPU_MXCSR + 4);
		bool is_st = i >= FPU_ST && i < FPU_XMM && i % 16 < 10;
		bool is_vector = (i >= FPU_XMM && i < FPU_XMM + FPU_XMM_SIZE) || i >= FPU_YMM;

		if ((is_control || is_st || is_vector) && fpu_got[i] != fpu_wanted[i]) {
			return (int)i;
		}
	}
	return -1;
}

/* Offset of somebody's pattern in fpu_got, or -1. */
static inline int fpu_find_mark(void)
{
	for (uint32_t i = 0; i + 4 <= FPU_YMM + FPU_YMM_SIZE; i += 4) {
		uint32_t word;

		memcpy(&word, fpu_got + i, sizeof(word));
		if (word == FPU_MARK) {
			return (int)i;
		}
	}
	return -1;
}

#endif
