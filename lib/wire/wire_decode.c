/* SPDX-License-Identifier: MIT */
/* Decoder: one function per message, its fields in the order of protocol.h. */
#include "lib/wire/wire_io.h"

static void require(struct wire_get *get, bool condition)
{
	if (!condition) {
		wire_get_fail(get, -MUX_ERR_MALFORMED);
	}
}

static struct wire_get begin_body(const struct wire_message *message, uint16_t type)
{
	struct wire_get get = {.data = message->body, .size = message->header.length, .error = 0};

	if (message->header.type != type) {
		get.error = -MUX_ERR_UNEXPECTED;
	}
	return get;
}

int wire_decode_header(const uint8_t *data, struct wire_header *header)
{
	struct wire_get get = {.data = data, .size = MUX_HEADER_SIZE, .error = 0};
	uint32_t magic = wire_get_u32(&get);
	uint8_t version = wire_get_u8(&get);
	uint16_t reserved = wire_get_u8(&get);

	header->type = wire_get_u16(&get);
	header->flags = wire_get_u16(&get);
	reserved |= wire_get_u16(&get);
	header->length = wire_get_u32(&get);
	header->request = wire_get_u64(&get);
	/* Only magic and version are the same in all versions: nothing else is judged before. */
	if (magic != MUX_PROTOCOL_MAGIC) {
		return -MUX_ERR_MALFORMED;
	}
	if (version != MUX_PROTOCOL_VERSION) {
		return -MUX_ERR_VERSION;
	}
	return reserved ? -MUX_ERR_MALFORMED : wire_check_header(header);
}

int wire_decode_hello(const struct wire_message *message, struct wire_hello *out)
{
	struct wire_get get = begin_body(message, MUX_MSG_HELLO);

	out->role = wire_get_u32(&get);
	wire_get_zero(&get, 4);
	out->verbs = wire_get_u64(&get);
	out->granted = wire_get_u64(&get);
	out->events = wire_get_u64(&get);
	out->port = wire_get_u32(&get);
	out->name = wire_get_string(&get);
	out->version = wire_get_string(&get);
	require(&get, wire_check_hello(out) == 0);
	return wire_get_end(&get);
}

int wire_decode_welcome(const struct wire_message *message, struct wire_welcome *out)
{
	struct wire_get get = begin_body(message, MUX_MSG_WELCOME);

	out->heartbeat_ms = wire_get_u32(&get);
	out->id = wire_get_u32(&get);
	out->name = wire_get_string(&get);
	return wire_get_end(&get);
}

static void get_rule(struct wire_get *get, struct wire_rule *out)
{
	int error;

	out->rule = wire_get_u32(get);
	out->action = wire_get_u8(get);
	out->fallback = wire_get_u8(get);
	wire_get_zero(get, 2);
	out->deadline_ms = wire_get_u32(get);
	out->events = wire_get_u64(get);
	out->size_min = wire_get_u64(get);
	out->size_max = wire_get_u64(get);
	out->include = wire_get_string(get);
	out->exclude = wire_get_string(get);
	error = wire_check_rule(out);
	if (error) {
		wire_get_fail(get, error);
	}
}

int wire_decode_configure(const struct wire_message *message, struct wire_configure *out)
{
	struct wire_get get = begin_body(message, MUX_MSG_CONFIGURE);
	struct wire_rule rule;

	out->generation = wire_get_u32(&get);
	out->count = wire_get_u16(&get);
	wire_get_zero(&get, 2);
	out->rules = (struct wire_list){.data = get.data, .size = get.size};
	if (out->count > MUX_RULES_PER_SESSION) {
		wire_get_fail(&get, -MUX_ERR_LIMIT);
	}
	for (uint16_t i = 0; i < out->count && !get.error; i++) {
		get_rule(&get, &rule);
	}
	return wire_get_end(&get);
}

int wire_decode_configured(const struct wire_message *message, struct wire_configured *out)
{
	struct wire_get get = begin_body(message, MUX_MSG_CONFIGURED);

	out->generation = wire_get_u32(&get);
	wire_get_zero(&get, 4);
	return wire_get_end(&get);
}

