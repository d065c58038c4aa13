/* SPDX-License-Identifier: MIT */
/* Commands on files and processes: see commands.h. */
#include "agent-guest/bare/commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILL_CHUNK 4096U

/* ---- calls ---- */

static void begin_call(struct guest *guest, struct task *task, enum vfs_action action,
		       const char *path, uint32_t flags)
{
	task->call.action = action;
	task->call.flags = flags;
	task->call.path = path;
	task->call.pid = task->process->pid;
	task->call.start_us = task->process->start_us;
	task->call.process = task->process->image;
	vfs_start(&guest->vfs, &task->call);
}

static void begin_open(struct guest *guest, struct task *task, const char *path, uint32_t flags,
		       struct vfs_file *file)
{
	task->call.file = file;
	begin_call(guest, task, VFS_OPEN, path, flags);
}

static void begin_close(struct guest *guest, struct task *task, struct vfs_file *file)
{
	task->call.file = file;
	begin_call(guest, task, VFS_CLOSE, NULL, 0);
}

/* true: the call is done; its result is kept, the first error counts. */
static bool end_call(struct guest *guest, struct task *task)
{
	struct vfs_call *call = &task->call;

	if (!vfs_advance(&guest->vfs, call)) {
		return false;
	}
	if (task->error == 0) {
		task->error = call->result;
		if (call->ruling.cause != AGENT_CAUSE_NONE) {
			task->ruling = call->ruling;
		}
	}
	vfs_end(call);
	return true;
}

/* ---- contents ---- */

/* A pattern that differs from file to file. */
static int fill(struct guest *guest, struct task *task, uint64_t size)
{
	uint8_t chunk[FILL_CHUNK / 4];
	int error = 0;

	for (uint64_t at = 0; at < size && error == 0; at += sizeof(chunk)) {
		size_t piece = size - at < sizeof(chunk) ? (size_t)(size - at) : sizeof(chunk);

		for (size_t i = 0; i < piece; i++) {
			chunk[i] = (uint8_t)((at + i) * 31 + task->file.node->id);
		}
		error = vfs_write(&guest->vfs, &task->file, at, chunk, piece);
	}
	return error;
}

/* The text of an argument: a number of bytes, or the text itself and a line end. */
static int put_text(struct guest *guest, struct task *task)
{
	const char *text = task->line.argv[1];
	uint64_t size;
	int error;

	if (task->line.argc < 2) {
		return 0;
	}
	if (!task->line.is_quoted[1] && script_number(text, &size)) {
		return fill(guest, task, size);
	}
	error = vfs_write(&guest->vfs, &task->file, task->file.node->size, text, strlen(text));
	if (error == 0) {
		error = vfs_write(&guest->vfs, &task->file, task->file.node->size, "\n", 1);
	}
	return error;
}

/* Writes the first byte once more: a change that leaves the content as it is. */
static int rewrite(struct guest *guest, struct task *task)
{
	const void *data;
	size_t size = vfs_read(&task->file, 0, 1, &data);

	return vfs_write(&guest->vfs, &task->file, 0, size > 0 ? data : "", size);
}

static int read_all(struct task *task)
{
	volatile uint8_t sum = 0;
	const void *data;
	size_t size = vfs_read(&task->file, 0, SIZE_MAX, &data);

	for (size_t i = 0; i < size; i += 64) {
		sum = (uint8_t)(sum + ((const uint8_t *)data)[i]);
	}
	return 0;
}

static uint32_t open_flags(enum script_command how)
{
	switch (how) {
	case SCRIPT_CREATE: return VFS_CREATE | VFS_EXCLUSIVE;
	case SCRIPT_WRITE: return VFS_CREATE | VFS_TRUNCATE;
	case SCRIPT_APPEND: return VFS_CREATE;
	default: return 0;
	}
}

/* What happens between open and close. */
static int use_file(struct guest *guest, struct task *task, enum script_command how)
{
	switch (how) {
	case SCRIPT_CREATE:
	case SCRIPT_WRITE:
	case SCRIPT_APPEND: return put_text(guest, task);
	case SCRIPT_READ: return read_all(task);
	case SCRIPT_WALK: return rewrite(guest, task);
	default: return 0;
	}
}

bool commands_touch(struct guest *guest, struct task *task, const char *path,
		    enum script_command how)
{
	if (task->stage == 0) {
		begin_open(guest, task, path, open_flags(how), &task->file);
		task->stage = 1;
	}
	if (!end_call(guest, task)) {
		return false;
	}
	if (task->stage == 1 && task->error == 0) {
		task->error = use_file(guest, task, how);
		begin_close(guest, task, &task->file);
		task->stage = 2;
		return end_call(guest, task);
	}
	return true;
}

static bool copy(struct guest *guest, struct task *task)
{
	const void *data;
	size_t size;

	switch (task->stage) {
	case 0: begin_open(guest, task, task->line.argv[0], 0, &task->file); break;
	case 1:
		if (!end_call(guest, task)) {
			return false;
		}
		if (task->error != 0) {
			return true;
		}
		begin_open(guest, task, task->line.argv[1], VFS_CREATE | VFS_TRUNCATE,
			   &task->target);
		break;
	case 2:
		if (!end_call(guest, task)) {
			return false;
		}
		size = vfs_read(&task->file, 0, SIZE_MAX, &data);
		if (task->error == 0) {
			task->error = vfs_write(&guest->vfs, &task->target, 0, data, size);
		}
		begin_close(guest, task, &task->file);
		break;
	case 3:
		if (!end_call(guest, task)) {
			return false;
		}
		if (task->target.node == NULL) {
			return true;
		}
		begin_close(guest, task, &task->target);
		break;
	default: return end_call(guest, task);
	}
	task->stage++;
	return copy(guest, task);
}

