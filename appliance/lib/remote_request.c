/* SPDX-License-Identifier: MIT */
#include "appliance/lib/remote_request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/lib/service.h"

/* A long read is asked for in windows of this size, so that stopping it wastes little. */
#define READ_WINDOW (1024U * 1024U)
/* Requests are sent while less than this waits in the output: verdicts always find room. */
#define OUTPUT_HIGH (2U * WIRE_MESSAGE_MAX)

/* ---- the list ---- */

static struct remote_request **find(struct mux_agent *agent, uint64_t id)
{
	struct remote_request **place = &agent->requests;

	while (*place && (*place)->id != id) {
		place = &(*place)->next;
	}
	return place;
}

static void take_out(struct mux_agent *agent, struct remote_request *request)
{
	struct remote_request **place = find(agent, request->id);

	*place = request->next;
	agent->request_count--;
	agent->requests_sent -= request->state != REQUEST_QUEUED;
	free(request);
}

static uint64_t timeout_of(const struct remote_request *request)
{
	return request->call.timeout_ms ? request->call.timeout_ms : MUX_TIMEOUT_DEFAULT_MS;
}

/* Nobody waits for it any more; it is freed, or kept until the agent's last answer. */
static void abandon(struct mux_agent *agent, struct remote_request *request, bool is_answered)
{
	if (request->state == REQUEST_QUEUED || is_answered) {
		take_out(agent, request);
		return;
	}
	request->state = REQUEST_ENDED;
	request->due_ms = UINT64_MAX;
}

/* What `done` is told. */
struct ending {
	int status;
	bool is_answered; /* the agent has nothing more to say */
	const char *quarantine_id;
	const struct mux_stat_info *stat;
};

/* Ends the request, then calls back: the callback may start and cancel others. */
static void end(struct mux_agent *agent, struct remote_request *request,
		const struct ending *ending)
{
	struct mux_call call = request->call;
	struct mux_result result = {.agent = agent,
				    .request = (int64_t)request->id,
				    .verb = (enum mux_verb)request->verb,
				    .status = ending->status,
				    .total = request->total,
				    .bytes = request->bytes,
				    .quarantine_id = ending->quarantine_id,
				    .stat = ending->stat};

	abandon(agent, request, ending->is_answered);
	if (call.done) {
		call.done(&result, call.context);
	}
}

/* ---- sending ---- */

static uint64_t least(uint64_t one, uint64_t other)
{
	return one < other ? one : other;
}

/* Sends the request, or its next part. */
static void send_part(struct mux_agent *agent, struct remote_request *request, uint64_t now_ms)
{
	struct wire_access access = {.verb = request->verb,
				     .flags = request->flags,
				     .handle = request->handle,
				     .offset = request->offset,
				     .length = request->start_us,
				     .path = wire_string_of(request->path),
				     .path2 = wire_string_of(request->path2)};
	struct wire_writer writer = remote_writer(agent);

	if (request->verb == MUX_VERB_READ) {
		request->window = least(request->left, READ_WINDOW);
		access.length = request->window;
	} else if (request->verb == MUX_VERB_WRITE) {
		access.data.size = (uint32_t)least(request->left, MUX_DATA_MAX);
		access.data.data = request->data;
		access.length = access.data.size;
		if (access.data.size < request->left) {
			/* The file ends after the last part only. */
			access.flags &= (uint16_t)~MUX_ACCESS_TRUNCATE;
		}
	}
	request->due_ms = now_ms + timeout_of(request);
	remote_send(agent, &writer, wire_encode_access(&writer, request->id, &access));
}

static bool can_send(const struct mux_agent *agent)
{
	return agent->requests_sent < REMOTE_REQUESTS_SENT_MAX &&
	       connection_waiting(&agent->connection) < OUTPUT_HIGH;
}

static struct remote_request *first_queued(const struct mux_agent *agent)
{
	struct remote_request *request = agent->requests;

	while (request && request->state != REQUEST_QUEUED) {
		request = request->next;
	}
	return request;
}

void remote_request_send(struct mux_agent *agent, uint64_t now_ms)
{
	struct remote_request *request = first_queued(agent);

	while (request && agent->state == REMOTE_UP && can_send(agent)) {
		if (request->state == REQUEST_QUEUED) {
			request->state = REQUEST_SENT;
			agent->requests_sent++;
			send_part(agent, request, now_ms);
		}
		request = request->next;
	}
}

/* ---- answers ---- */

