/* SPDX-License-Identifier: MIT */
/* Access requests of one service: see access.h. */
#include "agent-guest/core/access.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent-guest/core/agent.h"

#define RESPONSE_OVERHEAD (MUX_HEADER_SIZE + 64U) /* of a RESPONSE over its data */

/* A request with its paths as strings. */
struct job {
	const struct wire_access *access;
	struct access_request *request;
	struct agent_process_name process; /* of PROCESS_STOP, RESUME and KILL */
	char *path;
	char *path2;
};

static bool is_streamed(uint16_t verb)
{
	return verb == MUX_VERB_READ || verb == MUX_VERB_LIST || verb == MUX_VERB_PROCESSES;
}

static bool is_change(uint16_t verb)
{
	return !is_streamed(verb) && verb != MUX_VERB_STAT;
}

/* ---- the object that a request is about ---- */

/* Has it a component "." or ".."? The audit should name the place that a path leads to. */
static bool has_dots(const char *path)
{
	while ((path = strchr(path, '/')) != NULL) {
		size_t length = strcspn(++path, "/");

		if ((length == 1 || length == 2) && strncmp(path, "..", length) == 0) {
			return true;
		}
	}
	return false;
}

static int copy_path(char to[AGENT_PATH_MAX], struct wire_string from)
{
	if (from.size >= AGENT_PATH_MAX) {
		return -ENAMETOOLONG;
	}
	wire_string_copy(to, AGENT_PATH_MAX, from);
	return from.size == 0 || (from.data[0] == '/' && !has_dots(to)) ? 0 : -EINVAL;
}

/* The operation that a handle names, while this service is asked about it; else NULL. */
static const struct pending_op *find_asked(struct agent *agent, const struct service *service,
					   uint64_t handle)
{
	const struct pending_op *op = pending_find(&agent->pending, handle);

	return op != NULL && op->ask[service - agent->service].state == PENDING_SENT ? op : NULL;
}

static int open_handle(struct agent *agent, const struct service *service, uint64_t handle,
		       void **file)
{
	const struct pending_op *op = find_asked(agent, service, handle);

	if (op == NULL || op->file == NULL) {
		return -ENOENT;
	}
	agent->ops->hold(agent->os, op->file);
	*file = op->file;
	return 0;
}

static int open_object(struct agent *agent, const struct service *service, const struct job *job,
		       void **file)
{
	if (job->access->handle != 0) {
		return open_handle(agent, service, job->access->handle, file);
	}
	if (job->path[0] == '\0') {
		return -EINVAL;
	}
	return agent->ops->open_path(agent->os, job->path, file);
}

/* ---- verbs ---- */

static int encode_stat(struct wire_writer *writer, const struct agent_stat *stat)
{
	struct wire_stat entry = {.size = stat->size,
				  .mtime_us = stat->mtime_us,
				  .mode = stat->mode,
				  .flags = stat->flags,
				  .name = wire_string_of(stat->name)};

	return wire_encode_stat_entry(writer, &entry) == 0 ? 0 : -EOVERFLOW;
}

static int do_stat(struct agent *agent, struct access_request *request, void *file)
{
	struct agent_stat stat;
	struct wire_writer writer;
	int error = agent->ops->stat(agent->os, file, &stat);

	if (error != 0) {
		return error;
	}
	wire_writer_init(&writer, request->result, sizeof(request->result));
	error = encode_stat(&writer, &stat);
	request->result_size = (uint32_t)writer.size;
	return error;
}

static int do_write(struct agent *agent, const struct job *job, void *file)
{
	const struct wire_access *access = job->access;
	int64_t written =
		agent->ops->write(agent->os, file, access->offset, access->data.data,
				  access->data.size, (access->flags & MUX_ACCESS_TRUNCATE) != 0);

	job->request->total = written > 0 ? (uint64_t)written : 0;
	return written < 0 ? (int)written : 0;
}

static int do_quarantine(struct agent *agent, struct access_request *request, void *file)
{
	struct wire_writer writer;
	char id[AGENT_ID_MAX];
	int error = agent->ops->quarantine(agent->os, file, id);

	if (error != 0) {
		return error;
	}
	agent->counters.quarantined++;
	wire_writer_init(&writer, request->result, sizeof(request->result));
	error = wire_encode_string_entry(&writer, wire_string_of(id));
	request->result_size = (uint32_t)writer.size;
	return error == 0 ? 0 : -EOVERFLOW;
}

