/* SPDX-License-Identifier: MIT */
/* The file layer with notification hooks: see vfs.h. */
#include "agent-guest/bare/vfs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define STAGE_DONE 100U

void vfs_init(struct vfs *vfs, struct ramfs *fs, struct agent *agent,
	      struct agent_time (*now)(void *clock), void *clock)
{
	*vfs = (struct vfs){.fs = fs, .agent = agent, .now = now, .clock = clock};
}

/* Paths have no ".." and there are no links, so the first component tells. */
static bool is_in_quarantine(const char *path)
{
	size_t length = sizeof(VFS_QUARANTINE) - 2;

	path += strspn(path, "/");
	return strncmp(path, &VFS_QUARANTINE[1], length) == 0 &&
	       (path[length] == '\0' || path[length] == '/');
}

static void finish(struct vfs_call *call, int result)
{
	call->result = result;
	call->stage = STAGE_DONE;
}

/* ---- notifications ---- */

static void keep_ruling(struct vfs_call *call, const struct agent_decision *decision)
{
	if (decision->cause == AGENT_CAUSE_NONE) {
		return;
	}
	call->ruling.cause = decision->cause;
	call->ruling.ticks = decision->ticks;
	snprintf(call->ruling.service, sizeof(call->ruling.service), "%s", decision->service);
	snprintf(call->ruling.text, sizeof(call->ruling.text), "%s", decision->text);
}

static void note_seen(struct vfs *vfs, struct ramfs_node *node)
{
	if (!node->is_seen && !node->is_directory) {
		node->is_seen = true;
		vfs->agent->counters.files_seen++;
	}
}

/* Tells the agent; the call goes on with `stage`, at once or after the decision. */
static void tell(struct vfs *vfs, struct vfs_call *call, enum mux_event_kind kind, const char *path,
		 const char *path2, unsigned stage)
{
	struct agent_decision decision;
	struct agent_event event = {.kind = kind,
				    .can_wait = true,
				    .cookie = ++vfs->cookie,
				    .file_id = call->node->id,
				    .file_version = call->node->version,
				    .size = call->node->size,
				    .pid = call->pid,
				    .start_us = call->start_us,
				    .path = path,
				    .path2 = path2,
				    .process = call->process};
	enum agent_answer answer;

	call->stage = stage;
	note_seen(vfs, call->node);
	vfs->asking = call->node;
	answer = agent_notify(vfs->agent, &event, vfs->now(vfs->clock), &decision);
	vfs->asking = NULL;
	if (answer == AGENT_WAIT) {
		call->is_waiting = true;
		call->cookie = event.cookie;
		call->next = vfs->waiting;
		vfs->waiting = call;
		return;
	}
	call->is_denied = answer == AGENT_DENY;
	keep_ruling(call, &decision);
}

/* The same with the node's own path. */
static void tell_node(struct vfs *vfs, struct vfs_call *call, enum mux_event_kind kind,
		      unsigned stage)
{
	if (ramfs_path(call->node, vfs->path) != 0) {
		/* Closed after its name went away: the name that it had is told. */
		snprintf(vfs->path, sizeof(vfs->path), "%s", call->name);
	}
	tell(vfs, call, kind, vfs->path, "", stage);
}

void vfs_decide(struct vfs *vfs, uint64_t cookie, const struct agent_decision *decision)
{
	struct vfs_call **at = &vfs->waiting;

	while (*at != NULL && (*at)->cookie != cookie) {
		at = &(*at)->next;
	}
	if (*at != NULL) {
		struct vfs_call *call = *at;

		*at = call->next;
		call->is_waiting = false;
		call->is_denied = decision->verdict == MUX_VERDICT_DENY;
		keep_ruling(call, decision);
	}
}

void vfs_tell_process(struct vfs *vfs, enum mux_event_kind kind, uint32_t pid, uint64_t start_us,
		      const char *image)
{
	struct agent_decision decision;
	struct agent_event event = {.kind = kind,
				    .pid = pid,
				    .start_us = start_us,
				    .path = image,
				    .path2 = "",
				    .process = image};

	(void)agent_notify(vfs->agent, &event, vfs->now(vfs->clock), &decision);
}

/* ---- calls ---- */

static void hold_node(struct vfs_call *call, struct ramfs_node *node)
{
	call->node = node;
	ramfs_hold(node);
}

/* Finds the object of the call and holds it. */
static int find(struct vfs *vfs, struct vfs_call *call)
{
	struct ramfs_node *node;
	int error;

	if (is_in_quarantine(call->path)) {
		return -EACCES;
	}
	error = ramfs_find(vfs->fs, call->path, &node);
	if (error == 0) {
		hold_node(call, node);
	}
	return error;
}

static int create(struct vfs *vfs, struct vfs_call *call, bool is_directory)
{
	struct ramfs_node *node;
	int error;

	if (is_in_quarantine(call->path)) {
		return -EACCES;
	}
	error = ramfs_create(vfs->fs, call->path, is_directory, vfs->now(vfs->clock).us, &node);
	if (error == 0) {
		hold_node(call, node);
	}
	return error;
}

/* Did the object lose its name while the call waited (deleted or put into quarantine)? */
static int check_still_there(const struct vfs_call *call)
{
	if (call->node->origin != NULL) {
		return -EACCES;
	}
	return call->node->parent == NULL ? -ENOENT : 0;
}

/* The end of a call that was allowed before it happens: 0 or the reason why it does not. */
static int check_allowed(const struct vfs_call *call)
{
	return call->is_denied ? -EACCES : check_still_there(call);
}

