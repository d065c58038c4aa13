/* SPDX-License-Identifier: MIT */
/*
 * Address types of ring 0. Guest-physical and host-physical addresses are distinct struct types, so
 * that the compiler refuses to mix them; host-virtual addresses are ordinary pointers.
 */
#ifndef HV_TYPES_H
#define HV_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
	uint64_t value;
} gpa_t; /* guest-physical address */

typedef struct {
	uint64_t value;
} hpa_t; /* host-physical address */

#define PAGE_SIZE    0x1000ULL
#define PAGE_SIZE_2M 0x200000ULL
#define PAGE_SIZE_1G 0x40000000ULL

#define ARRAY_COUNT(a) (sizeof(a) / sizeof((a)[0]))

static inline gpa_t gpa(uint64_t value)
{
	return (gpa_t){value};
}

static inline hpa_t hpa(uint64_t value)
{
	return (hpa_t){value};
}

static inline uint64_t align_up(uint64_t value, uint64_t alignment)
{
	return (value + alignment - 1) & ~(alignment - 1);
}

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/*
 * index when it is below count, else 0, without a branch that the CPU could predict: for indices
 * that a guest chose, after the check and before the use (bounds-check bypass, CVE-2017-5753).
 */
static inline size_t index_clamp(size_t index, size_t count)
{
	size_t mask;

	__asm__("cmp %2, %1\n\tsbb %0, %0" : "=r"(mask) : "r"(index), "r"(count) : "cc");
	return index & mask;
}

#endif
