/* SPDX-License-Identifier: MIT */
/*
 * The few memory and string functions of ring 0, as ISO C defines them. Any CPU, no lock.
 *
 * The macros let the compiler expand calls of small constant size in place, which -ffreestanding
 * would forbid otherwise.
 */
#ifndef HV_LIBC_STRING_H
#define HV_LIBC_STRING_H

#include <stddef.h>

void *memcpy(void *restrict destination, const void *restrict source, size_t size);
void *memmove(void *destination, const void *source, size_t size);
void *memset(void *destination, int value, size_t size);
int memcmp(const void *a, const void *b, size_t size);
size_t strnlen(const char *text, size_t limit);

#define memcpy(d, s, n)	 __builtin_memcpy((d), (s), (n))
#define memmove(d, s, n) __builtin_memmove((d), (s), (n))
#define memset(d, v, n)	 __builtin_memset((d), (v), (n))
#define memcmp(a, b, n)	 __builtin_memcmp((a), (b), (n))

#endif
