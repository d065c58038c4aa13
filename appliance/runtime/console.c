// SPDX-License-Identifier: MIT
/*
 * Output on the partition's UART: the virtual 16550 takes a byte with every write, so the line
 * status need not be asked. Each byte costs an exit.
 */
#include "appliance/runtime/runtime.h"

#include <string.h>

#define UART_DATA 0x3f8

void console_write(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		__asm__ volatile("outb %0, %1" : : "a"(text[i]), "d"((uint16_t)UART_DATA));
	}
}

void console_write_string(const char *text)
{
	console_write(text, strlen(text));
}

void console_write_hex(uint64_t value)
{
	char text[16];
	size_t first = sizeof(text);

	do {
		text[--first] = "0123456789abcdef"[value % 16];
		value /= 16;
	} while (value != 0);
	console_write(text + first, sizeof(text) - first);
}
