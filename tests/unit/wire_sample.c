/* SPDX-License-Identifier: MIT */
#include "tests/unit/wire_sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

uint8_t buffer[2 * WIRE_MESSAGE_MAX];

struct wire_writer writer_start(void)
{
	struct wire_writer writer;

	memset(buffer, 0xee, sizeof(buffer));
	wire_writer_init(&writer, buffer, sizeof(buffer));
	return writer;
}

struct wire_message message_of(const uint8_t *bytes)
{
	struct wire_message message;

	assert_int_equal(wire_decode_header(bytes, &message.header), 0);
	message.body = bytes + MUX_HEADER_SIZE;
	return message;
}

void assert_string(struct wire_string string, const char *text)
{
	assert_true(wire_string_equals(string, text));
}

int decode_any(const struct wire_message *message)
{
	union {
		struct wire_hello hello;
		struct wire_welcome welcome;
		struct wire_configure configure;
		struct wire_configured configured;
		struct wire_event event;
		struct wire_verdict verdict;
		struct wire_access access;
		struct wire_response response;
		struct wire_heartbeat heartbeat;
		struct wire_service_up up;
		struct wire_service_down down;
		struct wire_bye bye;
		struct wire_error error;
		struct wire_audit audit;
		struct wire_agent_state_message state;
	} out;

	switch (message->header.type) {
	case MUX_MSG_HELLO: return wire_decode_hello(message, &out.hello);
	case MUX_MSG_WELCOME: return wire_decode_welcome(message, &out.welcome);
	case MUX_MSG_CONFIGURE: return wire_decode_configure(message, &out.configure);
	case MUX_MSG_CONFIGURED: return wire_decode_configured(message, &out.configured);
	case MUX_MSG_EVENT: return wire_decode_event(message, &out.event);
	case MUX_MSG_VERDICT: return wire_decode_verdict(message, &out.verdict);
	case MUX_MSG_ACCESS: return wire_decode_access(message, &out.access);
	case MUX_MSG_RESPONSE: return wire_decode_response(message, &out.response);
	case MUX_MSG_HEARTBEAT: return wire_decode_heartbeat(message, &out.heartbeat);
	case MUX_MSG_SERVICE_UP: return wire_decode_service_up(message, &out.up);
	case MUX_MSG_SERVICE_DOWN: return wire_decode_service_down(message, &out.down);
	case MUX_MSG_BYE: return wire_decode_bye(message, &out.bye);
	case MUX_MSG_ERROR: return wire_decode_error(message, &out.error);
	case MUX_MSG_AUDIT: return wire_decode_audit(message, &out.audit);
	default: return wire_decode_agent_state(message, &out.state);
	}
}

void assert_exact(const struct wire_writer *writer)
{
	struct wire_message message = message_of(buffer);
	uint32_t length = message.header.length;

	assert_int_equal(writer->size, MUX_HEADER_SIZE + length);
	assert_int_equal(decode_any(&message), 0);
	for (uint32_t cut = 0; cut < length; cut++) {
		uint8_t *body = malloc(cut ? cut : 1);

		memcpy(body, message.body, cut);
		message.header.length = cut;
		message.body = body;
		assert_int_equal(decode_any(&message), -MUX_ERR_MALFORMED);
		free(body);
		message.body = buffer + MUX_HEADER_SIZE;
	}
	message.header.length = length + 1;
	buffer[MUX_HEADER_SIZE + length] = 0;
	assert_int_not_equal(decode_any(&message), 0);
}

struct wire_hello hello_sample(void)
{
	return (struct wire_hello){.role = MUX_ROLE_SERVICE,
				   .port = 7001,
				   .verbs = 0x0123456789abcdef,
				   .granted = 0x0100000000000005,
				   .events = 0x1fff,
				   .name = wire_string_of("av"),
				   .version = wire_string_of("1.0")};
}
