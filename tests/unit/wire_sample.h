/* SPDX-License-Identifier: MIT */
/*
 * For tests of lib/wire: one message in a buffer, and what every message must pass.
 */
#ifndef TESTS_UNIT_WIRE_SAMPLE_H
#define TESTS_UNIT_WIRE_SAMPLE_H

#include "lib/wire/wire.h"

extern uint8_t buffer[2 * WIRE_MESSAGE_MAX];

/* Writes from the start of `buffer`, which is filled with other bytes before. */
struct wire_writer writer_start(void);
/* The message with this header, which must be good. */
struct wire_message message_of(const uint8_t *bytes);
void assert_string(struct wire_string string, const char *text);
/* Decodes any message; what it is does not matter, only the result. */
int decode_any(const struct wire_message *message);
/*
 * The message at the start of `buffer` decodes; cut at any byte (in a buffer of exactly that size,
 * so that ASan sees a read past it) or one byte longer it is refused.
 */
void assert_exact(const struct wire_writer *writer);

struct wire_hello hello_sample(void);

#endif