/* true: the request goes on. */
static bool take_read(struct mux_agent *agent, struct remote_request *request,
		      const struct wire_response *response, bool is_last, uint64_t now_ms)
{
	uint32_t size = response->data.size;
	struct ending stopped = {.status = -ECANCELED, .is_answered = is_last};
	uint64_t id = request->id;
	bool goes_on;

	request->total = response->total;
	request->offset += size;
	request->bytes += size;
	request->left -= size;
	request->window -= size;
	if (size) {
		goes_on = request->on_data(agent, response->offset, response->data.data, size,
					   request->call.context);
		/* The callback may have cancelled it. */
		request = *find(agent, id);
		if (!request || request->state != REQUEST_SENT) {
			if (request && is_last) {
				take_out(agent, request);
			}
			return true;
		}
		if (!goes_on) {
			end(agent, request, &stopped);
			return true;
		}
	}
	if (!is_last) {
		return true;
	}
	if (request->window == 0 && request->left > 0 && request->offset < request->total &&
	    agent->state == REMOTE_UP) {
		send_part(agent, request, now_ms);
		return true;
	}
	return false;
}

static bool take_write(struct mux_agent *agent, struct remote_request *request,
		       const struct wire_response *response, uint64_t now_ms)
{
	request->offset += response->total;
	request->bytes += response->total;
	request->left -= response->total;
	request->data += response->total;
	if (request->left > 0 && response->total > 0 && agent->state == REMOTE_UP) {
		send_part(agent, request, now_ms);
		return true;
	}
	return false;
}

static void copy_stat(struct mux_stat_info *info, const struct wire_stat *wire, char *name)
{
	wire_string_copy(name, MUX_STRING_MAX + 1, wire->name);
	*info = (struct mux_stat_info){.name = name,
				       .size = wire->size,
				       .mtime_us = wire->mtime_us,
				       .mode = wire->mode,
				       .flags = wire->flags};
}

/* Entries to the callback; a callback that cancels its request gets no more. */
static void take_entries(struct mux_agent *agent, uint64_t id, const struct wire_response *response)
{
	struct wire_list list = wire_list_of(response->data);
	struct remote_request *request = *find(agent, id);
	char name[MUX_STRING_MAX + 1];
	struct mux_stat_info info;
	struct wire_process process;
	struct wire_stat stat;

	while (request && request->state == REQUEST_SENT) {
		if (request->verb == MUX_VERB_LIST) {
			if (wire_next_stat(&list, &stat) != 1) {
				return;
			}
			copy_stat(&info, &stat, name);
			request->on_stat(agent, &info, request->call.context);
		} else {
			if (wire_next_process(&list, &process) != 1) {
				return;
			}
			wire_string_copy(name, sizeof(name), process.image);
			request->on_process(
				agent,
				&(struct mux_process_info){.image = name,
							   .pid = process.pid,
							   .parent = process.parent,
							   .start_us = process.start_us},
				request->call.context);
		}
		request = *find(agent, id);
	}
}

/* Does the answer belong to what was asked? */
static bool fits(const struct remote_request *request, const struct wire_response *response,
		 bool is_last)
{
	if (response->verb != request->verb) {
		return false;
	}
	switch (request->verb) {
	case MUX_VERB_READ:
		return response->status ||
		       (response->data.size <= request->window &&
			(!response->data.size || response->offset == request->offset));
	case MUX_VERB_WRITE:
		return is_last &&
		       (response->status || response->total <= least(request->left, MUX_DATA_MAX));
	case MUX_VERB_LIST:
	case MUX_VERB_PROCESSES: return true;
	default: return is_last;
	}
}

/* The last answer of a request that gives one result. */
static void end_with_result(struct mux_agent *agent, struct remote_request *request,
			    const struct wire_response *response)
{
	struct ending ending = {.status = response->status, .is_answered = true};
	struct wire_list list = wire_list_of(response->data);
	char text[MUX_STRING_MAX + 1];
	struct mux_stat_info info;
	struct wire_string string;
	struct wire_stat stat;

	if (response->status == 0 && request->verb == MUX_VERB_QUARANTINE &&
	    wire_next_string(&list, &string) == 1) {
		wire_string_copy(text, sizeof(text), string);
		ending.quarantine_id = text;
	} else if (response->status == 0 && request->verb == MUX_VERB_STAT &&
		   wire_next_stat(&list, &stat) == 1) {
		copy_stat(&info, &stat, text);
		ending.stat = &info;
	}
	end(agent, request, &ending);
}

/* An answer to a request that somebody waits for. */
static void take_answer(struct mux_agent *agent, struct remote_request *request,
			const struct wire_response *response, bool is_last, uint64_t now_ms)
{
	uint64_t id = request->id;

	request->due_ms = now_ms + timeout_of(request);
	if (response->status == 0) {
		switch (request->verb) {
		case MUX_VERB_READ:
			if (take_read(agent, request, response, is_last, now_ms)) {
				return;
			}
			break;
		case MUX_VERB_WRITE:
			if (take_write(agent, request, response, now_ms)) {
				return;
			}
			break;
		case MUX_VERB_LIST:
		case MUX_VERB_PROCESSES:
			request->total = response->total;
			take_entries(agent, id, response);
			break;
		default: break;
		}
	}
	request = is_last ? *find(agent, id) : NULL;
	if (!request) {
		return;
	}
	if (request->state == REQUEST_SENT) {
		end_with_result(agent, request, response);
	} else {
		take_out(agent, request);
	}
}

