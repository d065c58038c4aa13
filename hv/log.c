/* SPDX-License-Identifier: MIT */
/*
 * Lines are made on the caller's stack and handed to the console in one piece, so that this file
 * needs no lock.
 */
#include "hv/log.h"

#include <stdarg.h>

#include "arch/x86_64/exceptions.h"
#include "arch/x86_64/io.h"
#include "arch/x86_64/platform.h"
#include "arch/x86_64/percpu.h"
#include "hv/console.h"
#include "hv/format.h"

static void write_line(const char *level, const char *format, va_list args)
{
	char line[LOG_LINE_MAX];
	uint64_t khz = platform_tsc_khz();
	uint64_t ms = khz != 0 ? (rdtsc() - platform_handoff()->tsc_start) / khz : 0;
	size_t room = sizeof(line) - 1; /* for the line's end */
	size_t length;

	length = format_text(line, room, "[cpu %u %llu.%03llu] %s", this_cpu()->index,
			     (unsigned long long)(ms / 1000), (unsigned long long)(ms % 1000),
			     level);
	length += format_args(line + length, room - length, format, args);
	line[length++] = '\n';
	console_write(line, length);
}

void log_line(const char *level, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	write_line(level, format, args);
	va_end(args);
}

void panic(const char *format, ...)
{
	va_list args;

	if (platform_stop_others()) {
		va_start(args, format);
		write_line("panic: ", format, args);
		va_end(args);
		exceptions_print_stack((uint64_t)__builtin_frame_address(0));
	}
	platform_power_off(1);
}