static bool single_call(struct guest *guest, struct task *task, enum vfs_action action)
{
	if (task->stage == 0) {
		task->call.path2 = task->line.argc > 1 ? task->line.argv[1] : NULL;
		begin_call(guest, task, action, task->line.argv[0], 0);
		task->stage = 1;
	}
	return end_call(guest, task);
}

/* ---- processes ---- */

static bool is_script(const struct ramfs_node *node)
{
	size_t length = strlen(SCRIPT_MAGIC);

	return node->size >= length && memcmp(node->data, SCRIPT_MAGIC, length) == 0;
}

static bool check_script(struct guest *guest, const struct ramfs_node *node, const char *path)
{
	static struct script_line scratch;
	const char *message = NULL;
	unsigned wrong = script_check((const char *)node->data, node->size, &scratch, &message);

	if (wrong != 0) {
		guest_print(guest, "%s line %u: %s", path, wrong, message);
	}
	return wrong == 0;
}

/* The image may run. */
static int start_image(struct guest *guest, struct task *task, const char *path, bool wait)
{
	struct ramfs_node *node = task->call.node;
	bool script = is_script(node);
	struct process *process;
	struct task *child;

	if (script && !check_script(guest, node, path)) {
		return -ENOEXEC;
	}
	process = process_start(&guest->processes, path, task->process->pid, script);
	if (process == NULL) {
		return -EAGAIN;
	}
	if (!script) {
		if (wait) {
			process_end(&guest->processes, process);
		}
		return 0;
	}
	child = task_start(guest, process, (const char *)node->data, node->size);
	if (child == NULL) {
		process_end(&guest->processes, process);
		return -EAGAIN;
	}
	if (wait) {
		child->waiter = task;
		task->child_is_done = false;
		task->stage = 2;
	}
	return 0;
}

bool commands_execute(struct guest *guest, struct task *task, const char *path, bool wait)
{
	if (task->stage == 0) {
		begin_call(guest, task, VFS_EXECUTE, path, 0);
		task->stage = 1;
	}
	if (task->stage == 1) {
		if (!vfs_advance(&guest->vfs, &task->call)) {
			return false;
		}
		task->error = task->call.result;
		task->ruling = task->call.ruling;
		if (task->error == 0) {
			task->error = start_image(guest, task, path, wait);
		}
		vfs_end(&task->call);
	}
	if (task->stage == 2) {
		if (!task->child_is_done) {
			return false;
		}
		task->error = task->child_failures == 0 ? 0 : -EIO;
	}
	return true;
}

static int stop(struct guest *guest, const struct task *task)
{
	const char *word = task->line.argv[0];
	struct process *process = process_find_image(&guest->processes, word);
	uint64_t pid;

	if (process != NULL) {
		return process_stop(&guest->processes, process->pid);
	}
	if (!script_number(word, &pid) || pid > UINT32_MAX) {
		return -ENOENT;
	}
	return process_stop(&guest->processes, (uint32_t)pid);
}

/* ---- the story ---- */

static const char *const causes[] = {
	[AGENT_CAUSE_NONE] = "",
	[AGENT_CAUSE_VERDICT] = "",
	[AGENT_CAUSE_REMEMBERED] = "remembered",
	[AGENT_CAUSE_DEADLINE] = "no verdict by the deadline",
	[AGENT_CAUSE_DISCONNECT] = "service is away",
	[AGENT_CAUSE_LIMIT] = "too many operations wait",
};

void commands_tell(struct guest *guest, const struct task *task, const char *what, const char *path)
{
	const struct vfs_ruling *ruling = &task->ruling;
	const char *result = script_result_name(script_result_of(task->error));
	const char *text = ruling->text[0] != '\0' ? ruling->text : causes[ruling->cause];

	if (task->error == -EACCES && ruling->cause == AGENT_CAUSE_NONE) {
		guest_print(guest, "%s %s: denied: quarantined", what, path);
	} else if (ruling->cause == AGENT_CAUSE_NONE) {
		guest_print(guest, "%s %s: %s", what, path, result);
	} else {
		guest_print(guest, "%s %s: %s by %s%s%s%s in %llu ticks", what, path, result,
			    ruling->service, text[0] != '\0' ? " (" : "", text,
			    text[0] != '\0' ? ")" : "", (unsigned long long)ruling->ticks);
	}
}

static bool finish(struct guest *guest, struct task *task)
{
	task->result = task->error;
	/* In a repeat only what is out of the ordinary is told. */
	if (task->depth == 0 || task->error != 0) {
		commands_tell(guest, task, script_command_name(task->line.command),
			      task->line.argv[0]);
	}
	return true;
}

bool commands_run(struct guest *guest, struct task *task)
{
	const char *path = task->line.argv[0];
	bool done = true;

	switch (task->line.command) {
	case SCRIPT_WALK: return walk_run(guest, task);
	case SCRIPT_APPEND:
	case SCRIPT_CREATE:
	case SCRIPT_OPEN:
	case SCRIPT_READ:
	case SCRIPT_WRITE: done = commands_touch(guest, task, path, task->line.command); break;
	case SCRIPT_COPY: done = copy(guest, task); break;
	case SCRIPT_DELETE: done = single_call(guest, task, VFS_DELETE); break;
	case SCRIPT_MKDIR: done = single_call(guest, task, VFS_MKDIR); break;
	case SCRIPT_RENAME: done = single_call(guest, task, VFS_RENAME); break;
	case SCRIPT_EXEC: done = commands_execute(guest, task, path, true); break;
	case SCRIPT_START: done = commands_execute(guest, task, path, false); break;
	case SCRIPT_STOP: task->error = stop(guest, task); break;
	default: task->error = -ENOSYS; break;
	}
	return done && finish(guest, task);
}