int remote_request_receive(struct mux_agent *agent, const struct wire_message *message,
			   uint64_t now_ms)
{
	bool is_last = !(message->header.flags & MUX_FLAG_MORE);
	struct remote_request *request = *find(agent, message->header.request);
	struct wire_response response;
	int error = wire_decode_response(message, &response);

	if (error) {
		return error;
	}
	if (!request || request->state == REQUEST_QUEUED) {
		return -MUX_ERR_UNEXPECTED;
	}
	if (request->state == REQUEST_ENDED) {
		if (is_last) {
			take_out(agent, request);
		}
		return 0;
	}
	if (!fits(request, &response, is_last)) {
		return -MUX_ERR_UNEXPECTED;
	}
	take_answer(agent, request, &response, is_last, now_ms);
	return 0;
}

void remote_request_refused(struct mux_agent *agent, uint64_t id, enum mux_error code)
{
	struct remote_request *request = *find(agent, id);
	struct ending ending = {.status = code == MUX_ERR_DENIED ? -EPERM : -EPROTO,
				.is_answered = true};

	if (request && request->state == REQUEST_SENT) {
		end(agent, request, &ending);
	} else if (request && request->state == REQUEST_ENDED) {
		take_out(agent, request);
	}
}

/* ---- time ---- */

static struct remote_request *first_overdue(const struct mux_agent *agent, uint64_t now_ms)
{
	struct remote_request *request = agent->requests;

	while (request && (request->state == REQUEST_ENDED || now_ms < request->due_ms)) {
		request = request->next;
	}
	return request;
}

void remote_request_tick(struct mux_agent *agent, uint64_t now_ms)
{
	struct ending ending = {.status = -ETIMEDOUT};
	struct remote_request *request;

	/* Requests that callbacks start now are due later: this ends. */
	while ((request = first_overdue(agent, now_ms)) != NULL) {
		end(agent, request, &ending);
	}
	remote_request_send(agent, now_ms);
}

uint64_t remote_request_next_due(const struct mux_agent *agent)
{
	uint64_t due = UINT64_MAX;

	if (can_send(agent) && first_queued(agent)) {
		return 0;
	}
	for (const struct remote_request *request = agent->requests; request;
	     request = request->next) {
		if (request->state != REQUEST_ENDED) {
			due = least(due, request->due_ms);
		}
	}
	return due;
}

void remote_request_end_all(struct mux_agent *agent, bool with_callbacks)
{
	struct ending ending = {.status = -ENOTCONN, .is_answered = true};

	while (agent->requests) {
		if (with_callbacks && agent->requests->state != REQUEST_ENDED) {
			end(agent, agent->requests, &ending);
		} else {
			take_out(agent, agent->requests);
		}
	}
}

/* ---- the beginning ---- */

static bool is_path(const char *path)
{
	return path && strlen(path) <= MUX_STRING_MAX;
}

static int check(const struct mux_agent *agent, enum mux_verb verb, const char *path,
		 const char *path2)
{
	if (agent->state != REMOTE_UP) {
		return -ENOTCONN;
	}
	if (!(agent->info.verbs & (UINT64_C(1) << verb))) {
		return -ENOTSUP;
	}
	if (!is_path(path) || !is_path(path2)) {
		return -EINVAL;
	}
	return agent->request_count < MUX_REQUESTS_MAX ? 0 : -EAGAIN;
}

int64_t remote_request_start(struct mux_agent *agent, const struct remote_request *from,
			     const char *path, const char *path2, const struct mux_call *call)
{
	int error = check(agent, (enum mux_verb)from->verb, path, path2);
	struct remote_request **place = &agent->requests;
	struct remote_request *request;
	size_t size;

	if (error) {
		return error;
	}
	size = strlen(path) + 1;
	request = malloc(sizeof(*request) + size + strlen(path2) + 1);
	if (!request) {
		return -ENOMEM;
	}
	*request = *from;
	request->id = ++agent->service->last_request;
	request->state = REQUEST_QUEUED;
	request->path2 = request->path + size;
	memcpy(request->path, path, size);
	memcpy(request->path2, path2, strlen(path2) + 1);
	request->call = call ? *call : (struct mux_call){0};
	request->due_ms = mux_time_ms() + timeout_of(request);
	request->next = NULL;
	while (*place) {
		place = &(*place)->next;
	}
	*place = request;
	agent->request_count++;
	mux_counter_add(agent->service, MUX_COUNTER_ACCESSES, 1);
	return (int64_t)request->id;
}

int mux_cancel(struct mux_agent *agent, int64_t id)
{
	struct remote_request *request = id > 0 ? *find(agent, (uint64_t)id) : NULL;

	if (!request || request->state == REQUEST_ENDED) {
		return -ENOENT;
	}
	abandon(agent, request, false);
	return 0;
}
