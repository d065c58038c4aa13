/* SPDX-License-Identifier: MIT */
/* Encoder: one function per message, its fields in the order of protocol.h. */
#include "lib/wire/wire_io.h"

#include <string.h>

#define HEADER_LENGTH_OFFSET 12U

void wire_writer_init(struct wire_writer *writer, void *data, size_t capacity)
{
	*writer = (struct wire_writer){.data = data, .capacity = capacity, .size = 0};
}

static struct wire_put begin_message(struct wire_writer *writer, uint16_t type, uint16_t flags,
				     uint64_t request)
{
	struct wire_header header = {.type = type, .flags = flags, .request = request};
	struct wire_put put = wire_put_begin(writer);

	put.error = wire_check_header(&header);
	wire_put_u32(&put, MUX_PROTOCOL_MAGIC);
	wire_put_u8(&put, MUX_PROTOCOL_VERSION);
	wire_put_u8(&put, 0);
	wire_put_u16(&put, type);
	wire_put_u16(&put, flags);
	wire_put_u16(&put, 0);
	wire_put_u32(&put, 0); /* length: end_message knows it */
	wire_put_u64(&put, request);
	return put;
}

static int end_message(struct wire_put *put)
{
	size_t length = 0;

	if (!put->error) {
		length = put->writer->size - put->start - MUX_HEADER_SIZE;
		if (length > MUX_BODY_MAX) {
			wire_put_fail(put, -MUX_ERR_LIMIT);
		}
	}
	if (!put->error) {
		uint8_t *field = put->writer->data + put->start + HEADER_LENGTH_OFFSET;

		for (size_t i = 0; i < 4; i++) {
			field[i] = (uint8_t)(length >> (8 * i));
		}
	}
	return wire_put_end(put);
}

static void require(struct wire_put *put, bool condition)
{
	if (!condition) {
		wire_put_fail(put, -MUX_ERR_MALFORMED);
	}
}

int wire_encode_hello(struct wire_writer *writer, uint64_t request, const struct wire_hello *hello)
{
	struct wire_put put = begin_message(writer, MUX_MSG_HELLO, 0, request);

	require(&put, wire_check_hello(hello) == 0);
	wire_put_u32(&put, hello->role);
	wire_put_u32(&put, 0);
	wire_put_u64(&put, hello->verbs);
	wire_put_u64(&put, hello->granted);
	wire_put_u64(&put, hello->events);
	wire_put_u32(&put, hello->port);
	wire_put_string(&put, hello->name);
	wire_put_string(&put, hello->version);
	return end_message(&put);
}

int wire_encode_welcome(struct wire_writer *writer, uint64_t request,
			const struct wire_welcome *welcome)
{
	struct wire_put put = begin_message(writer, MUX_MSG_WELCOME, 0, request);

	wire_put_u32(&put, welcome->heartbeat_ms);
	wire_put_u32(&put, welcome->id);
	wire_put_string(&put, welcome->name);
	return end_message(&put);
}

static void put_rule(struct wire_put *put, const struct wire_rule *rule)
{
	int error = wire_check_rule(rule);

	if (error) {
		wire_put_fail(put, error);
	}
	wire_put_u32(put, rule->rule);
	wire_put_u8(put, rule->action);
	wire_put_u8(put, rule->fallback);
	wire_put_u16(put, 0);
	wire_put_u32(put, rule->deadline_ms);
	wire_put_u64(put, rule->events);
	wire_put_u64(put, rule->size_min);
	wire_put_u64(put, rule->size_max);
	wire_put_string(put, rule->include);
	wire_put_string(put, rule->exclude);
}

int wire_encode_configure(struct wire_writer *writer, uint64_t request, uint32_t generation,
			  const struct wire_rule *rules, size_t count)
{
	struct wire_put put = begin_message(writer, MUX_MSG_CONFIGURE, 0, request);

	if (count > MUX_RULES_PER_SESSION) {
		wire_put_fail(&put, -MUX_ERR_LIMIT);
		return end_message(&put);
	}
	wire_put_u32(&put, generation);
	wire_put_u16(&put, (uint16_t)count);
	wire_put_u16(&put, 0);
	for (size_t i = 0; i < count; i++) {
		put_rule(&put, &rules[i]);
	}
	return end_message(&put);
}

