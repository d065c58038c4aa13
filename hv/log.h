/* SPDX-License-Identifier: MIT */
/*
 * Log of ring 0: lines on the machine's console. Callable from every CPU, with any lock but the
 * console lock held. A line longer than LOG_LINE_MAX is cut. Nothing that a guest writes is used as
 * format.
 *
 * Formats: %s %d %u %x with l, ll, z, width, - and (not for %d) 0; %.*s; %% (subset of C's printf).
 */
#ifndef HV_LOG_H
#define HV_LOG_H

#define LOG_LINE_MAX 256U

#define log_info(...)  log_line("", __VA_ARGS__)
#define log_warn(...)  log_line("warning: ", __VA_ARGS__)
#define log_error(...) log_line("error: ", __VA_ARGS__)
__attribute__((format(printf, 2, 3))) void log_line(const char *level, const char *format, ...);

/* Prints and stops the whole machine: only for what ring 0 itself got wrong, never for guest input.
 */
__attribute__((noreturn, format(printf, 1, 2))) void panic(const char *format, ...);

#endif