/* Verbs on an open object. READ and LIST keep it; it is closed after the others. */
static int do_with_object(struct agent *agent, const struct service *service, struct job *job)
{
	struct access_request *request = job->request;
	struct agent_stat stat;
	void *file;
	int error = open_object(agent, service, job, &file);

	if (error != 0) {
		return error;
	}
	switch (request->verb) {
	case MUX_VERB_READ:
		error = agent->ops->stat(agent->os, file, &stat);
		if (error == 0 && (stat.flags & MUX_STAT_DIRECTORY) != 0) {
			error = -EISDIR;
		}
		request->total = error == 0 ? stat.size : 0;
		request->offset = job->access->offset;
		request->left = job->access->length;
		break;
	case MUX_VERB_LIST: break;
	case MUX_VERB_STAT: error = do_stat(agent, request, file); break;
	case MUX_VERB_WRITE: error = do_write(agent, job, file); break;
	case MUX_VERB_RENAME:
		error = job->path2[0] == '\0' ? -EINVAL
					      : agent->ops->rename(agent->os, file, job->path2);
		break;
	case MUX_VERB_DELETE: error = agent->ops->remove(agent->os, file); break;
	case MUX_VERB_QUARANTINE: error = do_quarantine(agent, request, file); break;
	default: error = -ENOSYS; break;
	}
	if (error == 0 && is_streamed(request->verb)) {
		request->file = file;
	} else {
		agent->ops->close(agent->os, file);
	}
	return error;
}

static int do_with_paths(struct agent *agent, const struct job *job)
{
	if (job->path[0] == '\0') {
		return -EINVAL;
	}
	if (job->request->verb == MUX_VERB_RESTORE) {
		return agent->ops->restore(agent->os, job->path, job->path2);
	}
	return agent->ops->create(agent->os, job->path,
				  (job->access->flags & MUX_ACCESS_DIRECTORY) != 0);
}

/* `job->path` gets the image, for the audit. */
static int do_with_process(struct agent *agent, const struct service *service, struct job *job)
{
	const struct wire_access *access = job->access;
	const struct pending_op *op;

	job->process = (struct agent_process_name){.pid = (uint32_t)access->offset,
						   .start_us = access->length};
	if (access->handle != 0) {
		op = find_asked(agent, service, access->handle);
		if (op == NULL) {
			return -ENOENT;
		}
		job->process = (struct agent_process_name){.pid = op->event.pid,
							   .start_us = op->event.start_us,
							   .alive_us = op->event.alive_us};
	}
	return agent->ops->process_control(agent->os, (enum mux_verb)access->verb, &job->process,
					   job->path);
}

static int carry_out(struct agent *agent, const struct service *service, struct job *job)
{
	int error = copy_path(job->path, job->access->path);

	if (error == 0) {
		error = copy_path(job->path2, job->access->path2);
	}
	if (error != 0) {
		return error;
	}
	switch (job->access->verb) {
	case MUX_VERB_CREATE:
	case MUX_VERB_RESTORE: return do_with_paths(agent, job);
	case MUX_VERB_PROCESSES: return 0;
	case MUX_VERB_PROCESS_STOP:
	case MUX_VERB_PROCESS_RESUME:
	case MUX_VERB_PROCESS_KILL: return do_with_process(agent, service, job);
	default: return do_with_object(agent, service, job);
	}
}

/* ---- audit ---- */

/* The event that it would have been had a program done it. */
static enum mux_event_kind event_of(uint16_t verb)
{
	switch (verb) {
	case MUX_VERB_READ:
	case MUX_VERB_LIST:
	case MUX_VERB_STAT: return MUX_EVENT_OPEN;
	case MUX_VERB_WRITE: return MUX_EVENT_WRITE;
	case MUX_VERB_CREATE: return MUX_EVENT_CREATE;
	case MUX_VERB_DELETE: return MUX_EVENT_DELETE;
	case MUX_VERB_PROCESSES:
	case MUX_VERB_PROCESS_RESUME: return MUX_EVENT_PROCESS_START;
	case MUX_VERB_PROCESS_STOP:
	case MUX_VERB_PROCESS_KILL: return MUX_EVENT_PROCESS_STOP;
	default: return MUX_EVENT_RENAME;
	}
}

