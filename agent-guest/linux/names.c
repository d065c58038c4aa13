/* SPDX-License-Identifier: MIT */
/*
 * Notifications of the group of names: each has the handle of a directory and a name in it. The
 * kernel merges what happens to one name before it is read, so one record may stand for several
 * kinds.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <unistd.h>

#include "agent-guest/linux/clock.h"
#include "agent-guest/linux/daemon.h"
#include "agent-guest/linux/log.h"
#include "agent-guest/linux/proc_link.h"

#define READ_SIZE	  16384U
#define READS_PER_TURN	  4U
#define KNOWN_DIRECTORIES 1024U /* a power of two */
#define HANDLE_MAX	  128U	/* MAX_HANDLE_SZ */

#define FILE_KINDS                                                                        \
	(1ULL << MUX_EVENT_OPEN | 1ULL << MUX_EVENT_CLOSE | 1ULL << MUX_EVENT_WRITE |     \
	 1ULL << MUX_EVENT_CREATE | 1ULL << MUX_EVENT_DELETE | 1ULL << MUX_EVENT_RENAME | \
	 1ULL << MUX_EVENT_EXECUTE | 1ULL << MUX_EVENT_CONFIG | 1ULL << MUX_EVENT_READ)

/* Where a directory was when it was last seen, for the time after it was removed. */
struct known_directory {
	uint64_t hash; /* of its handle; 0: free */
	char path[480];
};

static struct known_directory known[KNOWN_DIRECTORIES];

/* One name that an event tells. */
struct place {
	int directory; /* O_PATH, or -1: it is gone */
	const char *name;
	char path[OBJECT_PATH_MAX]; /* "": not known */
};

/* ---- names ---- */

static uint64_t hash_of(const struct fanotify_event_info_fid *info,
			const struct file_handle *handle)
{
	uint64_t hash = 0xcbf29ce484222325ULL; /* FNV-1a */
	const unsigned char *at = (const unsigned char *)&info->fsid;

	for (size_t i = 0; i < sizeof(info->fsid); i++) {
		hash = (hash ^ at[i]) * 0x100000001b3ULL;
	}
	for (unsigned i = 0; i < handle->handle_bytes; i++) {
		hash = (hash ^ handle->f_handle[i]) * 0x100000001b3ULL;
	}
	return hash | 1;
}

static void learn(uint64_t hash, const char *path)
{
	struct known_directory *slot = &known[(hash >> 16) % KNOWN_DIRECTORIES];

	if (strlen(path) < sizeof(slot->path)) {
		slot->hash = hash;
		strcpy(slot->path, path);
	}
}

static void forget_directories(void)
{
	for (unsigned i = 0; i < KNOWN_DIRECTORIES; i++) {
		known[i].hash = 0;
	}
}

static bool name_directory(int fd, char path[OBJECT_PATH_MAX])
{
	struct stat stat;

	return proc_link_path(fd, path, OBJECT_PATH_MAX) > 0 && path[0] == '/' &&
	       fstat(fd, &stat) == 0 && stat.st_nlink > 0;
}

static void locate(const struct daemon *daemon, const struct fanotify_event_info_fid *info,
		   struct place *place)
{
	union {
		struct file_handle handle;
		char bytes[sizeof(struct file_handle) + HANDLE_MAX];
	} copy;
	const struct file_handle *handle = (const struct file_handle *)(const void *)info->handle;
	uint64_t hash = hash_of(info, handle);
	uint64_t filesystem;

	place->name = (const char *)handle->f_handle + handle->handle_bytes;
	place->path[0] = '\0';
	memcpy(&filesystem, &info->fsid, sizeof(filesystem));
	memcpy(&copy, handle, sizeof(*handle) + handle->handle_bytes);
	place->directory = open_by_handle_at(watch_filesystem_fd(&daemon->watch, filesystem),
					     &copy.handle, O_PATH | O_CLOEXEC);
	if (place->directory >= 0 && name_directory(place->directory, place->path)) {
		learn(hash, place->path);
	} else if (known[(hash >> 16) % KNOWN_DIRECTORIES].hash == hash) {
		strcpy(place->path, known[(hash >> 16) % KNOWN_DIRECTORIES].path);
	} else {
		place->path[0] = '\0';
	}
}

