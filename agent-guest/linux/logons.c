/* SPDX-License-Identifier: MIT */
/* Log-ons from wtmp: see logons.h. */
#include "agent-guest/linux/logons.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utmp.h>

#include "agent-guest/linux/daemon.h"
#include "agent-guest/linux/log.h"

void logons_init(struct logons *logons, const char *path)
{
	*logons = (struct logons){.path = path, .inotify = -1, .file = -1, .watch = -1};
}

/* The file itself for what is appended; its directory for another file in its place. */
static void open_file(struct logons *logons, bool from_end)
{
	struct stat stat;

	if (logons->file >= 0) {
		close(logons->file);
		inotify_rm_watch(logons->inotify, logons->watch);
	}
	logons->offset = 0;
	logons->file = open(logons->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (logons->file < 0) {
		return;
	}
	logons->watch = inotify_add_watch(logons->inotify, logons->path, IN_MODIFY);
	if (from_end && fstat(logons->file, &stat) == 0) {
		logons->offset = stat.st_size;
	}
}

static int watch_directory(const struct logons *logons)
{
	char directory[CONFIG_PATH_MAX];
	char *slash;

	snprintf(directory, sizeof(directory), "%s", logons->path);
	slash = strrchr(directory, '/');
	slash[slash == directory ? 1 : 0] = '\0';
	return inotify_add_watch(logons->inotify, directory, IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
}

void logons_apply(struct logons *logons, bool is_wanted)
{
	is_wanted = is_wanted && logons->path[0] != '\0';
	if (is_wanted && logons->inotify < 0) {
		logons->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
		if (logons->inotify < 0 || watch_directory(logons) < 0) {
			log_line(LOG_LEVEL_ERROR, "no log-ons from %s: %s", logons->path,
				 strerror(errno));
		}
		open_file(logons, true);
	} else if (!is_wanted && logons->inotify >= 0) {
		if (logons->file >= 0) {
			close(logons->file);
		}
		close(logons->inotify);
		logons->file = -1;
		logons->inotify = -1;
	}
}

/* Fields of utmp end with NUL only where there is room. */
static void report(struct daemon *daemon, const struct utmp *record)
{
	static char image[PROCESSES_IMAGE_MAX];
	char path[sizeof(record->ut_user) + sizeof(record->ut_line) + sizeof(record->ut_host) + 32];
	struct agent_event event = {.kind = MUX_EVENT_LOGON,
				    .pid = (uint32_t)record->ut_pid,
				    .path = path,
				    .path2 = "",
				    .process = image};

	processes_image(&daemon->processes, event.pid, image);
	snprintf(path, sizeof(path), "/logon/%.*s/%.*s/%.*s", (int)sizeof(record->ut_user),
		 record->ut_user, (int)sizeof(record->ut_line), record->ut_line,
		 (int)sizeof(record->ut_host), record->ut_host);
	notify_report(daemon, &event);
}

static void read_records(struct daemon *daemon)
{
	struct logons *logons = &daemon->logons;
	struct utmp record;
	struct stat stat;

	if (logons->file >= 0 && fstat(logons->file, &stat) == 0 && stat.st_size < logons->offset) {
		logons->offset = 0; /* it was cut */
	}
	while (logons->file >= 0 &&
	       pread(logons->file, &record, sizeof(record), logons->offset) == sizeof(record)) {
		logons->offset += (off_t)sizeof(record);
		if (record.ut_type == USER_PROCESS) {
			report(daemon, &record);
		}
	}
}

/* Is the path another file than the one that is open? */
static bool is_replaced(const struct logons *logons)
{
	struct stat mine, there;

	if (stat(logons->path, &there) < 0) {
		return false;
	}
	return logons->file < 0 || fstat(logons->file, &mine) < 0 || mine.st_ino != there.st_ino ||
	       mine.st_dev != there.st_dev;
}

void logons_take(struct daemon *daemon)
{
	_Alignas(struct inotify_event) char buffer[1024];
	struct logons *logons = &daemon->logons;

	/* What the events say does not matter: the files are looked at. */
	while (read(logons->inotify, buffer, sizeof(buffer)) > 0) {
	}
	read_records(daemon);
	if (is_replaced(logons)) {
		open_file(logons, false);
		read_records(daemon);
	}
}
