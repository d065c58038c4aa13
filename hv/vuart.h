/* SPDX-License-Identifier: MIT */
/*
 * Virtual 16550A at ports 0x3f8-0x3ff: output only, always ready, no interrupt line (drivers poll
 * or use a timer). Registers behave as Linux' 8250 driver probes them.
 *
 * Output becomes lines of printable ASCII and tabs; every other byte shows as \xNN, so that a guest
 * sends no terminal escapes to the operator. CR is dropped.
 * Locks: the partition's device lock; the line callback runs with it held.
 */
#ifndef HV_VUART_H
#define HV_VUART_H

#include "hv/types.h"

#define VUART_PORT_FIRST 0x3f8U
#define VUART_PORT_COUNT 8U
#define VUART_LINE_MAX	 200U

/* A line without its newline; not terminated by 0; may be empty. */
typedef void (*vuart_line_fn)(void *owner, const char *text, uint32_t length);

struct vuart {
	vuart_line_fn line; /* constant */
	void *owner;	    /* constant */
	uint8_t divisor_low;
	uint8_t divisor_high;
	uint8_t interrupt_enable;
	uint8_t fifo_control;
	uint8_t line_control;
	uint8_t modem_control;
	uint8_t scratch;
	uint8_t loop_byte;
	bool has_loop_byte;
	bool has_empty_event; /* "transmitter empty" to be told by IIR */
	uint32_t text_count;
	char text[VUART_LINE_MAX];
};

void vuart_init(struct vuart *uart, vuart_line_fn line, void *owner);

/* Register state after reset. An unfinished line is flushed. */
void vuart_reset(struct vuart *uart);

/* `port` is in VUART_PORT_FIRST.. + COUNT. Byte registers: of a wider write only the low byte
 * counts. */
uint8_t vuart_read(struct vuart *uart, uint16_t port);
void vuart_write(struct vuart *uart, uint16_t port, uint8_t value);

/* Hands over an unfinished line (partition stops, or a while without output). */
void vuart_flush(struct vuart *uart);

#endif