int wire_encode_configured(struct wire_writer *writer, uint64_t request,
			   const struct wire_configured *configured)
{
	struct wire_put put = begin_message(writer, MUX_MSG_CONFIGURED, 0, request);

	wire_put_u32(&put, configured->generation);
	wire_put_u32(&put, 0);
	return end_message(&put);
}

int wire_encode_event(struct wire_writer *writer, uint64_t request, const struct wire_event *event)
{
	struct wire_put put = begin_message(writer, MUX_MSG_EVENT, 0, request);

	require(&put, wire_check_event(event) == 0);
	require(&put, (request != 0) == ((event->flags & MUX_EVENT_VERDICT) != 0));
	wire_put_u64(&put, event->sequence);
	wire_put_u32(&put, event->rule);
	wire_put_u16(&put, event->kind);
	wire_put_u16(&put, event->flags);
	wire_put_u64(&put, event->time_us);
	wire_put_u32(&put, event->deadline_ms);
	wire_put_u32(&put, event->pid);
	wire_put_u64(&put, event->start_us);
	wire_put_u64(&put, event->handle);
	wire_put_u64(&put, event->size);
	wire_put_string(&put, event->path);
	wire_put_string(&put, event->path2);
	wire_put_string(&put, event->process);
	return end_message(&put);
}

int wire_encode_verdict(struct wire_writer *writer, uint64_t request,
			const struct wire_verdict *verdict)
{
	struct wire_put put = begin_message(writer, MUX_MSG_VERDICT, 0, request);

	require(&put, verdict->verdict <= MUX_VERDICT_DENY);
	require(&put, !(verdict->flags & ~MUX_VERDICT_REMEMBER));
	wire_put_u8(&put, verdict->verdict);
	wire_put_u8(&put, verdict->flags);
	wire_put_u16(&put, 0);
	wire_put_u32(&put, verdict->reason);
	wire_put_string(&put, verdict->text);
	return end_message(&put);
}

int wire_encode_access(struct wire_writer *writer, uint64_t request,
		       const struct wire_access *access)
{
	struct wire_put put = begin_message(writer, MUX_MSG_ACCESS, 0, request);

	require(&put, wire_check_access(access) == 0);
	wire_put_u16(&put, access->verb);
	wire_put_u16(&put, access->flags);
	wire_put_u32(&put, 0);
	wire_put_u64(&put, access->handle);
	wire_put_u64(&put, access->offset);
	wire_put_u64(&put, access->length);
	wire_put_string(&put, access->path);
	wire_put_string(&put, access->path2);
	wire_put_bytes(&put, access->data);
	return end_message(&put);
}

int wire_encode_response(struct wire_writer *writer, uint64_t request, bool more,
			 const struct wire_response *response)
{
	struct wire_put put =
		begin_message(writer, MUX_MSG_RESPONSE, more ? MUX_FLAG_MORE : 0, request);

	require(&put, wire_check_response(response) == 0);
	wire_put_u16(&put, response->verb);
	wire_put_u16(&put, 0);
	wire_put_u32(&put, (uint32_t)wire_status_to_wire(response->status));
	wire_put_u64(&put, response->offset);
	wire_put_u64(&put, response->total);
	wire_put_bytes(&put, response->data);
	return end_message(&put);
}

static void put_heartbeat(struct wire_put *put, uint64_t uptime_ms,
			  const struct wire_counter *counters, size_t count)
{
	if (count > UINT16_MAX) {
		wire_put_fail(put, -MUX_ERR_LIMIT);
		return;
	}
	wire_put_u64(put, uptime_ms);
	wire_put_u16(put, (uint16_t)count);
	wire_put_u16(put, 0);
	wire_put_u32(put, 0);
	for (size_t i = 0; i < count && !put->error; i++) {
		wire_put_u32(put, counters[i].key);
		wire_put_u32(put, 0);
		wire_put_u64(put, counters[i].value);
	}
}

int wire_encode_heartbeat(struct wire_writer *writer, uint64_t uptime_ms,
			  const struct wire_counter *counters, size_t count)
{
	struct wire_put put = begin_message(writer, MUX_MSG_HEARTBEAT, 0, 0);

	put_heartbeat(&put, uptime_ms, counters, count);
	return end_message(&put);
}

