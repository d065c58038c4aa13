/* SPDX-License-Identifier: MIT */
/* The virtual 16550: registers as Linux' 8250 driver probes them, and what reaches the operator. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "hv/vuart.h"

enum { DATA, IER, IIR_FCR, LCR, MCR, LSR, MSR, SCR };

static struct vuart uart;
static char seen[65536]; /* all lines, each ended by '\n' */
static uint32_t seen_count;
static uint32_t lines;

static void on_line(void *owner, const char *text, uint32_t length)
{
	assert_ptr_equal(owner, &uart);
	assert_true(length <= VUART_LINE_MAX);
	assert_true(seen_count + length + 2 <= sizeof(seen));
	memcpy(&seen[seen_count], text, length);
	seen_count += length;
	seen[seen_count++] = '\n';
	seen[seen_count] = 0;
	lines++;
}

static int setup(void **state)
{
	(void)state;
	seen_count = 0;
	seen[0] = 0;
	lines = 0;
	vuart_init(&uart, on_line, &uart);
	return 0;
}

static uint8_t in(uint16_t offset)
{
	return vuart_read(&uart, (uint16_t)(VUART_PORT_FIRST + offset));
}

static void out(uint16_t offset, uint8_t value)
{
	vuart_write(&uart, (uint16_t)(VUART_PORT_FIRST + offset), value);
}

static void print(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		out(DATA, (uint8_t)text[i]);
	}
}

#define PRINT(text) print(text, sizeof(text) - 1)

static void test_lines(void **state)
{
	(void)state;
	PRINT("hello\r\n\tworld\n\nrest");
	assert_string_equal(seen, "hello\n\tworld\n\n");
	vuart_flush(&uart);
	vuart_flush(&uart);
	assert_string_equal(seen, "hello\n\tworld\n\nrest\n");
	PRINT("cut");
	vuart_reset(&uart);
	assert_int_equal(lines, 5);
}

static void test_long_line(void **state)
{
	(void)state;
	char text[VUART_LINE_MAX];

	memset(text, 'x', sizeof(text));
	print(text, sizeof(text));
	assert_int_equal(lines, 0);
	PRINT("y\n");
	assert_int_equal(lines, 2);
	assert_string_equal(&seen[VUART_LINE_MAX], "\ny\n");
	/* An escape is not torn apart at the end of a line. */
	setup(NULL);
	print(text, sizeof(text) - 1);
	PRINT("\xe2\n");
	assert_string_equal(&seen[VUART_LINE_MAX - 1], "\n\\xe2\n");
}

static void expect_shown(const char *text, size_t length, const char *shown)
{
	setup(NULL);
	print(text, length);
	PRINT("\n");
	seen[seen_count - 1] = 0;
	assert_string_equal(seen, shown);
}

#define SHOWN(text, shown) expect_shown(text, sizeof(text) - 1, shown)

static void test_escapes(void **state)
{
	(void)state;
	SHOWN("\x1b[2J\x07", "\\x1b[2J\\x07");
	SHOWN("\0\x7f", "\\x00\\x7f");
	SHOWN("\x9b\xff", "\\x9b\\xff");
	SHOWN("gr\xc3\xbc", "gr\\xc3\\xbc");
	SHOWN("\xc2\x9b"
	      "2J",
	      "\\xc2\\x9b2J");			  /* C1 CSI */
	SHOWN("\xe2\x80\xae", "\\xe2\\x80\\xae"); /* right-to-left override */
}

/* Whatever bytes come: only printable ASCII and tab arrive. */
static void test_random_output_is_clean(void **state)
{
	(void)state;
	srand(7);
	for (uint32_t i = 0; i < 10000; i++) {
		out(DATA, (uint8_t)((rand() >> 4) | (i % 3 == 0 ? 0x80 : 0)));
	}
	vuart_flush(&uart);
	assert_true(lines > 10);
	for (uint32_t i = 0; i < seen_count; i++) {
		uint8_t c = (uint8_t)seen[i];

		assert_true(c == '\n' || c == '\t' || (c >= 0x20 && c < 0x7f));
	}
}

