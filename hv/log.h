/* SPDX-License-Identifier: MIT */
/*
 * Log of ring 0: lines on the machine's console. Callable from every CPU, with any lock but the
 * console lock held. A line longer than LOG_LINE_MAX is cut. Nothing that a guest writes is used as
 * format.
 *
 * Formats: %s %d %u %x with l, ll, z, width and 0; %% (subset of C's printf).
 */
#ifndef HV_LOG_H
#define HV_LOG_H

#define LOG_LINE_MAX 256U

__attribute__((format(printf, 1, 2))) void log_info(const char *format, ...);
__attribute__((format(printf, 1, 2))) void log_warn(const char *format, ...);
__attribute__((format(printf, 1, 2))) void log_error(const char *format, ...);

/* Prints and stops the whole machine: only for what ring 0 itself got wrong, never for guest input.
 */
__attribute__((noreturn, format(printf, 1, 2))) void panic(const char *format, ...);

#endif