int wire_encode_service_up(struct wire_writer *writer, const struct wire_service_up *service)
{
	struct wire_put put = begin_message(writer, MUX_MSG_SERVICE_UP, 0, 0);

	wire_put_u32(&put, service->service);
	wire_put_u32(&put, service->cid);
	wire_put_u32(&put, service->port);
	wire_put_u32(&put, 0);
	wire_put_string(&put, service->name);
	wire_put_string(&put, service->version);
	return end_message(&put);
}

int wire_encode_service_down(struct wire_writer *writer, const struct wire_service_down *service)
{
	struct wire_put put = begin_message(writer, MUX_MSG_SERVICE_DOWN, 0, 0);

	require(&put, service->reason <= MUX_ERR_REPLACED);
	wire_put_u32(&put, service->service);
	wire_put_u32(&put, service->reason);
	return end_message(&put);
}

int wire_encode_bye(struct wire_writer *writer, uint32_t reason, uint64_t uptime_ms,
		    const struct wire_counter *counters, size_t count)
{
	struct wire_put put = begin_message(writer, MUX_MSG_BYE, 0, 0);

	require(&put, reason <= MUX_ERR_REPLACED);
	wire_put_u32(&put, reason);
	put_heartbeat(&put, uptime_ms, counters, count);
	return end_message(&put);
}

int wire_encode_error(struct wire_writer *writer, uint64_t request, const struct wire_error *error)
{
	struct wire_put put = begin_message(writer, MUX_MSG_ERROR, 0, request);

	require(&put, error->code <= MUX_ERR_REPLACED);
	wire_put_u32(&put, error->code);
	wire_put_u16(&put, error->type);
	wire_put_u16(&put, 0);
	wire_put_string(&put, error->text);
	return end_message(&put);
}

int wire_encode_audit(struct wire_writer *writer, const struct wire_audit *audit)
{
	struct wire_put put = begin_message(writer, MUX_MSG_AUDIT, 0, 0);

	require(&put, wire_check_audit(audit) == 0);
	wire_put_u16(&put, audit->kind);
	wire_put_u16(&put, audit->event_kind);
	wire_put_u32(&put, audit->rule);
	wire_put_u64(&put, audit->sequence);
	wire_put_u64(&put, audit->time_us);
	wire_put_u64(&put, audit->count);
	wire_put_u32(&put, audit->service);
	wire_put_u8(&put, audit->verdict);
	wire_put_u8(&put, 0);
	wire_put_u16(&put, 0);
	wire_put_string(&put, audit->path);
	wire_put_string(&put, audit->text);
	return end_message(&put);
}

int wire_encode_agent_state(struct wire_writer *writer,
			    const struct wire_agent_state_message *state)
{
	struct wire_put put = begin_message(writer, MUX_MSG_AGENT_STATE, 0, 0);

	require(&put, state->state <= WIRE_AGENT_SILENT);
	wire_put_u32(&put, state->agent);
	wire_put_u32(&put, state->cid);
	wire_put_u32(&put, state->state);
	wire_put_u32(&put, 0);
	wire_put_string(&put, state->name);
	return end_message(&put);
}

int wire_encode_stat_entry(struct wire_writer *writer, const struct wire_stat *entry)
{
	struct wire_put put = wire_put_begin(writer);

	wire_put_u64(&put, entry->size);
	wire_put_u64(&put, entry->mtime_us);
	wire_put_u32(&put, entry->mode);
	wire_put_u32(&put, entry->flags);
	wire_put_string(&put, entry->name);
	return wire_put_end(&put);
}

int wire_encode_process_entry(struct wire_writer *writer, const struct wire_process *entry)
{
	struct wire_put put = wire_put_begin(writer);

	wire_put_u32(&put, entry->pid);
	wire_put_u32(&put, entry->parent);
	wire_put_u64(&put, entry->start_us);
	wire_put_string(&put, entry->image);
	return wire_put_end(&put);
}

int wire_encode_string_entry(struct wire_writer *writer, struct wire_string string)
{
	struct wire_put put = wire_put_begin(writer);

	wire_put_string(&put, string);
	return wire_put_end(&put);
}
