/* SPDX-License-Identifier: MIT */
/*
 * Field primitives shared by the encoder and the decoder. Private to lib/wire.
 *
 * Both ends note the first failure and do nothing after it, so that a message is written as a plain
 * list of its fields and the result is looked at once.
 */
#ifndef LIB_WIRE_WIRE_IO_H
#define LIB_WIRE_WIRE_IO_H

#include "lib/wire/wire.h"

/* Appends to a wire_writer; `error` is 0 or a negated enum mux_error. */
struct wire_put {
	struct wire_writer *writer;
	size_t start; /* of the message */
	int error;
};

struct wire_put wire_put_begin(struct wire_writer *writer);
/* Returns the error and takes back what was appended, or returns 0. */
int wire_put_end(struct wire_put *put);
void wire_put_u8(struct wire_put *put, uint8_t value);
void wire_put_u16(struct wire_put *put, uint16_t value);
void wire_put_u32(struct wire_put *put, uint32_t value);
void wire_put_u64(struct wire_put *put, uint64_t value);
void wire_put_string(struct wire_put *put, struct wire_string string);
void wire_put_bytes(struct wire_put *put, struct wire_bytes bytes);
void wire_put_fail(struct wire_put *put, int error);

/* Takes fields from data[0 .. size); `error` as above, and what is taken after it is zero. */
struct wire_get {
	const uint8_t *data;
	size_t size;
	int error;
};

uint8_t wire_get_u8(struct wire_get *get);
uint16_t wire_get_u16(struct wire_get *get);
uint32_t wire_get_u32(struct wire_get *get);
uint64_t wire_get_u64(struct wire_get *get);
struct wire_string wire_get_string(struct wire_get *get);
struct wire_bytes wire_get_bytes(struct wire_get *get);
void wire_get_zero(struct wire_get *get, size_t size); /* reserved bytes */
void wire_get_fail(struct wire_get *get, int error);
/* The error, or -MUX_ERR_MALFORMED where bytes are left over. */
int wire_get_end(const struct wire_get *get);

/* 0 or -errno: this C library's numbers and the wire's. */
int32_t wire_status_to_wire(int status);
int wire_status_from_wire(int32_t status);

/* Value checks that both sides apply. */
int wire_check_string(struct wire_string string);
int wire_check_header(const struct wire_header *header);
int wire_check_hello(const struct wire_hello *hello);
int wire_check_rule(const struct wire_rule *rule);
int wire_check_event(const struct wire_event *event);
int wire_check_access(const struct wire_access *access);
int wire_check_response(const struct wire_response *response);
int wire_check_audit(const struct wire_audit *audit);

#endif
