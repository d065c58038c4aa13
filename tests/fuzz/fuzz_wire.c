/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: whatever bytes come in, the assembler and the decoders stay in bounds, and what they
 * accept encodes again to the very same bytes (one meaning, one encoding).
 */
#include <stdlib.h>
#include <string.h>

#include "lib/wire/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t again[WIRE_MESSAGE_MAX];

static int encode_configure(struct wire_writer *writer, uint64_t request,
			    struct wire_configure *configure)
{
	struct wire_rule rules[MUX_RULES_PER_SESSION];
	size_t count = 0;

	while (count < MUX_RULES_PER_SESSION &&
	       wire_next_rule(&configure->rules, &rules[count]) == 1) {
		count++;
	}
	return wire_encode_configure(writer, request, configure->generation, rules, count);
}

static size_t take_counters(struct wire_heartbeat *heartbeat, struct wire_counter *counters)
{
	size_t count = 0;

	while (wire_next_counter(&heartbeat->counters, &counters[count]) == 1) {
		count++;
	}
	if (count != heartbeat->count) {
		abort();
	}
	return count;
}

static int code_again_manager(const struct wire_message *message, struct wire_writer *writer)
{
	static struct wire_counter counters[MUX_BODY_MAX / 16];
	struct wire_agent_state_message state;
	struct wire_heartbeat heartbeat;
	struct wire_service_down down;
	struct wire_service_up up;
	struct wire_audit audit;
	struct wire_bye bye;

	switch (message->header.type) {
	case MUX_MSG_HEARTBEAT:
		if (wire_decode_heartbeat(message, &heartbeat)) {
			return 1;
		}
		return wire_encode_heartbeat(writer, heartbeat.uptime_ms, counters,
					     take_counters(&heartbeat, counters));
	case MUX_MSG_BYE:
		if (wire_decode_bye(message, &bye)) {
			return 1;
		}
		return wire_encode_bye(writer, bye.reason, bye.heartbeat.uptime_ms, counters,
				       take_counters(&bye.heartbeat, counters));
	case MUX_MSG_SERVICE_UP:
		return wire_decode_service_up(message, &up) ? 1
							    : wire_encode_service_up(writer, &up);
	case MUX_MSG_SERVICE_DOWN:
		return wire_decode_service_down(message, &down)
			       ? 1
			       : wire_encode_service_down(writer, &down);
	case MUX_MSG_AUDIT:
		return wire_decode_audit(message, &audit) ? 1 : wire_encode_audit(writer, &audit);
	default:
		return wire_decode_agent_state(message, &state)
			       ? 1
			       : wire_encode_agent_state(writer, &state);
	}
}

/* 0: decoded and encoded; 1: refused by the decoder; negative: refused by the encoder only. */
static int code_again(const struct wire_message *message, struct wire_writer *writer)
{
	uint64_t request = message->header.request;
	struct wire_configured configured;
	struct wire_configure configure;
	struct wire_response response;
	struct wire_welcome welcome;
	struct wire_verdict verdict;
	struct wire_access access;
	struct wire_event event;
	struct wire_hello hello;
	struct wire_error error;

	switch (message->header.type) {
	case MUX_MSG_HELLO:
		return wire_decode_hello(message, &hello)
			       ? 1
			       : wire_encode_hello(writer, request, &hello);
	case MUX_MSG_WELCOME:
		return wire_decode_welcome(message, &welcome)
			       ? 1
			       : wire_encode_welcome(writer, request, &welcome);
	case MUX_MSG_CONFIGURE:
		return wire_decode_configure(message, &configure)
			       ? 1
			       : encode_configure(writer, request, &configure);
	case MUX_MSG_CONFIGURED:
		return wire_decode_configured(message, &configured)
			       ? 1
			       : wire_encode_configured(writer, request, &configured);
	case MUX_MSG_EVENT:
		return wire_decode_event(message, &event)
			       ? 1
			       : wire_encode_event(writer, request, &event);
	case MUX_MSG_VERDICT:
		return wire_decode_verdict(message, &verdict)
			       ? 1
			       : wire_encode_verdict(writer, request, &verdict);
	case MUX_MSG_ACCESS:
		return wire_decode_access(message, &access)
			       ? 1
			       : wire_encode_access(writer, request, &access);
	case MUX_MSG_RESPONSE:
		return wire_decode_response(message, &response)
			       ? 1
			       : wire_encode_response(writer, request,
						      message->header.flags & MUX_FLAG_MORE,
						      &response);
	case MUX_MSG_ERROR:
		return wire_decode_error(message, &error)
			       ? 1
			       : wire_encode_error(writer, request, &error);
	default: return code_again_manager(message, writer);
	}
}

static void check_message(const struct wire_message *message)
{
	const uint8_t *bytes = message->body - MUX_HEADER_SIZE;
	struct wire_writer writer;
	int result;

	wire_writer_init(&writer, again, sizeof(again));
	result = code_again(message, &writer);
	if (result < 0) {
		abort();
	}
	if (result == 0 && (writer.size != MUX_HEADER_SIZE + message->header.length ||
			    memcmp(again, bytes, writer.size) != 0)) {
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t room[WIRE_MESSAGE_MAX];
	struct wire_message message;
	struct wire_stream stream;
	int result = 1;

	wire_stream_init(&stream, room, sizeof(room));
	for (size_t at = 0; at < size && result >= 0;) {
		size_t piece = 1 + (at * 7 + data[at]) % 97;

		piece = piece < size - at ? piece : size - at;
		at += wire_stream_feed(&stream, data + at, piece);
		while ((result = wire_stream_next(&stream, &message)) == 1) {
			check_message(&message);
		}
	}
	return 0;
}
