/* SPDX-License-Identifier: MIT */
#include "appliance/lib/remote_event.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/lib/remote_request.h"
#include "appliance/lib/service.h"

struct mux_event {
	struct mux_event_info info;
	unsigned references; /* the wait for a verdict, and every keep */
	uint64_t request;    /* 0: no verdict is wanted */
	uint64_t handle;
	uint64_t deadline_ms; /* our clock: a little later than the agent's */
	char strings[];
};

static struct mux_event *create(struct mux_agent *agent, const struct wire_event *wire)
{
	size_t size = (size_t)wire->path.size + wire->path2.size + wire->process.size + 3;
	struct mux_event *event = calloc(1, sizeof(*event) + size);
	char *path2, *process;

	if (!event) {
		return NULL;
	}
	path2 = event->strings + wire->path.size + 1;
	process = path2 + wire->path2.size + 1;
	wire_string_copy(event->strings, wire->path.size + 1U, wire->path);
	wire_string_copy(path2, wire->path2.size + 1U, wire->path2);
	wire_string_copy(process, wire->process.size + 1U, wire->process);
	event->info = (struct mux_event_info){.agent = agent,
					      .kind = (enum mux_event_kind)wire->kind,
					      .rule = wire->rule,
					      .sequence = wire->sequence,
					      .time_us = wire->time_us,
					      .pid = wire->pid,
					      .start_us = wire->start_us,
					      .size = wire->size,
					      .path = event->strings,
					      .path2 = path2,
					      .process = process};
	event->references = 1;
	agent->references++;
	return event;
}

static void drop(struct mux_event *event)
{
	if (--event->references == 0) {
		struct mux_agent *agent = event->info.agent;

		free(event);
		remote_drop(agent);
	}
}

static void deliver(struct mux_agent *agent, struct mux_event *event)
{
	struct service_handler handler = agent->service->handler[event->info.kind];

	if (handler.callback) {
		handler.callback(event, handler.context);
	} else if (event->request) {
		mux_verdict(event, MUX_VERDICT_ALLOW, 0, NULL, 0);
	}
}

int remote_event_receive(struct mux_agent *agent, const struct wire_message *message,
			 uint64_t now_ms)
{
	struct mux_event *event;
	struct wire_event wire;
	int error = wire_decode_event(message, &wire);

	if (error) {
		return error;
	}
	if (wire.sequence != agent->sequence + 1) {
		return -MUX_ERR_UNEXPECTED;
	}
	if (message->header.request && agent->verdicts_waiting == REMOTE_VERDICTS_MAX) {
		return -MUX_ERR_LIMIT;
	}
	event = create(agent, &wire);
	if (!event) {
		return -MUX_ERR_LIMIT;
	}
	agent->sequence = wire.sequence;
	mux_counter_add(agent->service, MUX_COUNTER_EVENTS, 1);
	if (message->header.request) {
		event->request = message->header.request;
		event->handle = wire.handle;
		event->info.wants_verdict = true;
		event->info.deadline_ms = wire.deadline_ms;
		event->deadline_ms = now_ms + wire.deadline_ms;
		event->references++;
		agent->verdicts_waiting++;
	}
	deliver(agent, event);
	drop(event);
	return 0;
}

const struct mux_event_info *mux_event_info(const struct mux_event *event)
{
	return &event->info;
}

uint32_t mux_event_time_left_ms(const struct mux_event *event)
{
	uint64_t now_ms = mux_time_ms();

	if (!event->request || !event->info.agent->info.is_connected ||
	    now_ms >= event->deadline_ms) {
		return 0;
	}
	return (uint32_t)(event->deadline_ms - now_ms);
}

struct mux_event *mux_event_keep(struct mux_event *event)
{
	event->references++;
	return event;
}

void mux_event_release(struct mux_event *event)
{
	drop(event);
}

static int send_verdict(struct mux_event *event, const struct wire_verdict *verdict)
{
	struct mux_agent *agent = event->info.agent;
	struct wire_writer writer;
	int result;

	if (agent->state != REMOTE_UP) {
		return -ENOTCONN;
	}
	if (mux_time_ms() >= event->deadline_ms) {
		return -ETIMEDOUT;
	}
	/* What was asked before about the event's own file must arrive before: the verdict ends the
	 * handle. */
	remote_request_send(agent, mux_time_ms());
	writer = remote_writer(agent);
	result = remote_send(agent, &writer, wire_encode_verdict(&writer, event->request, verdict));
	if (result == 0) {
		mux_counter_add(agent->service, MUX_COUNTER_VERDICTS, 1);
		if (verdict->verdict == MUX_VERDICT_DENY) {
			mux_counter_add(agent->service, MUX_COUNTER_DENIED, 1);
		}
	}
	return result;
}

int mux_verdict(struct mux_event *event, enum mux_verdict verdict, uint32_t reason,
		const char *text, uint32_t flags)
{
	bool is_valid = (verdict == MUX_VERDICT_ALLOW || verdict == MUX_VERDICT_DENY) &&
			!(flags & ~MUX_VERDICT_REMEMBER);
	struct wire_verdict wire = {.verdict = MUX_VERDICT_DENY, .reason = reason};
	int result;

	if (!event->request) {
		return -EINVAL;
	}
	if (is_valid) {
		wire.verdict = (uint8_t)verdict;
		wire.flags = (uint8_t)flags;
	}
	wire.text = wire_string_of(text);
	if (wire.text.size > MUX_STRING_MAX) {
		wire.text.size = MUX_STRING_MAX;
	}
	result = send_verdict(event, &wire);
	event->info.agent->verdicts_waiting--;
	event->request = 0;
	event->handle = 0;
	event->info.wants_verdict = false;
	drop(event);
	return result == 0 && !is_valid ? -EINVAL : result;
}

struct mux_file mux_file_path(const char *path)
{
	return (struct mux_file){.path = path, .handle = 0};
}

struct mux_process mux_process_event(const struct mux_event *event)
{
	return (struct mux_process){
		.pid = event->info.pid, .start_us = event->info.start_us, .handle = event->handle};
}

struct mux_process mux_process_listed(const struct mux_process_info *info)
{
	return (struct mux_process){.pid = info->pid, .start_us = info->start_us};
}

struct mux_file mux_file_event(const struct mux_event *event)
{
	return (struct mux_file){.path = event->info.path, .handle = event->handle};
}
