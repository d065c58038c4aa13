/* SPDX-License-Identifier: MIT */
/* The loader's text: see console.h. */
#include "arch/x86_64/boot/console.h"

#include <stdarg.h>

#include "arch/x86_64/io.h"

#define PORT_DEBUG	  0xe9U
#define PORT_DEBUG_ANSWER 0xe9U /* Bochs (port_e9_hack) and QEMU (isa-debugcon) read back so */

static SIMPLE_TEXT_OUTPUT_INTERFACE *firmware;
static bool has_debug_port;

void console_init(EFI_SYSTEM_TABLE *system)
{
	firmware = system->ConOut;
	has_debug_port = inb(PORT_DEBUG) == PORT_DEBUG_ANSWER;
}

bool console_has_debug_port(void)
{
	return has_debug_port;
}

static void print_char(char c)
{
	CHAR16 text[3] = {(CHAR16)c, 0, 0};

	if (has_debug_port) {
		outb(PORT_DEBUG, (uint8_t)c);
	}
	if (c == '\n') {
		text[0] = '\r';
		text[1] = '\n';
	}
	firmware->OutputString(firmware, text);
}

static void print_text(const char *text)
{
	while (*text != '\0') {
		print_char(*text++);
	}
}

static void print_number(uint64_t value, uint64_t base)
{
	char digits[21];
	char *position = digits + sizeof(digits) - 1;

	*position = '\0';
	do {
		*--position = "0123456789abcdef"[value % base];
		value /= base;
	} while (value != 0);
	print_text(position);
}

void console_print(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	for (; *format != '\0'; format++) {
		if (*format != '%') {
			print_char(*format);
			continue;
		}
		switch (*++format) {
		case 's': print_text(va_arg(arguments, const char *)); break;
		case 'u': print_number(va_arg(arguments, uint64_t), 10); break;
		case 'x': print_number(va_arg(arguments, uint64_t), 16); break;
		default: print_char('%'); return;
		}
	}
	va_end(arguments);
}
