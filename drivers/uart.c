/* SPDX-License-Identifier: MIT */
/* 16550A data sheet (PC16550D), section 8. */
#include "drivers/uart.h"

#include "arch/x86_64/io.h"

enum uart_register {
	UART_DATA = 0,	 /* divisor low with DLAB */
	UART_ENABLE = 1, /* interrupts; divisor high with DLAB */
	UART_FIFO = 2,
	UART_LINE = 3,
	UART_MODEM = 4,
	UART_STATUS = 5,
	UART_SCRATCH = 7,
};

#define LINE_8N1       0x03U
#define LINE_DLAB      0x80U
#define FIFO_ENABLE    0x07U /* and both cleared */
#define MODEM_DTR_RTS  0x03U
#define STATUS_EMPTY   0x20U
#define DIVISOR_115200 1U
#define FIFO_SIZE      16U

/* A full FIFO takes 1.4 ms to send; a port read takes about 1 us on real machines. */
#define WAIT_LIMIT 20000U

static void write_register(const struct uart *uart, enum uart_register number, uint8_t value)
{
	outb((uint16_t)(uart->port + number), value);
}

static uint8_t read_register(const struct uart *uart, enum uart_register number)
{
	return inb((uint16_t)(uart->port + number));
}

static bool answers(const struct uart *uart)
{
	write_register(uart, UART_SCRATCH, 0x5a);
	if (read_register(uart, UART_SCRATCH) != 0x5a) {
		return false;
	}
	write_register(uart, UART_SCRATCH, 0xa5);
	return read_register(uart, UART_SCRATCH) == 0xa5;
}

bool uart_init(struct uart *uart, uint16_t port)
{
	*uart = (struct uart){.port = port};
	if (!answers(uart)) {
		return false;
	}
	write_register(uart, UART_ENABLE, 0);
	write_register(uart, UART_LINE, LINE_DLAB);
	write_register(uart, UART_DATA, DIVISOR_115200);
	write_register(uart, UART_ENABLE, 0);
	write_register(uart, UART_LINE, LINE_8N1);
	write_register(uart, UART_FIFO, FIFO_ENABLE);
	write_register(uart, UART_MODEM, MODEM_DTR_RTS);
	uart->is_usable = true;
	return true;
}

static bool wait_until_empty(struct uart *uart)
{
	for (uint32_t i = 0; i < WAIT_LIMIT; i++) {
		if ((read_register(uart, UART_STATUS) & STATUS_EMPTY) != 0) {
			return true;
		}
	}
	uart->is_usable = false;
	return false;
}

/* Room for a character in the FIFO, of which `used` counts what was put there since it was empty.
 */
static bool put_char(struct uart *uart, char c, uint32_t *used)
{
	if (*used == FIFO_SIZE) {
		if (!wait_until_empty(uart)) {
			return false;
		}
		*used = 0;
	}
	write_register(uart, UART_DATA, (uint8_t)c);
	(*used)++;
	return true;
}

void uart_write(struct uart *uart, const char *text, size_t length)
{
	uint32_t used = FIFO_SIZE; /* not known: wait first */

	for (size_t i = 0; i < length && uart->is_usable; i++) {
		if (text[i] == '\n' && !put_char(uart, '\r', &used)) {
			return;
		}
		if (!put_char(uart, text[i], &used)) {
			return;
		}
	}
}
