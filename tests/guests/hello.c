// SPDX-License-Identifier: MIT
/*
 * The smallest partition: says what it is and what it was given. Its exit code is the first
 * argument, 0 without one; "fault" as argument dereferences a null pointer.
 */
#include "appliance/runtime/mux.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_modules(void)
{
	const char *name;
	size_t size;

	for (size_t i = 0; mux_module_at(i, &name, &size) != NULL; i++) {
		printf("hello: module %s, %zu bytes\n", name, size);
	}
}

/* Not a tail call: something is left to do with every frame. */
__attribute__((noinline)) static unsigned int recurse(unsigned int depth)
{
	volatile unsigned char frame[256];

	frame[depth % sizeof(frame)] = 1;
	if (depth == 0xffffffff) {
		return 0;
	}
	return recurse(depth + 1) + frame[depth % sizeof(frame)];
}

static void misbehave(const char *how)
{
	if (strcmp(how, "fault") == 0) {
		volatile int *null = NULL;

		*null = 1;
	} else if (strcmp(how, "overflow") == 0) {
		printf("hello: %u frames\n", recurse(0));
	} else if (strcmp(how, "code") == 0) {
		*(volatile char *)(uintptr_t)recurse = 0;
	}
}

int main(int argc, char **argv)
{
	printf("hello from %s, CID %u, TSC %llu kHz, ABI %d\n", argv[0], mux_cid(),
	       (unsigned long long)mux_tsc_khz(), mux_abi_version());
	for (int i = 1; i < argc; i++) {
		printf("hello: argument %d is \"%s\"\n", i, argv[i]);
	}
	print_modules();
	if (argc > 1) {
		misbehave(argv[1]);
	}
	return argc > 1 ? atoi(argv[1]) : 0;
}
