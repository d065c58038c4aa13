/* SPDX-License-Identifier: MIT */
#include "hv/vuart.h"

/* Registers of a 16550A, by offset; some share one by direction or by DLAB. */
enum {
	REG_DATA = 0,		  /* RBR, THR; DLAB: divisor low */
	REG_INTERRUPT_ENABLE = 1, /* DLAB: divisor high */
	REG_IDENTIFY = 2,	  /* IIR read, FCR write */
	REG_LINE_CONTROL = 3,
	REG_MODEM_CONTROL = 4,
	REG_LINE_STATUS = 5,
	REG_MODEM_STATUS = 6,
	REG_SCRATCH = 7,
};

#define IER_VALID	0x0fU
#define IER_RECEIVED	0x01U
#define IER_EMPTY	0x02U
#define IIR_NONE	0x01U
#define IIR_EMPTY	0x02U
#define IIR_RECEIVED	0x04U
#define IIR_FIFO	0xc0U
#define FCR_ENABLE	0x01U
#define FCR_VALID	0xc9U
#define LCR_DLAB	0x80U
#define MCR_VALID	0x1fU
#define MCR_DTR		0x01U
#define MCR_RTS		0x02U
#define MCR_OUT1	0x04U
#define MCR_OUT2	0x08U
#define MCR_LOOP	0x10U
#define LSR_DATA_READY	0x01U
#define LSR_EMPTY	0x60U /* THRE, TEMT: the transmitter is never busy */
#define MSR_CTS		0x10U
#define MSR_DSR		0x20U
#define MSR_RI		0x40U
#define MSR_DCD		0x80U
#define ESCAPE_LENGTH	4U /* \xNN */
#define DIVISOR_115200	1U
#define FIRST_PRINTABLE 0x20U
#define DELETE_CHAR	0x7fU

/* --- output --- */

static void emit(struct vuart *uart)
{
	uart->line(uart->owner, uart->text, uart->text_count);
	uart->text_count = 0;
}

/* Appends what belongs together; a line in which it has no room ends before it. */
static void append(struct vuart *uart, const char *text, uint32_t length)
{
	if (uart->text_count + length > VUART_LINE_MAX) {
		emit(uart);
	}
	for (uint32_t i = 0; i < length; i++) {
		uart->text[uart->text_count++] = text[i];
	}
}

static void append_escaped(struct vuart *uart, uint8_t byte)
{
	static const char digits[] = "0123456789abcdef";
	const char text[ESCAPE_LENGTH] = {'\\', 'x', digits[byte >> 4], digits[byte & 15U]};

	append(uart, text, ESCAPE_LENGTH);
}

static void transmit(struct vuart *uart, uint8_t byte)
{
	if (byte == '\n') {
		emit(uart);
	} else if (byte == '\r') {
		return;
	} else if (byte == '\t' || (byte >= FIRST_PRINTABLE && byte < DELETE_CHAR)) {
		append(uart, (const char *)&byte, 1);
	} else {
		append_escaped(uart, byte);
	}
}

void vuart_flush(struct vuart *uart)
{
	if (uart->text_count != 0) {
		emit(uart);
	}
}

/* --- registers --- */

void vuart_reset(struct vuart *uart)
{
	vuart_line_fn line = uart->line;
	void *owner = uart->owner;

	vuart_flush(uart);
	*uart = (struct vuart){.line = line, .owner = owner, .divisor_low = DIVISOR_115200};
}

void vuart_init(struct vuart *uart, vuart_line_fn line, void *owner)
{
	*uart = (struct vuart){.line = line, .owner = owner};
	vuart_reset(uart);
}

static uint8_t read_data(struct vuart *uart)
{
	uint8_t byte = uart->has_loop_byte ? uart->loop_byte : 0;

	uart->has_loop_byte = false;
	return byte;
}

static uint8_t read_identify(struct vuart *uart)
{
	uint8_t fifo = (uart->fifo_control & FCR_ENABLE) != 0 ? IIR_FIFO : 0;

	if (uart->has_loop_byte && (uart->interrupt_enable & IER_RECEIVED) != 0) {
		return fifo | IIR_RECEIVED;
	}
	if (uart->has_empty_event && (uart->interrupt_enable & IER_EMPTY) != 0) {
		uart->has_empty_event = false; /* reading it clears it */
		return fifo | IIR_EMPTY;
	}
	return fifo | IIR_NONE;
}

/* In loopback the modem outputs are its inputs; else a terminal is always there. */
static uint8_t read_modem_status(const struct vuart *uart)
{
	uint8_t control = uart->modem_control;
	uint32_t status = 0;

	if ((control & MCR_LOOP) == 0) {
		return MSR_CTS | MSR_DSR | MSR_DCD;
	}
	status |= (control & MCR_RTS) != 0 ? MSR_CTS : 0;
	status |= (control & MCR_DTR) != 0 ? MSR_DSR : 0;
	status |= (control & MCR_OUT1) != 0 ? MSR_RI : 0;
	status |= (control & MCR_OUT2) != 0 ? MSR_DCD : 0;
	return (uint8_t)status;
}

uint8_t vuart_read(struct vuart *uart, uint16_t port)
{
	bool dlab = (uart->line_control & LCR_DLAB) != 0;

	switch (port % VUART_PORT_COUNT) {
	case REG_DATA: return dlab ? uart->divisor_low : read_data(uart);
	case REG_INTERRUPT_ENABLE: return dlab ? uart->divisor_high : uart->interrupt_enable;
	case REG_IDENTIFY: return read_identify(uart);
	case REG_LINE_CONTROL: return uart->line_control;
	case REG_MODEM_CONTROL: return uart->modem_control;
	case REG_LINE_STATUS: return uart->has_loop_byte ? LSR_EMPTY | LSR_DATA_READY : LSR_EMPTY;
	case REG_MODEM_STATUS: return read_modem_status(uart);
	default: return uart->scratch;
	}
}

static void write_data(struct vuart *uart, uint8_t value)
{
	if ((uart->modem_control & MCR_LOOP) != 0) {
		uart->loop_byte = value;
		uart->has_loop_byte = true;
	} else {
		transmit(uart, value);
	}
	uart->has_empty_event = true;
}

static void write_interrupt_enable(struct vuart *uart, uint8_t value)
{
	if ((value & IER_EMPTY) != 0 && (uart->interrupt_enable & IER_EMPTY) == 0) {
		uart->has_empty_event = true;
	}
	uart->interrupt_enable = value & IER_VALID;
}

void vuart_write(struct vuart *uart, uint16_t port, uint8_t value)
{
	bool dlab = (uart->line_control & LCR_DLAB) != 0;

	switch (port % VUART_PORT_COUNT) {
	case REG_DATA:
		if (dlab) {
			uart->divisor_low = value;
		} else {
			write_data(uart, value);
		}
		return;
	case REG_INTERRUPT_ENABLE:
		if (dlab) {
			uart->divisor_high = value;
		} else {
			write_interrupt_enable(uart, value);
		}
		return;
	case REG_IDENTIFY: uart->fifo_control = value & FCR_VALID; return;
	case REG_LINE_CONTROL: uart->line_control = value; return;
	case REG_MODEM_CONTROL: uart->modem_control = value & MCR_VALID; return;
	case REG_SCRATCH: uart->scratch = value; return;
	default: return; /* status registers */
	}
}
