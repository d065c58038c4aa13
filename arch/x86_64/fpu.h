/* SPDX-License-Identifier: MIT */
/*
 * FPU and vector state of the guests (SDM 1, 13). Ring 0 itself uses none of it, so it is exchanged
 * only when another vCPU is loaded. Owner CPU, no lock.
 */
#ifndef ARCH_X86_64_FPU_H
#define ARCH_X86_64_FPU_H

#include "hv/types.h"

#define FPU_AREA_SIZE 4096U

/* BSP, boot. NULL, or why this CPU will not do. Afterwards fpu_mask() is what guests may use. */
const char *fpu_init(void);
uint64_t fpu_mask(void); /* bits of XCR0 */

/* Makes `area` (FPU_AREA_SIZE, 64-byte aligned) the state after reset. */
void fpu_reset(void *area);

/* Needs CR4.OSXSAVE. */
void fpu_save(void *area);
void fpu_load(const void *area, uint64_t xcr0);

/* May a guest set XCR0 to this? (SDM 1, 13.3) */
bool fpu_is_valid_xcr0(uint64_t xcr0);
/* Bytes of the XSAVE area for these components, standard format. */
uint32_t fpu_area_size(uint64_t xcr0);

#endif
