/* SPDX-License-Identifier: MIT */
/*
 * Memory and string functions of ring 0. The string instructions are used because ring 0 has no
 * SSE, and because they are at memory speed on every CPU with "enhanced REP MOVSB" (Intel
 * Optimization Manual, 3.7.6). Words first: CPUs without that feature move them faster.
 *
 * The names stand in parentheses to keep the macros of string.h out.
 */
#include <string.h>

#include <stdint.h>

void *(memcpy)(void *restrict destination, const void *restrict source, size_t size)
{
	void *d = destination;
	const void *s = source;
	size_t words = size / 8;

	__asm__ volatile("rep movsq\n\t"
			 "mov %3, %%rcx\n\t"
			 "rep movsb"
			 : "+&D"(d), "+&S"(s), "+&c"(words)
			 : "r"(size % 8)
			 : "memory");
	return destination;
}

static void copy_backwards(unsigned char *destination, const unsigned char *source, size_t size)
{
	unsigned char *d = destination + size - 1;
	const unsigned char *s = source + size - 1;

	__asm__ volatile("std\n\t"
			 "rep movsb\n\t"
			 "cld"
			 : "+D"(d), "+S"(s), "+c"(size)
			 :
			 : "memory");
}

void *(memmove)(void *destination, const void *source, size_t size)
{
	if ((uintptr_t)destination - (uintptr_t)source >= size) {
		return memcpy(destination, source, size);
	}
	copy_backwards(destination, source, size);
	return destination;
}

void *(memset)(void *destination, int value, size_t size)
{
	void *d = destination;
	size_t words = size / 8;
	uint64_t pattern = 0x0101010101010101ULL * (uint8_t)value;

	__asm__ volatile("rep stosq\n\t"
			 "mov %2, %%rcx\n\t"
			 "rep stosb"
			 : "+&D"(d), "+&c"(words)
			 : "r"(size % 8), "a"(pattern)
			 : "memory");
	return destination;
}

int(memcmp)(const void *a, const void *b, size_t size)
{
	const unsigned char *x = a;
	const unsigned char *y = b;

	for (size_t i = 0; i < size; i++) {
		if (x[i] != y[i]) {
			return x[i] - y[i];
		}
	}
	return 0;
}

size_t(strnlen)(const char *text, size_t limit)
{
	size_t length = 0;

	while (length < limit && text[length] != '\0') {
		length++;
	}
	return length;
}
