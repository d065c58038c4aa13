/* SPDX-License-Identifier: MIT */
/*
 * The loader's text: to the firmware's console, and to the debug console of an emulator (port 0xe9)
 * where there is one.
 */
#ifndef ARCH_X86_64_BOOT_CONSOLE_H
#define ARCH_X86_64_BOOT_CONSOLE_H

#include "arch/x86_64/boot/loader.h"

void console_init(EFI_SYSTEM_TABLE *system);

/* %s (ASCII), %u (uint64_t, decimal), %x (uint64_t, hexadecimal). ASCII; \n ends a line. */
void console_print(const char *format, ...);

/* True in an emulator whose debug console answers on port 0xe9. */
bool console_has_debug_port(void);

#endif