int wire_decode_event(const struct wire_message *message, struct wire_event *out)
{
	struct wire_get get = begin_body(message, MUX_MSG_EVENT);

	out->sequence = wire_get_u64(&get);
	out->rule = wire_get_u32(&get);
	out->kind = wire_get_u16(&get);
	out->flags = wire_get_u16(&get);
	out->time_us = wire_get_u64(&get);
	out->deadline_ms = wire_get_u32(&get);
	out->pid = wire_get_u32(&get);
	out->start_us = wire_get_u64(&get);
	out->handle = wire_get_u64(&get);
	out->size = wire_get_u64(&get);
	out->path = wire_get_string(&get);
	out->path2 = wire_get_string(&get);
	out->process = wire_get_string(&get);
	require(&get, wire_check_event(out) == 0);
	require(&get, (message->header.request != 0) == ((out->flags & MUX_EVENT_VERDICT) != 0));
	return wire_get_end(&get);
}

int wire_decode_verdict(const struct wire_message *message, struct wire_verdict *out)
{
	struct wire_get get = begin_body(message, MUX_MSG_VERDICT);

	out->verdict = wire_get_u8(&get);
	out->flags = wire_get_u8(&get);
	wire_get_zero(&get, 2);
	out->reason = wire_get_u32(&get);
	out->text = wire_get_string(&get);
	require(&get, out->verdict <= MUX_VERDICT_DENY);
	require(&get, !(out->flags & ~MUX_VERDICT_REMEMBER));
	return wire_get_end(&get);
}

int wire_decode_access(const struct wire_message *message, struct wire_access *out)
{
	struct wire_get get = begin_body(message, MUX_MSG_ACCESS);

	out->verb = wire_get_u16(&get);
	out->flags = wire_get_u16(&get);
	wire_get_zero(&get, 4);
	out->handle = wire_get_u64(&get);
	out->offset = wire_get_u64(&get);
	out->length = wire_get_u64(&get);
	out->path = wire_get_string(&get);
	out->path2 = wire_get_string(&get);
	out->data = wire_get_bytes(&get);
	require(&get, wire_check_access(out) == 0);
	return wire_get_end(&get);
}

int wire_decode_response(const struct wire_message *message, struct wire_response *out)
{
	struct wire_get get = begin_body(message, MUX_MSG_RESPONSE);

	out->verb = wire_get_u16(&get);
	wire_get_zero(&get, 2);
	out->status = wire_status_from_wire((int32_t)wire_get_u32(&get));
	out->offset = wire_get_u64(&get);
	out->total = wire_get_u64(&get);
	out->data = wire_get_bytes(&get);
	require(&get, get.error || wire_check_response(out) == 0);
	return wire_get_end(&get);
}

static void get_counter(struct wire_get *get, struct wire_counter *out)
{
	out->key = wire_get_u32(get);
	wire_get_zero(get, 4);
	out->value = wire_get_u64(get);
}

static void get_heartbeat(struct wire_get *get, struct wire_heartbeat *out)
{
	struct wire_counter counter;

	out->uptime_ms = wire_get_u64(get);
	out->count = wire_get_u16(get);
	wire_get_zero(get, 2);
	wire_get_zero(get, 4);
	out->counters = (struct wire_list){.data = get->data, .size = get->size};
	for (uint16_t i = 0; i < out->count && !get->error; i++) {
		get_counter(get, &counter);
	}
}

int wire_decode_heartbeat(const struct wire_message *message, struct wire_heartbeat *out)
{
	struct wire_get get = begin_body(message, MUX_MSG_HEARTBEAT);

	get_heartbeat(&get, out);
	return wire_get_end(&get);
}

int wire_decode_service_up(const struct wire_message *message, struct wire_service_up *out)
{
	struct wire_get get = begin_body(message, MUX_MSG_SERVICE_UP);

	out->service = wire_get_u32(&get);
	out->cid = wire_get_u32(&get);
	out->port = wire_get_u32(&get);
	wire_get_zero(&get, 4);
	out->name = wire_get_string(&get);
	out->version = wire_get_string(&get);
	return wire_get_end(&get);
}

int wire_decode_service_down(const struct wire_message *message, struct wire_service_down *out)
{
	struct wire_get get = begin_body(message, MUX_MSG_SERVICE_DOWN);

	out->service = wire_get_u32(&get);
	out->reason = wire_get_u32(&get);
	require(&get, out->reason <= MUX_ERR_REPLACED);
	return wire_get_end(&get);
}