/* `why` is "" where it was done. */
static void audit_request(struct agent *agent, struct service *service, const struct job *job,
			  const char *why, struct agent_time now)
{
	uint16_t verb = job->access->verb;
	const struct pending_op *op =
		wire_verb_is_process(verb) ? NULL : find_asked(agent, service, job->access->handle);
	struct agent_event event = {.kind = event_of(verb),
				    .path = op != NULL ? op->path : job->path};
	bool is_refused = why[0] != '\0';
	char text[AUDIT_TEXT_MAX];

	snprintf(text, sizeof(text), "%s%s%s", wire_verb_name(verb), is_refused ? ": " : "", why);
	if (job->process.pid != 0) {
		snprintf(text, sizeof(text), "%s pid %u%s%s", wire_verb_name(verb),
			 (unsigned)job->process.pid, is_refused ? ": " : "", why);
	}
	service_audit(agent, service, is_refused ? MUX_AUDIT_REFUSED : MUX_AUDIT_ACCESS, &event, 0,
		      0, is_refused ? MUX_VERDICT_DENY : MUX_VERDICT_ALLOW, text, now);
}

static void audit_refusal(struct agent *agent, struct service *service, const struct job *job,
			  const char *why, struct agent_time now)
{
	agent->counters.refused++;
	audit_request(agent, service, job, why, now);
}

/* ---- requests ---- */

static struct access_request *free_request(struct access *access)
{
	for (unsigned i = 0; i < AGENT_ACCESS_MAX; i++) {
		if (access->request[i].request == 0) {
			return &access->request[i];
		}
	}
	return NULL;
}

/* No slot for it. A peer that asks on and on and does not read even these refusals is cut off. */
static void refuse(struct service *service, uint64_t request, uint16_t verb, struct agent_time now)
{
	struct session *session = &service->peer.session;
	struct wire_response response = {.verb = verb, .status = -EBUSY};

	if (wire_encode_response(session_writer(session), request, false, &response) != 0) {
		session_fail(session, MUX_ERR_LIMIT, NULL, "too many requests", now.us);
	}
}

static int check_verb(const struct agent *agent, const struct service *service, uint16_t verb)
{
	if ((agent->config.verbs >> verb & 1) == 0) {
		return -ENOSYS;
	}
	if ((agent->config.grants.forbidden >> verb & 1) != 0) {
		return -EPERM;
	}
	return (agent_granted(agent, &service->peer) >> verb & 1) != 0 ? 0 : -EACCES;
}

void access_begin(struct agent *agent, struct service *service, uint64_t request,
		  const struct wire_access *access, struct agent_time now)
{
	struct access_request *slot = free_request(&service->access);
	struct job job = {.access = access,
			  .request = slot,
			  .path = agent->scratch_path[0],
			  .path2 = agent->scratch_path[1]};

	agent->counters.accesses++;
	if (slot == NULL) {
		refuse(service, request, access->verb, now);
		return;
	}
	*slot = (struct access_request){.request = request, .verb = access->verb};
	service->access.used++;
	slot->status = check_verb(agent, service, access->verb);
	if (slot->status == -EPERM || slot->status == -EACCES) {
		wire_string_copy(job.path, AGENT_PATH_MAX, access->path);
		job.process.pid = wire_verb_is_process(access->verb) ? (uint32_t)access->offset : 0;
		audit_refusal(agent, service, &job,
			      slot->status == -EPERM ? "forbidden here" : "not granted", now);
	}
	if (slot->status != 0) {
		return;
	}
	slot->status = carry_out(agent, service, &job);
	if (slot->status == 0 && is_change(access->verb)) {
		audit_request(agent, service, &job, "", now);
	} else if (slot->status == -EOPNOTSUPP && wire_verb_is_process(access->verb)) {
		audit_refusal(agent, service, &job, "protected", now);
	}
}

static void end_request(struct agent *agent, struct access *access, struct access_request *request)
{
	if (request->file != NULL) {
		agent->ops->close(agent->os, request->file);
		request->file = NULL;
	}
	request->request = 0;
	access->used--;
}

