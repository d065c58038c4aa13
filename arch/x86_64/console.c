/* SPDX-License-Identifier: MIT */
/* The console of a PC: port 0xe9 of Bochs and QEMU, which answers with its own number, else COM1.
 */
#include "hv/console.h"

#include "arch/x86_64/io.h"
#include "drivers/uart.h"
#include "hv/lock.h"

#define DEBUG_PORT	  0xe9U
#define DEBUG_PORT_ANSWER 0xe9U

/* A line at 115200 baud takes 22 ms; a turn of the loop at least 20 ns. */
#define BREAK_WAIT_LIMIT 2000000U

static struct spinlock lock;
static struct uart uart; /* under lock */
static bool is_emulator;
static _Atomic bool is_lock_broken;

void console_init(void)
{
	is_emulator = inb(DEBUG_PORT) == DEBUG_PORT_ANSWER;
	if (!is_emulator) {
		uart_init(&uart, UART_COM1);
	}
}

static void write_out(const char *text, size_t length)
{
	if (is_emulator) {
		outsb(DEBUG_PORT, text, length);
	} else {
		uart_write(&uart, text, length);
	}
}

void console_write(const char *text, size_t length)
{
	if (atomic_load(&is_lock_broken)) {
		write_out(text, length);
		return;
	}
	spin_lock(&lock);
	write_out(text, length);
	spin_unlock(&lock);
}

/* Draws a ticket that is never given back: who holds the lock ends its line, later ones wait until
 * they are stopped. */
void console_break_lock(void)
{
	uint32_t ticket = atomic_fetch_add(&lock.next, 1);

	for (uint32_t i = 0; i < BREAK_WAIT_LIMIT && atomic_load(&lock.serving) != ticket; i++) {
		__builtin_ia32_pause();
	}
	atomic_store(&is_lock_broken, true);
}

bool console_is_emulator(void)
{
	return is_emulator;
}
