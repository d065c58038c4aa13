/* SPDX-License-Identifier: MIT */
/*
 * Text that a guest chose, made safe to print in one line of the log. For one thread: the results
 * lie in a few buffers that take turns.
 */
#ifndef AV_TEXT_H
#define AV_TEXT_H

#define AV_TEXT_MAX	1024U /* characters that are shown; the rest becomes "..." */
#define AV_TEXT_BUFFERS 4U

/* `from` with bytes that are not printable ASCII, blanks and backslashes as \xNN. Valid until
 * AV_TEXT_BUFFERS further calls. */
const char *av_text_escape(const char *from);

#endif
