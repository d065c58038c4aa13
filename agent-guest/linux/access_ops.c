/* SPDX-License-Identifier: MIT */
/* The functions behind the agent's access verbs, on Linux. A `file` is a struct object. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "agent-guest/linux/daemon.h"
#include "agent-guest/linux/log.h"

static void ops_decide(void *os, uint64_t cookie, const struct agent_decision *decision)
{
	files_decide(os, cookie, decision);
}

static void ops_log(void *os, const char *line)
{
	(void)os;
	log_line(LOG_LEVEL_INFO, "%s", line);
}

/* ---- objects ---- */

static int ops_open_path(void *os, const char *path, void **file)
{
	struct object *object;
	int error = object_open_path(path, &object);

	(void)os;
	if (error == 0) {
		*file = object;
	}
	return error;
}

static int ops_open_event(void *os, uint64_t cookie, void **file)
{
	const struct daemon *daemon = os;
	struct object *object;
	int error;

	(void)cookie; /* it is the one that agent_notify is being told of */
	if (daemon->asked_fd < 0) {
		return -ENOENT;
	}
	error = object_open_event(daemon->asked_fd, &object);
	if (error == 0) {
		*file = object;
	}
	return error;
}

static void ops_hold(void *os, void *file)
{
	(void)os;
	object_hold(file);
}

static void ops_close(void *os, void *file)
{
	(void)os;
	object_close(file);
}

/* ---- contents ---- */

static int64_t ops_read(void *os, void *file, uint64_t offset, void *buffer, size_t size,
			const void **data)
{
	(void)os;
	*data = buffer;
	return object_read(file, offset, buffer, size);
}

static int64_t ops_write(void *os, void *file, uint64_t offset, const void *data, size_t size,
			 bool truncate)
{
	(void)os;
	return object_write(file, offset, data, size, truncate);
}

static int ops_stat(void *os, void *file, struct agent_stat *stat)
{
	const struct daemon *daemon = os;
	char path[OBJECT_PATH_MAX];
	int error = object_stat(file, stat);

	if (error == 0 && object_path(file, path) == 0 &&
	    quarantine_has(&daemon->quarantine, path)) {
		stat->flags |= MUX_STAT_QUARANTINED;
	}
	return error;
}

static int ops_list(void *os, void *file, uint64_t *cursor, struct agent_stat *entry)
{
	(void)os;
	return object_list(file, cursor, entry);
}

/* ---- names ---- */

static int ops_remove(void *os, void *file)
{
	struct daemon *daemon = os;

	return quarantine_remove(&daemon->quarantine, file);
}

static int ops_quarantine(void *os, void *file, char *id)
{
	struct daemon *daemon = os;

	return quarantine_put(&daemon->quarantine, file, id);
}

static int ops_restore(void *os, const char *id, const char *to)
{
	struct daemon *daemon = os;

	return quarantine_restore(&daemon->quarantine, id, to);
}

static int create_in(int parent, const char *name, bool directory)
{
	int fd;

	if (directory) {
		return mkdirat(parent, name, 0700) < 0 ? -errno : 0;
	}
	fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		return -errno;
	}
	close(fd);
	return 0;
}

static int ops_create(void *os, const char *path, bool directory)
{
	const struct daemon *daemon = os;
	char name[OBJECT_NAME_SIZE];
	int parent;
	int error;

	parent = object_open_parent(path, name);
	if (parent < 0) {
		return parent;
	}
	error = quarantine_is(&daemon->quarantine, parent) ? -EPERM
							   : create_in(parent, name, directory);
	close(parent);
	return error;
}

static int ops_rename(void *os, void *file, const char *to)
{
	const struct daemon *daemon = os;
	char path[OBJECT_PATH_MAX];
	char name[OBJECT_NAME_SIZE];
	int parent;
	int error = object_path(file, path);

	if (error != 0) {
		return error;
	}
	if (quarantine_has(&daemon->quarantine, path)) {
		return -EPERM; /* RESTORE is the way out */
	}
	parent = object_open_parent(to, name);
	if (parent < 0) {
		return parent;
	}
	error = quarantine_is(&daemon->quarantine, parent) ? -EPERM
							   : object_move(file, parent, name);
	close(parent);
	return error;
}

/* ---- processes ---- */

static int ops_process_next(void *os, uint64_t *cursor, struct agent_process *process)
{
	struct daemon *daemon = os;

	return processes_next(&daemon->processes, cursor, process);
}

static int ops_process_control(void *os, enum mux_verb verb, const struct agent_process_name *name,
			       char *image)
{
	(void)os;
	return processes_control(verb, name, image);
}

const struct agent_os_ops daemon_agent_ops = {
	.decide = ops_decide,
	.log = ops_log,
	.open_path = ops_open_path,
	.open_event = ops_open_event,
	.hold = ops_hold,
	.close = ops_close,
	.read = ops_read,
	.write = ops_write,
	.stat = ops_stat,
	.list = ops_list,
	.remove = ops_remove,
	.quarantine = ops_quarantine,
	.create = ops_create,
	.rename = ops_rename,
	.restore = ops_restore,
	.process_next = ops_process_next,
	.process_control = ops_process_control,
};
