/* SPDX-License-Identifier: MIT */
/* Stream assembler: cuts received bytes into messages, in a buffer of fixed size. */
#include "lib/wire/wire.h"

#include <string.h>

void wire_stream_init(struct wire_stream *stream, void *buffer, size_t capacity)
{
	*stream = (struct wire_stream){.buffer = buffer, .capacity = capacity};
}

size_t wire_stream_space(struct wire_stream *stream, uint8_t **where)
{
	size_t waiting = stream->end - stream->start;

	if (stream->start != 0) {
		memmove(stream->buffer, stream->buffer + stream->start, waiting);
		stream->start = 0;
		stream->end = waiting;
	}
	*where = stream->buffer + stream->end;
	return stream->capacity - stream->end;
}

void wire_stream_commit(struct wire_stream *stream, size_t size)
{
	stream->end += size;
}

size_t wire_stream_feed(struct wire_stream *stream, const void *data, size_t size)
{
	uint8_t *where;
	size_t space = wire_stream_space(stream, &where);
	size_t taken = size < space ? size : space;

	if (taken) {
		memcpy(where, data, taken);
		wire_stream_commit(stream, taken);
	}
	return taken;
}

int wire_stream_next(struct wire_stream *stream, struct wire_message *message)
{
	const uint8_t *at = stream->buffer + stream->start;
	size_t waiting = stream->end - stream->start;
	int error;

	if (stream->error) {
		return stream->error;
	}
	if (waiting < MUX_HEADER_SIZE) {
		return 0;
	}
	error = wire_decode_header(at, &message->header);
	if (error) {
		stream->error = error;
		return error;
	}
	if (waiting - MUX_HEADER_SIZE < message->header.length) {
		return 0;
	}
	message->body = at + MUX_HEADER_SIZE;
	stream->start += MUX_HEADER_SIZE + message->header.length;
	return 1;
}
