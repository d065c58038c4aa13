/* SPDX-License-Identifier: MIT */
/* Field primitives of the codec: little-endian numbers, strings and byte runs, bounds checked. */
#include "lib/wire/wire_io.h"

#include <string.h>

struct wire_put wire_put_begin(struct wire_writer *writer)
{
	return (struct wire_put){.writer = writer, .start = writer->size, .error = 0};
}

int wire_put_end(struct wire_put *put)
{
	if (put->error) {
		put->writer->size = put->start;
	}
	return put->error;
}

void wire_put_fail(struct wire_put *put, int error)
{
	if (!put->error) {
		put->error = error;
	}
}

static void put_raw(struct wire_put *put, const void *data, size_t size)
{
	struct wire_writer *writer = put->writer;

	if (put->error || size > writer->capacity - writer->size) {
		wire_put_fail(put, -MUX_ERR_LIMIT);
		return;
	}
	if (size) {
		memcpy(writer->data + writer->size, data, size);
		writer->size += size;
	}
}

static void put_number(struct wire_put *put, uint64_t value, size_t size)
{
	uint8_t raw[8];

	for (size_t i = 0; i < size; i++) {
		raw[i] = (uint8_t)(value >> (8 * i));
	}
	put_raw(put, raw, size);
}

void wire_put_u8(struct wire_put *put, uint8_t value)
{
	put_number(put, value, 1);
}

void wire_put_u16(struct wire_put *put, uint16_t value)
{
	put_number(put, value, 2);
}

void wire_put_u32(struct wire_put *put, uint32_t value)
{
	put_number(put, value, 4);
}

void wire_put_u64(struct wire_put *put, uint64_t value)
{
	put_number(put, value, 8);
}

void wire_put_string(struct wire_put *put, struct wire_string string)
{
	int error = wire_check_string(string);

	if (error) {
		wire_put_fail(put, error);
		return;
	}
	wire_put_u16(put, (uint16_t)string.size);
	put_raw(put, string.data, string.size);
}

void wire_put_bytes(struct wire_put *put, struct wire_bytes bytes)
{
	if (bytes.size > MUX_DATA_MAX) {
		wire_put_fail(put, -MUX_ERR_LIMIT);
		return;
	}
	wire_put_u32(put, bytes.size);
	put_raw(put, bytes.data, bytes.size);
}

void wire_get_fail(struct wire_get *get, int error)
{
	if (!get->error) {
		get->error = error;
	}
}

static const uint8_t *get_raw(struct wire_get *get, size_t size)
{
	const uint8_t *at = get->data;

	if (get->error || size > get->size) {
		wire_get_fail(get, -MUX_ERR_MALFORMED);
		return NULL;
	}
	get->data += size;
	get->size -= size;
	return at;
}

static uint64_t get_number(struct wire_get *get, size_t size)
{
	const uint8_t *raw = get_raw(get, size);
	uint64_t value = 0;

	for (size_t i = 0; raw && i < size; i++) {
		value |= (uint64_t)raw[i] << (8 * i);
	}
	return value;
}

uint8_t wire_get_u8(struct wire_get *get)
{
	return (uint8_t)get_number(get, 1);
}

uint16_t wire_get_u16(struct wire_get *get)
{
	return (uint16_t)get_number(get, 2);
}

uint32_t wire_get_u32(struct wire_get *get)
{
	return (uint32_t)get_number(get, 4);
}

uint64_t wire_get_u64(struct wire_get *get)
{
	return get_number(get, 8);
}

struct wire_string wire_get_string(struct wire_get *get)
{
	struct wire_string string = {.data = "", .size = 0};
	uint16_t size = wire_get_u16(get);
	const uint8_t *raw = get_raw(get, size);

	if (!raw) {
		return string;
	}
	string.data = (const char *)raw;
	string.size = size;
	/* The limits are part of the layout here: a peer that breaks them is malformed. */
	if (wire_check_string(string)) {
		wire_get_fail(get, -MUX_ERR_MALFORMED);
		return (struct wire_string){.data = "", .size = 0};
	}
	return string;
}

struct wire_bytes wire_get_bytes(struct wire_get *get)
{
	uint32_t size = wire_get_u32(get);
	const uint8_t *raw;

	if (size > MUX_DATA_MAX) {
		wire_get_fail(get, -MUX_ERR_MALFORMED);
	}
	raw = get_raw(get, size);
	return (struct wire_bytes){.data = raw, .size = raw ? size : 0};
}

void wire_get_zero(struct wire_get *get, size_t size)
{
	if (get_number(get, size) != 0) {
		wire_get_fail(get, -MUX_ERR_MALFORMED);
	}
}

int wire_get_end(const struct wire_get *get)
{
	if (!get->error && get->size != 0) {
		return -MUX_ERR_MALFORMED;
	}
	return get->error;
}
