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

int main(int argc, char **argv)
{
	printf("hello from %s, CID %u, TSC %llu kHz, ABI %d\n", argv[0], mux_cid(),
	       (unsigned long long)mux_tsc_khz(), mux_abi_version());
	for (int i = 1; i < argc; i++) {
		printf("hello: argument %d is \"%s\"\n", i, argv[i]);
	}
	print_modules();
	if (argc > 1 && strcmp(argv[1], "fault") == 0) {
		volatile int *null = NULL;

		*null = 1;
	}
	return argc > 1 ? atoi(argv[1]) : 0;
}
