/* SPDX-License-Identifier: MIT */
/* The formatter: one pass over the format, bounded by the output's room. */
#include "hv/format.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct output {
	char *text;
	size_t limit; /* characters that fit, without the NUL */
	size_t length;
};

/* One conversion: what stands between % and its letter. */
struct directive {
	bool is_left;
	bool is_zero;
	unsigned int longs;
	size_t width;
	size_t precision;
};

static void put_char(struct output *out, char c)
{
	if (out->length < out->limit) {
		out->text[out->length++] = c;
	}
}

static void put_repeated(struct output *out, char c, size_t count)
{
	/* Bounded by the room, whatever width the format asks for. */
	while (count-- > 0 && out->length < out->limit) {
		put_char(out, c);
	}
}

static void put_padded(struct output *out, const struct directive *d, const char *text,
		       size_t length)
{
	size_t padding = d->width > length ? d->width - length : 0;

	if (!d->is_left) {
		put_repeated(out, ' ', padding);
	}
	for (size_t i = 0; i < length; i++) {
		put_char(out, text[i]);
	}
	if (d->is_left) {
		put_repeated(out, ' ', padding);
	}
}

static void put_number(struct output *out, struct directive *d, uint64_t value, unsigned int base,
		       bool is_negative)
{
	char digits[24];
	size_t at = sizeof(digits);

	do {
		digits[--at] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value != 0);
	if (is_negative) {
		digits[--at] = '-';
	} else if (d->is_zero) {
		size_t length = sizeof(digits) - at;

		put_repeated(out, '0', d->width > length ? d->width - length : 0);
		d->width = 0;
	}
	put_padded(out, d, digits + at, sizeof(digits) - at);
}

static size_t parse_number(const char **format)
{
	size_t value = 0;

	while (**format >= '0' && **format <= '9' && value < 10000) {
		value = value * 10 + (size_t)(*(*format)++ - '0');
	}
	return value;
}

static struct directive parse_directive(const char **format, va_list *args)
{
	struct directive d = {.precision = SIZE_MAX};

	for (; **format == '-' || **format == '0'; (*format)++) {
		d.is_left |= **format == '-';
		d.is_zero |= **format == '0';
	}
	d.width = parse_number(format);
	if ((*format)[0] == '.' && (*format)[1] == '*') {
		*format += 2;
		d.precision = (size_t)va_arg(*args, int);
	}
	for (; **format == 'l' || **format == 'z'; (*format)++) {
		d.longs++;
	}
	return d;
}

static void put_signed(struct output *out, struct directive *d, va_list *args)
{
	int64_t value = d->longs > 0 ? va_arg(*args, int64_t) : va_arg(*args, int);
	bool is_negative = value < 0;

	put_number(out, d, is_negative ? 0 - (uint64_t)value : (uint64_t)value, 10, is_negative);
}

static void put_unsigned(struct output *out, struct directive *d, va_list *args, unsigned int base)
{
	uint64_t value = d->longs > 0 ? va_arg(*args, uint64_t) : va_arg(*args, unsigned int);

	put_number(out, d, value, base, false);
}

static void put_directive(struct output *out, const char **format, va_list *args)
{
	struct directive d = parse_directive(format, args);
	const char *text;

	switch (**format) {
	case '\0': return;
	case 's':
		text = va_arg(*args, const char *);
		text = text != NULL ? text : "(null)";
		put_padded(out, &d, text, strnlen(text, d.precision));
		break;
	case 'd': put_signed(out, &d, args); break;
	case 'u': put_unsigned(out, &d, args, 10); break;
	case 'x': put_unsigned(out, &d, args, 16); break;
	case '%': put_char(out, '%'); break;
	default:
		put_char(out, '%');
		put_char(out, **format);
		break;
	}
	(*format)++;
}

size_t format_args(char *out, size_t size, const char *format, va_list args)
{
	struct output output = {.text = out, .limit = size - 1};
	va_list rest;

	va_copy(rest, args);
	while (*format != '\0') {
		char c = *format++;

		if (c == '%') {
			put_directive(&output, &format, &rest);
		} else {
			put_char(&output, c);
		}
	}
	va_end(rest);
	out[output.length] = '\0';
	return output.length;
}

size_t format_text(char *out, size_t size, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	size_t length = format_args(out, size, format, args);

	va_end(args);
	return length;
}
