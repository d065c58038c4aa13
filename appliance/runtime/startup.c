// SPDX-License-Identifier: MIT
/*
 * Start of a bare-metal partition in C: checks the boot information, places stack and heap, and
 * runs main.
 */
#include "appliance/runtime/runtime.h"

#include <stdlib.h>
#include <string.h>

#define STACK_SIZE    0x80000ULL
#define PAGE	      0x1000ULL
#define IDENTITY_END  0x100000000ULL /* the start-up page tables map 4 GiB */
#define ARGUMENTS_MAX 64
#define HEAP_SIZE_MIN 0x10000ULL

int main(int argc, char **argv);
uint64_t runtime_prepare(const struct mux_guest_boot *boot);
__attribute__((noreturn)) void runtime_main(void);

static char argument_text[MUX_GUEST_ARGS_SIZE];

void runtime_fatal(const char *message)
{
	console_write_string("runtime: ");
	console_write_string(message);
	console_write_string("\n");
	mux_exit(RUNTIME_EXIT_FATAL);
}

static void check_boot(const struct mux_guest_boot *boot)
{
	if (boot == NULL || boot->magic != MUX_GUEST_BOOT_MAGIC) {
		runtime_fatal("no boot information");
	}
	if (boot->version != MUX_GUEST_BOOT_VERSION || boot->size != sizeof(*boot)) {
		runtime_fatal("boot information of another version");
	}
	if (boot->module_count > MUX_GUEST_MODULES_MAX) {
		runtime_fatal("too many modules");
	}
}

/* The stack lies at the top of the free memory with an absent page below it, the heap under that.
 * Returns the stack's top. On the small boot stack still. */
uint64_t runtime_prepare(const struct mux_guest_boot *boot)
{
	uint64_t start, end, stack_low;

	hypercalls_init();
	check_boot(boot);
	exceptions_init();
	start = (boot->free_start + PAGE - 1) & ~(PAGE - 1);
	end = (boot->free_end < IDENTITY_END ? boot->free_end : IDENTITY_END) & ~(PAGE - 1);
	if (end < start || end - start < STACK_SIZE + PAGE + HEAP_SIZE_MIN) {
		runtime_fatal("not enough memory for stack and heap");
	}
	stack_low = end - STACK_SIZE;
	memory_map_init(stack_low);
	syscalls_set_heap(start, stack_low - PAGE);
	modules_init(boot);
	return end;
}

void runtime_main(void)
{
	/* argv[0], the arguments, NULL */
	static char *argv[ARGUMENTS_MAX + 2];
	const struct mux_guest_boot *boot = mux_boot();
	int count;

	clock_init();
	idle_init();
	memcpy(argument_text, boot->args, sizeof(argument_text));
	argument_text[sizeof(argument_text) - 1] = 0;
	argv[0] = (char *)(uintptr_t)mux_partition_name();
	count = 1 + arguments_split(argument_text, argv + 1, ARGUMENTS_MAX);
	argv[count] = NULL;
	exit(main(count, argv));
}
