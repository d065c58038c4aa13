/* SPDX-License-Identifier: MIT */
/* The log of muxagentd: see log.h. */
#include "agent-guest/linux/log.h"

#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1400

static bool is_journal;
static atomic_uint dropped;

/* systemd tells in JOURNAL_STREAM which device and inode the journal's stream has. */
void log_init(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	struct stat stat;
	char mine[64];

	if (stream == NULL || fstat(STDERR_FILENO, &stat) < 0) {
		return;
	}
	snprintf(mine, sizeof(mine), "%lu:%lu", (unsigned long)stat.st_dev,
		 (unsigned long)stat.st_ino);
	is_journal = strcmp(stream, mine) == 0;
}

static void put(const char *line, size_t size)
{
	struct pollfd polled = {.fd = STDERR_FILENO, .events = POLLOUT};

	if (poll(&polled, 1, 0) != 1 || (polled.revents & POLLOUT) == 0 ||
	    write(STDERR_FILENO, line, size) < 0) {
		atomic_fetch_add(&dropped, 1);
	}
}

static size_t prefix(char *line, enum log_level level)
{
	return is_journal ? (size_t)sprintf(line, "<%d>", (int)level) : 0;
}

static void tell_dropped(void)
{
	unsigned count = atomic_exchange(&dropped, 0);
	char line[64];
	size_t used;

	if (count > 0) {
		used = prefix(line, LOG_LEVEL_WARNING);
		used += (size_t)sprintf(line + used, "%u log lines were dropped\n", count);
		put(line, used);
	}
}

void log_line(enum log_level level, const char *format, ...)
{
	char line[LINE_MAX_BYTES];
	size_t used = prefix(line, level);
	va_list arguments;

	tell_dropped();
	va_start(arguments, format);
	vsnprintf(line + used, sizeof(line) - used - 1, format, arguments);
	va_end(arguments);
	/* A path may hold line ends: one call, one line. */
	for (char *at = line; *at != '\0'; at++) {
		if ((unsigned char)*at < ' ') {
			*at = '?';
		}
	}
	used = strlen(line);
	line[used++] = '\n';
	put(line, used);
}