void access_drop(struct agent *agent, struct service *service)
{
	for (unsigned i = 0; i < AGENT_ACCESS_MAX; i++) {
		if (service->access.request[i].request != 0) {
			end_request(agent, &service->access, &service->access.request[i]);
		}
	}
}

/* ---- pieces of answers ---- */

/* The next piece of file data; true where more follow. */
static bool next_data(struct agent *agent, struct access_request *request,
		      struct wire_response *response)
{
	size_t wanted = request->left < MUX_DATA_MAX ? (size_t)request->left : MUX_DATA_MAX;
	const void *data = NULL;
	int64_t size = agent->ops->read(agent->os, request->file, request->offset, agent->scratch,
					wanted, &data);

	response->offset = request->offset;
	response->total = request->total;
	if (size < 0) {
		response->status = (int32_t)size;
		return false;
	}
	response->data = (struct wire_bytes){.data = data, .size = (uint32_t)size};
	request->offset += (uint64_t)size;
	request->left -= (uint64_t)size;
	return size > 0 && request->left > 0 && request->offset < request->total;
}

/* Entry at *cursor encoded: 1, 0 at the end, -EOVERFLOW where it does not fit, or another error. */
static int next_entry(struct agent *agent, struct access_request *request, uint64_t *cursor,
		      struct wire_writer *writer)
{
	struct agent_stat stat;
	struct agent_process process;
	struct wire_process entry;
	int more;

	if (request->verb == MUX_VERB_LIST) {
		more = agent->ops->list(agent->os, request->file, cursor, &stat);
		if (more <= 0) {
			return more;
		}
		return encode_stat(writer, &stat) == 0 ? 1 : -EOVERFLOW;
	}
	more = agent->ops->process_next(agent->os, cursor, &process);
	if (more <= 0) {
		return more;
	}
	entry = (struct wire_process){.pid = process.pid,
				      .parent = process.parent,
				      .start_us = process.start_us,
				      .image = wire_string_of(process.image)};
	return wire_encode_process_entry(writer, &entry) == 0 ? 1 : -EOVERFLOW;
}

static bool next_entries(struct agent *agent, struct access_request *request,
			 struct wire_response *response)
{
	struct wire_writer writer;
	uint64_t cursor = request->cursor;
	int more;

	wire_writer_init(&writer, agent->scratch, AGENT_LIST_CHUNK);
	while ((more = next_entry(agent, request, &cursor, &writer)) == 1) {
		request->cursor = cursor;
		request->total++;
	}
	response->total = request->total;
	response->status = more == -EOVERFLOW ? 0 : (int32_t)more;
	if (response->status == 0) {
		response->data =
			(struct wire_bytes){.data = writer.data, .size = (uint32_t)writer.size};
	}
	return more == -EOVERFLOW;
}

/* Queues one piece; the request ends with its last one. */
static void answer_piece(struct agent *agent, struct service *service,
			 struct access_request *request)
{
	struct wire_response response = {.verb = request->verb,
					 .status = request->status,
					 .total = request->total,
					 .data = {request->result, request->result_size}};
	bool more = false;

	if (request->status != 0) {
		response.data.size = 0;
		response.total = 0;
	} else if (request->verb == MUX_VERB_READ) {
		more = next_data(agent, request, &response);
	} else if (is_streamed(request->verb)) {
		more = next_entries(agent, request, &response);
	}
	(void)wire_encode_response(session_writer(&service->peer.session), request->request, more,
				   &response);
	if (!more) {
		end_request(agent, &service->access, request);
	}
}

static size_t piece_room(const struct access_request *request)
{
	size_t data = request->verb == MUX_VERB_READ ? MUX_DATA_MAX
		      : is_streamed(request->verb)   ? AGENT_LIST_CHUNK
						     : ACCESS_RESULT_MAX;

	return data + RESPONSE_OVERHEAD + AGENT_OUTPUT_RESERVE;
}

void access_pump(struct agent *agent, struct service *service)
{
	struct access *access = &service->access;

	while (access->used > 0 && service->peer.session.state == SESSION_OPEN) {
		struct access_request *request = &access->request[access->turn];

		if (request->request != 0) {
			if (session_room(&service->peer.session) < piece_room(request)) {
				return;
			}
			answer_piece(agent, service, request);
		}
		access->turn = (access->turn + 1) % AGENT_ACCESS_MAX;
	}
}
