/* SPDX-License-Identifier: MIT */
/*
 * The log of muxagentd: lines on stderr, with a priority prefix (sd-daemon(3)) where stderr is a
 * stream of the journal, and no time, which the journal adds. Never blocks: the journal may itself
 * wait for a verdict; a line that does not go out at once is dropped and counted. Any thread.
 */
#ifndef AGENT_LINUX_LOG_H
#define AGENT_LINUX_LOG_H

enum log_level { LOG_LEVEL_ERROR = 3, LOG_LEVEL_WARNING = 4, LOG_LEVEL_INFO = 6 };

void log_init(void);
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
