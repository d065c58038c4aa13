/* SPDX-License-Identifier: MIT */
/* FPU and vector state: x87, SSE and AVX; what the CPU has beyond that is not shown to guests. */
#include "arch/x86_64/fpu.h"

#include "arch/x86_64/cpu_features.h"
#include "arch/x86_64/cpuid.h"
#include "arch/x86_64/cr.h"

#include <string.h>

#define AREA_LEGACY_SIZE 576U /* x87, SSE and the XSAVE header */
#define AREA_FCW	 0U
#define AREA_MXCSR	 24U
#define FCW_RESET	 0x37fU
#define MXCSR_RESET	 0x1f80U

static uint64_t mask;
static uint32_t avx_end;

const char *fpu_init(void)
{
	struct cpuid_regs avx;

	if (!cpu_features_get()->has_xsave) {
		return "no XSAVE: this CPU is too old";
	}
	mask = cpuid(0xd, 0).eax & (XCR0_X87 | XCR0_SSE | XCR0_AVX);
	avx = cpuid(0xd, 2);
	avx_end = (mask & XCR0_AVX) != 0 ? avx.ebx + avx.eax : AREA_LEGACY_SIZE;
	if (avx_end > FPU_AREA_SIZE) {
		return "the CPU's XSAVE area for AVX is larger than expected";
	}
	return NULL;
}

uint64_t fpu_mask(void)
{
	return mask;
}

void fpu_reset(void *area)
{
	uint16_t fcw = FCW_RESET;
	uint32_t mxcsr = MXCSR_RESET;

	memset(area, 0, FPU_AREA_SIZE);
	memcpy((uint8_t *)area + AREA_FCW, &fcw, sizeof(fcw));
	memcpy((uint8_t *)area + AREA_MXCSR, &mxcsr, sizeof(mxcsr));
}

static void set_xcr0(uint64_t xcr0)
{
	if (read_xcr0() != xcr0) {
		write_xcr0(xcr0);
	}
}

/* XCR0 is the guest's until here: components that it turned off keep their content in the CPU. */
void fpu_save(void *area)
{
	set_xcr0(mask);
	__asm__ volatile("xsave64 (%0)"
			 :
			 : "r"(area), "a"((uint32_t)mask), "d"((uint32_t)(mask >> 32))
			 : "memory");
}

void fpu_load(const void *area, uint64_t xcr0)
{
	set_xcr0(mask);
	__asm__ volatile("xrstor64 (%0)"
			 :
			 : "r"(area), "a"((uint32_t)mask), "d"((uint32_t)(mask >> 32))
			 : "memory");
	set_xcr0(xcr0);
}

bool fpu_is_valid_xcr0(uint64_t xcr0)
{
	bool has_x87 = (xcr0 & XCR0_X87) != 0;
	bool avx_needs_sse = (xcr0 & XCR0_AVX) == 0 || (xcr0 & XCR0_SSE) != 0;

	return (xcr0 & ~mask) == 0 && has_x87 && avx_needs_sse;
}

uint32_t fpu_area_size(uint64_t xcr0)
{
	return (xcr0 & XCR0_AVX) != 0 ? avx_end : AREA_LEGACY_SIZE;
}
