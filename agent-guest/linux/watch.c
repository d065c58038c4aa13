/* SPDX-License-Identifier: MIT */
/* Marks: see watch.h. */
#include "agent-guest/linux/watch.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "agent-guest/linux/log.h"
#include "agent-guest/linux/proc_link.h"

#define CONFIG_EVENTS \
	(FAN_CLOSE_WRITE | FAN_CREATE | FAN_DELETE | FAN_ATTRIB | FAN_EVENT_ON_CHILD | FAN_ONDIR)
#define DIRECTORY_PATH_MAX 1024U
#define DIRECTORY_DEPTH	   16U

/* ---- start ---- */

int watch_check_mount(const char *path)
{
	struct statx stat;

	if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_TYPE, &stat) < 0) {
		return -errno;
	}
	if (!S_ISDIR(stat.stx_mode)) {
		return -ENOTDIR;
	}
	return (stat.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0 ? 0 : -EINVAL;
}

static uint64_t id_of(const struct statfs *stat)
{
	uint64_t id;

	static_assert(sizeof(id) == sizeof(stat->f_fsid), "as in struct fanotify_event_info_fid");
	memcpy(&id, &stat->f_fsid, sizeof(id));
	return id;
}

int watch_filesystem_fd(const struct watch *watch, uint64_t id)
{
	for (unsigned i = 0; i < watch->filesystem_count; i++) {
		if (watch->filesystem[i].id == id) {
			return watch->filesystem[i].fd;
		}
	}
	return -1;
}

static int add_filesystem(struct watch *watch, const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct statfs stat;

	if (fd < 0 || fstatfs(fd, &stat) < 0) {
		int error = -errno;

		if (fd >= 0) {
			close(fd);
		}
		return error;
	}
	watch->filesystem[watch->filesystem_count++] =
		(struct watch_filesystem){.id = id_of(&stat), .fd = fd};
	return 0;
}

static int add_watches(struct watch *watch)
{
	for (unsigned i = 0; i < watch->config->watch_count; i++) {
		const char *path = watch->config->watch[i].path;
		int error = watch_check_mount(path);

		error = error != 0 ? error : add_filesystem(watch, path);
		if (error != 0) {
			log_line(LOG_LEVEL_ERROR, "%s: %s", path,
				 error == -EINVAL ? "is not a mount point" : strerror(-error));
			return error;
		}
	}
	for (unsigned i = 0; i < watch->config->directory_count; i++) {
		const char *path = watch->config->directory[i];
		int error = add_filesystem(watch, path);

		if (error != 0) {
			log_line(LOG_LEVEL_WARNING, "config-directory %s: %s", path,
				 strerror(-error));
		}
	}
	return 0;
}

int watch_init(struct watch *watch, const struct config *config, int permissions)
{
	memset(watch, 0, sizeof(*watch));
	watch->config = config;
	watch->permissions = permissions;
	watch->can_rename = true;
	/* Bounded, as whoever fills it is not held up by it; an overflow is told. */
	watch->names = fanotify_init(FAN_CLASS_NOTIF | FAN_REPORT_DFID_NAME | FAN_CLOEXEC |
					     FAN_NONBLOCK | FAN_UNLIMITED_MARKS,
				     0);
	if (watch->names < 0) {
		log_line(LOG_LEVEL_WARNING, "no notifications with names (Linux 5.9): %s",
			 strerror(errno));
	}
	return add_watches(watch);
}

void watch_close(struct watch *watch)
{
	for (unsigned i = 0; i < watch->filesystem_count; i++) {
		close(watch->filesystem[i].fd);
	}
	watch->filesystem_count = 0;
	if (watch->names >= 0) {
		close(watch->names);
		watch->names = -1;
	}
}

/* ---- marks of the plan ---- */

static int mark(int group, unsigned flags, uint64_t mask, const char *path)
{
	return fanotify_mark(group, flags, mask, AT_FDCWD, path) < 0 ? -errno : 0;
}

/* Bits of `mask` that say nothing without another one. */
static uint64_t without_events(uint64_t mask)
{
	return (mask & ~(uint64_t)(FAN_ONDIR | FAN_EVENT_ON_CHILD)) == 0 ? mask : 0;
}

/* New ones first, so that none that stays is ever missing. */
static void change(struct watch *watch, int group, unsigned kind, const char *path, uint64_t from,
		   uint64_t to)
{
	uint64_t add = to & ~from;
	uint64_t remove = from & ~to;
	int error = 0;

	if (group < 0 || from == to) {
		return;
	}
	if (add != 0 && without_events(add) == 0) {
		error = mark(group, FAN_MARK_ADD | kind, add, path);
	}
	if (error == -EINVAL && (add & FAN_RENAME) != 0) {
		watch->can_rename = false;
		log_line(LOG_LEVEL_WARNING, "renames can't be told of (Linux 5.17)");
		error = mark(group, FAN_MARK_ADD | kind, add & ~(uint64_t)FAN_RENAME, path);
	}
	if (remove != 0 && without_events(remove) == 0) {
		/* ENOENT: another watch of that file system has removed it. */
		(void)mark(group, FAN_MARK_REMOVE | kind, remove, path);
	}
	if (error != 0) {
		log_line(LOG_LEVEL_ERROR, "%s can't be watched: %s", path, strerror(-error));
	}
}

