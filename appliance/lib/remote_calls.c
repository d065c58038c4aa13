/* SPDX-License-Identifier: MIT */
/* The public calls for access requests: what each verb asks for. */
#include <errno.h>

#include "appliance/lib/remote_request.h"

int64_t mux_read(struct mux_agent *agent, struct mux_file file, uint64_t offset, uint64_t length,
		 mux_data_callback data, const struct mux_call *call)
{
	struct remote_request from = {.verb = MUX_VERB_READ,
				      .handle = file.handle,
				      .offset = offset,
				      .left = length < UINT64_MAX - offset ? length
									   : UINT64_MAX - offset,
				      .on_data = data};

	return data ? remote_request_start(agent, &from, file.path, "", call) : -EINVAL;
}

int64_t mux_write(struct mux_agent *agent, struct mux_file file, uint64_t offset, const void *data,
		  size_t size, uint32_t flags, const struct mux_call *call)
{
	struct remote_request from = {.verb = MUX_VERB_WRITE,
				      .flags = (uint16_t)(flags & MUX_ACCESS_TRUNCATE),
				      .handle = file.handle,
				      .offset = offset,
				      .left = size,
				      .data = data};

	if ((flags & ~MUX_ACCESS_TRUNCATE) || size > UINT64_MAX - offset || (size && !data)) {
		return -EINVAL;
	}
	return remote_request_start(agent, &from, file.path, "", call);
}

int64_t mux_create(struct mux_agent *agent, const char *path, uint32_t flags,
		   const struct mux_call *call)
{
	struct remote_request from = {.verb = MUX_VERB_CREATE,
				      .flags = (uint16_t)(flags & MUX_ACCESS_DIRECTORY)};

	return flags & ~MUX_ACCESS_DIRECTORY ? -EINVAL
					     : remote_request_start(agent, &from, path, "", call);
}

int64_t mux_delete(struct mux_agent *agent, struct mux_file file, const struct mux_call *call)
{
	struct remote_request from = {.verb = MUX_VERB_DELETE, .handle = file.handle};

	return remote_request_start(agent, &from, file.path, "", call);
}

int64_t mux_rename(struct mux_agent *agent, struct mux_file file, const char *new_path,
		   const struct mux_call *call)
{
	struct remote_request from = {.verb = MUX_VERB_RENAME, .handle = file.handle};

	return remote_request_start(agent, &from, file.path, new_path, call);
}

int64_t mux_list(struct mux_agent *agent, const char *path, mux_stat_callback entry,
		 const struct mux_call *call)
{
	struct remote_request from = {.verb = MUX_VERB_LIST, .on_stat = entry};

	return entry ? remote_request_start(agent, &from, path, "", call) : -EINVAL;
}

int64_t mux_stat(struct mux_agent *agent, struct mux_file file, const struct mux_call *call)
{
	struct remote_request from = {.verb = MUX_VERB_STAT, .handle = file.handle};

	return remote_request_start(agent, &from, file.path, "", call);
}

int64_t mux_quarantine(struct mux_agent *agent, struct mux_file file, const struct mux_call *call)
{
	struct remote_request from = {.verb = MUX_VERB_QUARANTINE, .handle = file.handle};

	return remote_request_start(agent, &from, file.path, "", call);
}

int64_t mux_restore(struct mux_agent *agent, const char *quarantine_id, const struct mux_call *call)
{
	struct remote_request from = {.verb = MUX_VERB_RESTORE};

	return remote_request_start(agent, &from, quarantine_id, "", call);
}

int64_t mux_processes(struct mux_agent *agent, mux_process_callback process,
		      const struct mux_call *call)
{
	struct remote_request from = {.verb = MUX_VERB_PROCESSES, .on_process = process};

	return process ? remote_request_start(agent, &from, "", "", call) : -EINVAL;
}

static int64_t control(struct mux_agent *agent, enum mux_verb verb, struct mux_process process,
		       const struct mux_call *call)
{
	struct remote_request from = {.verb = (uint16_t)verb, .handle = process.handle};

	if (!process.handle) {
		if (!process.pid || !process.start_us) {
			return -EINVAL;
		}
		from.offset = process.pid;
		from.start_us = process.start_us;
	}
	return remote_request_start(agent, &from, "", "", call);
}

int64_t mux_process_stop(struct mux_agent *agent, struct mux_process process,
			 const struct mux_call *call)
{
	return control(agent, MUX_VERB_PROCESS_STOP, process, call);
}

int64_t mux_process_resume(struct mux_agent *agent, struct mux_process process,
			   const struct mux_call *call)
{
	return control(agent, MUX_VERB_PROCESS_RESUME, process, call);
}

int64_t mux_process_kill(struct mux_agent *agent, struct mux_process process,
			 const struct mux_call *call)
{
	return control(agent, MUX_VERB_PROCESS_KILL, process, call);
}
