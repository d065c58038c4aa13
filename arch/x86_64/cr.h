/* SPDX-License-Identifier: MIT */
/* Control registers, RFLAGS and XCR0: bits (SDM 3A 2.3, 2.5, 2.6) and raw access. Any CPU. */
#ifndef ARCH_X86_64_CR_H
#define ARCH_X86_64_CR_H

#include <stdint.h>

#define CR0_PE (1ULL << 0)
#define CR0_MP (1ULL << 1)
#define CR0_ET (1ULL << 4)
#define CR0_NE (1ULL << 5)
#define CR0_WP (1ULL << 16)
#define CR0_NW (1ULL << 29)
#define CR0_CD (1ULL << 30)
#define CR0_PG (1ULL << 31)

#define CR4_VME	       (1ULL << 0)
#define CR4_PVI	       (1ULL << 1)
#define CR4_TSD	       (1ULL << 2)
#define CR4_DE	       (1ULL << 3)
#define CR4_PSE	       (1ULL << 4)
#define CR4_PAE	       (1ULL << 5)
#define CR4_MCE	       (1ULL << 6)
#define CR4_PGE	       (1ULL << 7)
#define CR4_OSFXSR     (1ULL << 9)
#define CR4_OSXMMEXCPT (1ULL << 10)
#define CR4_UMIP       (1ULL << 11)
#define CR4_LA57       (1ULL << 12)
#define CR4_VMXE       (1ULL << 13)
#define CR4_FSGSBASE   (1ULL << 16)
#define CR4_PCIDE      (1ULL << 17)
#define CR4_OSXSAVE    (1ULL << 18)
#define CR4_SMEP       (1ULL << 20)
#define CR4_SMAP       (1ULL << 21)
/* What a guest may set where the CPU has it. */
#define CR4_GUEST                                                                          \
	(CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_MCE | CR4_PGE |    \
	 CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_UMIP | CR4_FSGSBASE | CR4_PCIDE | CR4_OSXSAVE | \
	 CR4_SMEP | CR4_SMAP)

#define RFLAGS_ALWAYS_SET (1ULL << 1)
#define RFLAGS_TF	  (1ULL << 8)

#define XCR0_X87 (1ULL << 0)
#define XCR0_SSE (1ULL << 1)
#define XCR0_AVX (1ULL << 2)

#define CR_ACCESSORS(reg)                                                          \
	static inline uint64_t read_##reg(void)                                    \
	{                                                                          \
		uint64_t value;                                                    \
		__asm__ volatile("mov %%" #reg ", %0" : "=r"(value) : : "memory"); \
		return value;                                                      \
	}                                                                          \
	static inline void write_##reg(uint64_t value)                             \
	{                                                                          \
		__asm__ volatile("mov %0, %%" #reg : : "r"(value) : "memory");     \
	}

CR_ACCESSORS(cr0)
CR_ACCESSORS(cr2)
CR_ACCESSORS(cr3)
CR_ACCESSORS(cr4)
CR_ACCESSORS(dr0)
CR_ACCESSORS(dr1)
CR_ACCESSORS(dr2)
CR_ACCESSORS(dr3)
CR_ACCESSORS(dr6)

/* DR0 to DR3. */
static inline void debug_addresses_load(const uint64_t dr[4])
{
	write_dr0(dr[0]);
	write_dr1(dr[1]);
	write_dr2(dr[2]);
	write_dr3(dr[3]);
}

static inline void debug_addresses_save(uint64_t dr[4])
{
	dr[0] = read_dr0();
	dr[1] = read_dr1();
	dr[2] = read_dr2();
	dr[3] = read_dr3();
}

/* XGETBV and XSETBV of register 0: only with CR4.OSXSAVE. */
static inline uint64_t read_xcr0(void)
{
	uint32_t low;
	uint32_t high;

	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return (uint64_t)high << 32 | low;
}

static inline void write_xcr0(uint64_t value)
{
	__asm__ volatile("xsetbv"
			 :
			 : "a"((uint32_t)value), "d"((uint32_t)(value >> 32)), "c"(0)
			 : "memory");
}

#endif