static void open_begin(struct vfs *vfs, struct vfs_call *call)
{
	int error = find(vfs, call);

	if (error == -ENOENT && (call->flags & VFS_CREATE) != 0) {
		error = create(vfs, call, false);
		if (error == 0) {
			tell_node(vfs, call, MUX_EVENT_CREATE, 1);
			return;
		}
	}
	if (error == 0 && (call->flags & VFS_EXCLUSIVE) != 0) {
		error = -EEXIST;
	}
	if (error == 0 && call->node->is_directory) {
		error = -EISDIR;
	}
	if (error != 0) {
		finish(call, error);
		return;
	}
	tell_node(vfs, call, MUX_EVENT_OPEN, 1);
}

static void open_end(struct vfs *vfs, struct vfs_call *call)
{
	int error = check_allowed(call);

	if (error == 0 && (call->flags & VFS_TRUNCATE) != 0 && call->node->size > 0) {
		error = ramfs_truncate(call->node, 0, vfs->now(vfs->clock).us);
	}
	if (error == 0) {
		ramfs_hold(call->node);
		*call->file = (struct vfs_file){.node = call->node};
	}
	finish(call, error);
}

static void close_step(struct vfs *vfs, struct vfs_call *call)
{
	bool is_dirty = call->file->is_dirty;

	if (call->stage == 0) {
		hold_node(call, call->file->node);
		call->stage = 1;
		if (is_dirty) {
			tell_node(vfs, call, MUX_EVENT_WRITE, 1);
			return;
		}
	}
	if (call->stage == 1) {
		call->result = call->is_denied ? -EACCES : 0;
		tell_node(vfs, call, MUX_EVENT_CLOSE, 2);
		return;
	}
	ramfs_release(call->file->node);
	call->file->node = NULL;
	finish(call, call->is_denied ? -EACCES : call->result);
}

static void mkdir_step(struct vfs *vfs, struct vfs_call *call)
{
	int error;

	if (call->stage == 0) {
		error = create(vfs, call, true);
		if (error == 0) {
			tell_node(vfs, call, MUX_EVENT_CREATE, 1);
		} else {
			finish(call, error);
		}
		return;
	}
	finish(call, call->is_denied ? -EACCES : 0);
}

static void rename_step(struct vfs *vfs, struct vfs_call *call)
{
	int error;

	if (call->stage != 0) {
		finish(call, call->is_denied ? -EACCES : 0);
		return;
	}
	error = is_in_quarantine(call->path2) ? -EACCES : find(vfs, call);
	if (error == 0) {
		error = ramfs_path(call->node, call->name);
	}
	if (error == 0) {
		error = ramfs_rename(vfs->fs, call->node, call->path2);
	}
	if (error == 0) {
		error = ramfs_path(call->node, vfs->path);
	}
	if (error != 0) {
		finish(call, error);
		return;
	}
	tell(vfs, call, MUX_EVENT_RENAME, call->name, vfs->path, 1);
}

static void delete_step(struct vfs *vfs, struct vfs_call *call)
{
	int error;

	if (call->stage == 0) {
		error = find(vfs, call);
		if (error == 0) {
			tell_node(vfs, call, MUX_EVENT_DELETE, 1);
		} else {
			finish(call, error);
		}
		return;
	}
	error = check_allowed(call);
	finish(call, error == 0 ? ramfs_remove(vfs->fs, call->node) : error);
}

static void execute_step(struct vfs *vfs, struct vfs_call *call)
{
	int error;

	if (call->stage == 0) {
		error = find(vfs, call);
		if (error == 0 && call->node->is_directory) {
			error = -EISDIR;
		}
		if (error == 0) {
			tell_node(vfs, call, MUX_EVENT_EXECUTE, 1);
		} else {
			finish(call, error);
		}
		return;
	}
	finish(call, check_allowed(call));
}

static void step(struct vfs *vfs, struct vfs_call *call)
{
	switch (call->action) {
	case VFS_OPEN:
		if (call->stage == 0) {
			open_begin(vfs, call);
		} else {
			open_end(vfs, call);
		}
		break;
	case VFS_CLOSE: close_step(vfs, call); break;
	case VFS_MKDIR: mkdir_step(vfs, call); break;
	case VFS_RENAME: rename_step(vfs, call); break;
	case VFS_DELETE: delete_step(vfs, call); break;
	case VFS_EXECUTE: execute_step(vfs, call); break;
	}
}

void vfs_start(struct vfs *vfs, struct vfs_call *call)
{
	(void)vfs;
	call->result = 0;
	call->ruling = (struct vfs_ruling){.cause = AGENT_CAUSE_NONE};
	call->node = NULL;
	call->stage = 0;
	call->is_waiting = false;
	call->is_denied = false;
	if (call->action == VFS_CLOSE && ramfs_path(call->file->node, call->name) != 0) {
		call->name[0] = '\0';
	}
}

bool vfs_advance(struct vfs *vfs, struct vfs_call *call)
{
	while (!call->is_waiting && call->stage != STAGE_DONE) {
		step(vfs, call);
	}
	return !call->is_waiting;
}

void vfs_end(struct vfs_call *call)
{
	if (call->node != NULL) {
		ramfs_release(call->node);
		call->node = NULL;
	}
}

size_t vfs_read(const struct vfs_file *file, uint64_t offset, size_t size, const void **data)
{
	return ramfs_read(file->node, offset, size, data);
}

int vfs_write(struct vfs *vfs, struct vfs_file *file, uint64_t offset, const void *data,
	      size_t size)
{
	int error = ramfs_write(file->node, offset, data, size, vfs->now(vfs->clock).us);

	file->is_dirty = file->is_dirty || error == 0;
	return error;
}