/* directory + name, or "" where the directory is not known. */
static void join(struct place *place)
{
	size_t length = strlen(place->path);

	if (length == 0 || strcmp(place->name, ".") == 0) {
		return;
	}
	if (place->path[length - 1] != '/') {
		place->path[length++] = '/';
	}
	snprintf(place->path + length, sizeof(place->path) - length, "%s", place->name);
}

static void leave(struct place *place)
{
	if (place->directory >= 0) {
		close(place->directory);
	}
}

/* ---- what it means ---- */

struct change {
	struct daemon *daemon;
	uint64_t mask;
	uint32_t pid;
	struct place *place;
	struct place *to; /* of a rename, or NULL */
	char *image;
	uint64_t size;
};

static void report(const struct change *change, enum mux_event_kind kind)
{
	struct agent_event event = {.kind = kind,
				    .size = change->size,
				    .pid = change->pid,
				    .path = change->place->path,
				    .path2 = kind == MUX_EVENT_RENAME ? change->to->path : "",
				    .process = change->image};

	notify_report(change->daemon, &event);
}

static bool is_below_any(const struct config *config, const char *path)
{
	for (unsigned i = 0; i < config->directory_count; i++) {
		if (config_is_below(path, config->directory[i])) {
			return true;
		}
	}
	return false;
}

static void report_configuration(const struct change *change)
{
	struct daemon *daemon = change->daemon;
	const struct place *newest = change->to != NULL ? change->to : change->place;
	const uint64_t changes =
		FAN_CLOSE_WRITE | FAN_CREATE | FAN_DELETE | FAN_RENAME | FAN_ATTRIB;

	if (!daemon->watch.plan.configuration || (change->mask & changes) == 0) {
		return;
	}
	if (is_below_any(&daemon->config, change->place->path)) {
		report(change, MUX_EVENT_CONFIG);
	}
	if (!is_below_any(&daemon->config, newest->path)) {
		return;
	}
	if (change->to != NULL) {
		struct change there = *change;

		there.place = change->to;
		report(&there, MUX_EVENT_CONFIG);
	}
	if ((change->mask & FAN_ONDIR) != 0 && (change->mask & (FAN_CREATE | FAN_RENAME)) != 0) {
		watch_add_directory(&daemon->watch, newest->path);
	}
}

/* Is it on a path that is watched, and not only on the same file system? */
static bool is_watched(const struct config *config, const char *path)
{
	for (unsigned i = 0; i < config->watch_count; i++) {
		if (config_is_below(path, config->watch[i].path)) {
			return true;
		}
	}
	return false;
}

static void report_file(const struct change *change)
{
	uint64_t mask = change->mask;
	bool is_directory = (mask & FAN_ONDIR) != 0;

	if (!is_directory && (mask & FAN_OPEN_EXEC) != 0) {
		report(change, MUX_EVENT_EXECUTE);
	}
	if ((mask & FAN_CREATE) != 0) {
		report(change, MUX_EVENT_CREATE);
	}
	if (!is_directory && (mask & FAN_OPEN) != 0) {
		report(change, MUX_EVENT_OPEN);
	}
	if (!is_directory && (mask & FAN_ACCESS) != 0) {
		report(change, MUX_EVENT_READ);
	}
	if (!is_directory && (mask & FAN_CLOSE_WRITE) != 0) {
		report(change, MUX_EVENT_WRITE);
	}
	if (!is_directory && (mask & FAN_CLOSE) != 0) {
		report(change, MUX_EVENT_CLOSE);
	}
	if ((mask & FAN_RENAME) != 0 && change->to != NULL) {
		report(change, MUX_EVENT_RENAME);
	}
	if ((mask & FAN_DELETE) != 0) {
		report(change, MUX_EVENT_DELETE);
	}
}

/* Files that the kernel was told to pass over may be others now. */
static void take_notice(const struct change *change)
{
	struct watch *watch = &change->daemon->watch;

	if (watch->permissions < 0) {
		return;
	}
	if ((change->mask & FAN_RENAME) != 0) {
		watch_notice_all(watch);
	} else if ((change->mask & FAN_CLOSE_WRITE) != 0 && change->place->directory >= 0) {
		watch_notice(watch, change->place->directory, change->place->name);
	}
}