/* The steps of autoconfig() and autoconfig_16550a() of Linux' 8250 driver. */
static void test_linux_autoconfig(void **state)
{
	(void)state;
	uint8_t mcr = in(MCR);
	uint8_t lcr = in(LCR);

	out(IER, 0);
	assert_int_equal(in(IER)&0x0f, 0);
	out(IER, 0x0f);
	assert_int_equal(in(IER)&0x0f, 0x0f);
	out(IER, 0);
	out(MCR, 0x10 | 0x0a);
	assert_int_equal(in(MSR)&0xf0, 0x90);
	out(MCR, mcr);
	out(LCR, 0xbf);
	out(IIR_FCR, 0); /* EFR of a 16650 */
	out(LCR, 0);
	out(IIR_FCR, 1);
	assert_int_equal(in(IIR_FCR)&0xc0, 0xc0); /* 16550A */
	out(LCR, 0x80);
	assert_int_not_equal(in(IIR_FCR), 0); /* no 16650 EFR */
	out(LCR, 0xbf);
	assert_int_not_equal(in(IIR_FCR), 0); /* no 16850 */
	out(LCR, 0);
	out(IIR_FCR, 0x21);
	assert_int_equal(in(IIR_FCR) >> 5, 6); /* no 64-byte FIFO (16750) */
	out(LCR, 0x80);
	out(IIR_FCR, 0x21);
	assert_int_equal(in(IIR_FCR) >> 5, 6);
	out(LCR, 0);
	out(IIR_FCR, 1);
	out(IER, 0x40);
	assert_int_equal(in(IER)&0x40, 0); /* no XScale */
	out(LCR, lcr);
	out(SCR, 0x5a);
	assert_int_equal(in(SCR), 0x5a);
	assert_int_equal(lines, 0);
}

static void test_divisor_latch(void **state)
{
	(void)state;
	out(IER, 0x05);
	out(LCR, 0x83);
	out(DATA, 0x0c);
	out(IER, 0x01);
	assert_int_equal(in(DATA), 0x0c);
	assert_int_equal(in(IER), 0x01);
	out(LCR, 0x03);
	assert_int_equal(in(IER), 0x05);
	assert_int_equal(in(DATA), 0);
	vuart_flush(&uart);
	assert_int_equal(lines, 0);
}

static void test_status(void **state)
{
	(void)state;
	assert_int_equal(in(LSR), 0x60);
	assert_int_equal(in(MSR), 0xb0);
	out(LSR, 0xff);
	out(MSR, 0xff);
	assert_int_equal(in(LSR), 0x60);
	assert_int_equal(in(MSR), 0xb0);
	/* "Transmitter empty" is told once for each enabling and each byte. */
	assert_int_equal(in(IIR_FCR), 0x01);
	out(IER, 0x02);
	assert_int_equal(in(IIR_FCR), 0x02);
	assert_int_equal(in(IIR_FCR), 0x01);
	out(DATA, 'a');
	assert_int_equal(in(IIR_FCR), 0x02);
	out(IER, 0);
	assert_int_equal(in(IIR_FCR), 0x01);
}

static void test_loopback(void **state)
{
	(void)state;
	out(MCR, 0x1e);
	out(DATA, 0xae);
	assert_int_equal(in(LSR), 0x61);
	out(IER, 1);
	assert_int_equal(in(IIR_FCR), 0x04);
	assert_int_equal(in(DATA), 0xae);
	assert_int_equal(in(LSR), 0x60);
	assert_int_equal(in(IIR_FCR), 0x01);
	assert_int_equal(in(MSR), 0xd0);
	out(MCR, 0x01 | 0x10);
	assert_int_equal(in(MSR), 0x20);
	out(MCR, 0);
	vuart_flush(&uart);
	assert_int_equal(lines, 0); /* nothing of it reached the console */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_lines, setup),
		cmocka_unit_test_setup(test_long_line, setup),
		cmocka_unit_test_setup(test_escapes, setup),
		cmocka_unit_test_setup(test_random_output_is_clean, setup),
		cmocka_unit_test_setup(test_linux_autoconfig, setup),
		cmocka_unit_test_setup(test_divisor_latch, setup),
		cmocka_unit_test_setup(test_status, setup),
		cmocka_unit_test_setup(test_loopback, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
