/* SPDX-License-Identifier: MIT */
/*
 * The host's 16550 UART at a port: output, polled. No lock: the caller serialises
 * (arch/x86_64/console.c).
 */
#ifndef DRIVERS_UART_H
#define DRIVERS_UART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UART_COM1 0x3f8U

struct uart {
	uint16_t port;
	bool is_usable;
};

/* Sets 115200 8n1 with FIFO. False when no UART answers at `port`. */
bool uart_init(struct uart *uart, uint16_t port);

/* Writes with CR before LF. A UART that does not take a character in time is given up. */
void uart_write(struct uart *uart, const char *text, size_t length);

#endif
