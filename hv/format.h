/* SPDX-License-Identifier: MIT */
/*
 * A small formatter for ring 0: %s %d %u %x with -, 0, width, .precision of %s (a number or *),
 * l, ll, z; and %%. Anything else is printed as it stands. Pure: no lock.
 */
#ifndef HV_FORMAT_H
#define HV_FORMAT_H

#include <stdarg.h>
#include <stddef.h>

/* Writes at most size - 1 characters and a NUL (size must not be 0); returns the characters
 * written: what does not fit is cut. */
size_t format_args(char *out, size_t size, const char *format, va_list args);

__attribute__((format(printf, 3, 4))) size_t format_text(char *out, size_t size, const char *format,
							 ...);

#endif