static void take_change(struct change *change)
{
	struct stat stat;
	const struct place *newest = change->to != NULL ? change->to : change->place;

	if (newest->directory >= 0 &&
	    fstatat(newest->directory, newest->name, &stat, AT_SYMLINK_NOFOLLOW) == 0) {
		change->size = (uint64_t)stat.st_size;
	}
	take_notice(change);
	join(change->place);
	if (change->to != NULL) {
		join(change->to);
	}
	if ((change->mask & (FAN_RENAME | FAN_ONDIR)) == (FAN_RENAME | FAN_ONDIR)) {
		forget_directories();
	}
	if (change->pid == (uint32_t)getpid()) {
		return;
	}
	change->daemon->agent.counters.files_seen++;
	if (change->place->path[0] == '\0') {
		notify_lost(change->daemon, FILE_KINDS, "its directory is gone");
		return;
	}
	if (is_watched(&change->daemon->config, change->place->path) ||
	    (change->to != NULL && is_watched(&change->daemon->config, change->to->path))) {
		report_file(change);
	}
	report_configuration(change);
}

/* ---- records ---- */

static bool has_name(uint8_t type)
{
	return type == FAN_EVENT_INFO_TYPE_DFID_NAME || type == FAN_EVENT_INFO_TYPE_OLD_DFID_NAME ||
	       type == FAN_EVENT_INFO_TYPE_NEW_DFID_NAME;
}

/* An event is followed by one record, or for a rename by one of the old and one of the new name.
 * Records begin at multiples of 4 bytes: the head is a copy. */
static void take_event(struct daemon *daemon, const struct fanotify_event_metadata *event,
		       const char *bytes)
{
	static struct place places[2];
	static char image[PROCESSES_IMAGE_MAX];
	struct change change = {
		.daemon = daemon, .mask = event->mask, .pid = (uint32_t)event->pid, .image = image};
	size_t at = event->metadata_len;

	while (at + sizeof(struct fanotify_event_info_fid) <= event->event_len) {
		const struct fanotify_event_info_fid *info = (const void *)(bytes + at);

		if (has_name(info->hdr.info_type)) {
			bool is_new = info->hdr.info_type == FAN_EVENT_INFO_TYPE_NEW_DFID_NAME;
			struct place *place = &places[is_new ? 1 : 0];

			locate(daemon, info, place);
			*(is_new ? &change.to : &change.place) = place;
		}
		at += info->hdr.len;
	}
	if (change.place == NULL && change.to != NULL) {
		change.place = change.to; /* only the new directory is marked */
		change.to = NULL;
		change.mask |= (change.mask & FAN_RENAME) != 0 ? FAN_CREATE : 0;
	}
	if (change.place != NULL) {
		processes_image(&daemon->processes, change.pid, image);
		take_change(&change);
		leave(change.place);
	}
	if (change.to != NULL) {
		leave(change.to);
	}
}

static void overflow(struct daemon *daemon)
{
	log_line(LOG_LEVEL_WARNING, "the kernel's queue of file events overflowed: some are lost");
	notify_lost(daemon, FILE_KINDS, "the kernel's queue overflowed");
	watch_notice_all(&daemon->watch);
	forget_directories();
}

static void take_events(struct daemon *daemon, const char *bytes, size_t size)
{
	struct fanotify_event_metadata event;

	while (size >= sizeof(event)) {
		memcpy(&event, bytes, sizeof(event));
		if (event.event_len < sizeof(event) || event.event_len > size) {
			return;
		}
		if ((event.mask & FAN_Q_OVERFLOW) != 0) {
			overflow(daemon);
		} else {
			take_event(daemon, &event, bytes);
		}
		bytes += event.event_len;
		size -= event.event_len;
	}
}

void names_take(struct daemon *daemon)
{
	static _Alignas(struct fanotify_event_metadata) char buffer[READ_SIZE];

	for (unsigned i = 0; i < READS_PER_TURN; i++) {
		ssize_t size;

		if (notify_is_congested(daemon, clock_now().us)) {
			return;
		}
		size = read(daemon->watch.names, buffer, sizeof(buffer));
		if (size <= 0) {
			return;
		}
		take_events(daemon, buffer, (size_t)size);
	}
}