int wire_decode_bye(const struct wire_message *message, struct wire_bye *out)
{
	struct wire_get get = begin_body(message, MUX_MSG_BYE);

	out->reason = wire_get_u32(&get);
	require(&get, out->reason <= MUX_ERR_REPLACED);
	get_heartbeat(&get, &out->heartbeat);
	return wire_get_end(&get);
}

int wire_decode_error(const struct wire_message *message, struct wire_error *out)
{
	struct wire_get get = begin_body(message, MUX_MSG_ERROR);

	out->code = wire_get_u32(&get);
	out->type = wire_get_u16(&get);
	wire_get_zero(&get, 2);
	out->text = wire_get_string(&get);
	require(&get, out->code <= MUX_ERR_REPLACED);
	return wire_get_end(&get);
}

int wire_decode_audit(const struct wire_message *message, struct wire_audit *out)
{
	struct wire_get get = begin_body(message, MUX_MSG_AUDIT);

	out->kind = wire_get_u16(&get);
	out->event_kind = wire_get_u16(&get);
	out->rule = wire_get_u32(&get);
	out->sequence = wire_get_u64(&get);
	out->time_us = wire_get_u64(&get);
	out->count = wire_get_u64(&get);
	out->service = wire_get_u32(&get);
	out->verdict = wire_get_u8(&get);
	wire_get_zero(&get, 1);
	wire_get_zero(&get, 2);
	out->path = wire_get_string(&get);
	out->text = wire_get_string(&get);
	require(&get, wire_check_audit(out) == 0);
	return wire_get_end(&get);
}

int wire_decode_agent_state(const struct wire_message *message,
			    struct wire_agent_state_message *out)
{
	struct wire_get get = begin_body(message, MUX_MSG_AGENT_STATE);

	out->agent = wire_get_u32(&get);
	out->cid = wire_get_u32(&get);
	out->state = wire_get_u32(&get);
	wire_get_zero(&get, 4);
	out->name = wire_get_string(&get);
	require(&get, out->state <= WIRE_AGENT_SILENT);
	return wire_get_end(&get);
}

struct wire_list wire_list_of(struct wire_bytes data)
{
	return (struct wire_list){.data = data.data, .size = data.size};
}

static struct wire_get begin_entry(const struct wire_list *list)
{
	return (struct wire_get){.data = list->data, .size = list->size, .error = 0};
}

static int end_entry(struct wire_list *list, const struct wire_get *get)
{
	if (get->error) {
		return get->error;
	}
	list->data = get->data;
	list->size = get->size;
	return 1;
}

int wire_next_rule(struct wire_list *list, struct wire_rule *out)
{
	struct wire_get get = begin_entry(list);

	if (!list->size) {
		return 0;
	}
	get_rule(&get, out);
	return end_entry(list, &get);
}

int wire_next_counter(struct wire_list *list, struct wire_counter *out)
{
	struct wire_get get = begin_entry(list);

	if (!list->size) {
		return 0;
	}
	get_counter(&get, out);
	return end_entry(list, &get);
}

int wire_next_stat(struct wire_list *list, struct wire_stat *out)
{
	struct wire_get get = begin_entry(list);

	if (!list->size) {
		return 0;
	}
	out->size = wire_get_u64(&get);
	out->mtime_us = wire_get_u64(&get);
	out->mode = wire_get_u32(&get);
	out->flags = wire_get_u32(&get);
	out->name = wire_get_string(&get);
	return end_entry(list, &get);
}

int wire_next_process(struct wire_list *list, struct wire_process *out)
{
	struct wire_get get = begin_entry(list);

	if (!list->size) {
		return 0;
	}
	out->pid = wire_get_u32(&get);
	out->parent = wire_get_u32(&get);
	out->start_us = wire_get_u64(&get);
	out->image = wire_get_string(&get);
	return end_entry(list, &get);
}

int wire_next_string(struct wire_list *list, struct wire_string *out)
{
	struct wire_get get = begin_entry(list);

	if (!list->size) {
		return 0;
	}
	*out = wire_get_string(&get);
	return end_entry(list, &get);
}