/* Several watches may be on one file system, which has one mark. */
static uint64_t names_of_filesystem(const struct watch *watch, const struct plan *plan, unsigned at)
{
	uint64_t mask = 0;

	for (unsigned i = 0; i < watch->config->watch_count; i++) {
		if (watch->filesystem[i].id == watch->filesystem[at].id) {
			mask |= plan->watch[i].names;
		}
	}
	return mask;
}

static void mark_below(struct watch *watch, char *path, unsigned depth);

static void mark_entries(struct watch *watch, DIR *stream, char *path, unsigned depth)
{
	size_t length = strlen(path);
	struct dirent *entry;

	while ((entry = readdir(stream)) != NULL) {
		size_t size = strlen(entry->d_name);

		if (entry->d_type != DT_DIR || strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0 || length + size + 2 > DIRECTORY_PATH_MAX) {
			continue;
		}
		path[length] = '/';
		memcpy(path + length + 1, entry->d_name, size + 1);
		mark_below(watch, path, depth + 1);
		path[length] = '\0';
	}
}

static void mark_below(struct watch *watch, char *path, unsigned depth)
{
	DIR *stream;
	uint64_t events = CONFIG_EVENTS | (watch->can_rename ? FAN_RENAME : 0);
	int error;

	if (depth > DIRECTORY_DEPTH || watch->directory_marks >= WATCH_DIRECTORY_MARKS_MAX) {
		log_line(LOG_LEVEL_WARNING, "%s: too deep or too many directories: not watched",
			 path);
		return;
	}
	error = mark(watch->names, FAN_MARK_ADD | FAN_MARK_ONLYDIR | FAN_MARK_DONT_FOLLOW, events,
		     path);
	if (error != 0) {
		log_line(LOG_LEVEL_WARNING, "%s can't be watched: %s", path, strerror(-error));
		return;
	}
	watch->directory_marks++;
	stream = opendir(path);
	if (stream != NULL) {
		mark_entries(watch, stream, path, depth);
		closedir(stream);
	}
}

void watch_add_directory(struct watch *watch, const char *path)
{
	char copy[DIRECTORY_PATH_MAX];

	if (watch->names >= 0 && strlen(path) < sizeof(copy)) {
		strcpy(copy, path);
		mark_below(watch, copy, 0);
	}
}

static void change_configuration(struct watch *watch, bool from, bool to)
{
	if (from && !to) {
		/* Marks of directories are the only ones of single inodes in this group. */
		(void)mark(watch->names, FAN_MARK_FLUSH, 0, NULL);
		watch->directory_marks = 0;
	}
	for (unsigned i = 0; !from && to && i < watch->config->directory_count; i++) {
		watch_add_directory(watch, watch->config->directory[i]);
	}
}

void watch_apply(struct watch *watch, const struct plan *plan)
{
	for (unsigned i = 0; i < watch->config->watch_count; i++) {
		const struct config_watch *path = &watch->config->watch[i];
		unsigned kind = path->is_filesystem ? FAN_MARK_FILESYSTEM : FAN_MARK_MOUNT;

		change(watch, watch->names, FAN_MARK_FILESYSTEM, path->path,
		       names_of_filesystem(watch, &watch->plan, i),
		       names_of_filesystem(watch, plan, i));
		change(watch, watch->permissions, kind, path->path, watch->plan.watch[i].permission,
		       plan->watch[i].permission);
	}
	change_configuration(watch, watch->plan.configuration, plan->configuration);
	watch->plan = *plan;
}

/* ---- remembered files ---- */

bool watch_ignore(struct watch *watch, int fd, uint64_t mask)
{
	const unsigned flags = FAN_MARK_ADD | FAN_MARK_IGNORED_MASK;
	char link[PROC_LINK_MAX];
	int error;

	proc_link_of(fd, link);
	/* Evictable (Linux 5.19): a remembered file does not stay in memory for it. */
	error = mark(watch->permissions, flags | FAN_MARK_EVICTABLE, mask, link);
	if (error == -EINVAL) {
		error = mark(watch->permissions, flags, mask, link);
	}
	watch->ignored += error == 0 ? 1 : 0;
	return error == 0;
}

void watch_notice(struct watch *watch, int directory, const char *name)
{
	(void)fanotify_mark(watch->permissions,
			    FAN_MARK_REMOVE | FAN_MARK_IGNORED_MASK | FAN_MARK_DONT_FOLLOW,
			    PLAN_PERMISSIONS, directory, name);
}

void watch_notice_fd(struct watch *watch, int fd, uint64_t mask)
{
	char link[PROC_LINK_MAX];

	proc_link_of(fd, link);
	(void)mark(watch->permissions, FAN_MARK_REMOVE | FAN_MARK_IGNORED_MASK, mask, link);
}

void watch_notice_all(struct watch *watch)
{
	if (watch->permissions >= 0) {
		(void)mark(watch->permissions, FAN_MARK_FLUSH, 0, NULL);
	}
}
