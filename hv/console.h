/* SPDX-License-Identifier: MIT */
/*
 * The machine's console: an emulator's debug port, else the first UART. Output only.
 */
#ifndef HV_CONSOLE_H
#define HV_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>

/* Looks for the device. Bootstrap CPU, once, before any output. */
void console_init(void);

/*
 * Writes `length` bytes unbroken by other CPUs (console lock, the innermost of all). Any CPU. Never
 * waits for long: a device that takes no characters is given up. After console_break_lock() it
 * takes no lock.
 */
void console_write(const char *text, size_t length);

/* For the panic path, before the other CPUs are stopped: waits a bounded time for the line that is
 * being written (the caller's own, perhaps), then takes the console for the rest of time. */
void console_break_lock(void);

/* The debug port of an emulator (Bochs, QEMU) answered in console_init(). */
bool console_is_emulator(void);

#endif
