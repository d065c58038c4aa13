/* SPDX-License-Identifier: MIT */
/* The quarantine: see quarantine.h. */
#include "agent-guest/linux/quarantine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "agent-guest/linux/log.h"
#include "agent-guest/linux/proc_link.h"
#include "agent-guest/linux/quarantine_record.h"

#define CAPABILITY    "security.capability"
#define ID_NAME_MAX   32U
#define META_NAME_MAX 40U

/* ---- directories ---- */

static int mount_of(int fd, uint64_t *mount)
{
	struct statx stat;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &stat) < 0) {
		return -errno;
	}
	*mount = stat.stx_mnt_id;
	return 0;
}

static int check_private(int fd)
{
	struct stat stat;

	if (fstat(fd, &stat) < 0) {
		return -errno;
	}
	return stat.st_uid == geteuid() && (stat.st_mode & 077) == 0 ? 0 : -EPERM;
}

/* The directory of that name below `parent`; `path` is where that is. */
static int add_directory(struct quarantine *quarantine, int parent, const char *name,
			 const char *path)
{
	struct quarantine_directory *directory = &quarantine->directory[quarantine->count];
	int error;

	if (quarantine->count == QUARANTINE_DIRECTORIES_MAX) {
		return -ENOSPC;
	}
	if (strlen(path) + ID_NAME_MAX >= AGENT_ID_MAX) {
		return -ENAMETOOLONG;
	}
	directory->fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (directory->fd < 0) {
		return -errno;
	}
	error = check_private(directory->fd);
	if (error == 0) {
		error = mount_of(directory->fd, &directory->mount);
	}
	if (error != 0) {
		close(directory->fd);
		return error;
	}
	snprintf(directory->path, sizeof(directory->path), "%s", path);
	quarantine->count++;
	return 0;
}

static void make_with_parents(char *path)
{
	for (char *at = strchr(path + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
		*at = '\0';
		mkdir(path, 0755);
		*at = '/';
	}
	mkdir(path, 0700);
}

static void find_on_watched(struct quarantine *quarantine, const char *root)
{
	char path[CONFIG_PATH_MAX + sizeof(QUARANTINE_NAME) + 1];
	int error;

	snprintf(path, sizeof(path), "%s/" QUARANTINE_NAME, strcmp(root, "/") == 0 ? "" : root);
	error = add_directory(quarantine, AT_FDCWD, path, path);
	if (error != 0 && error != -ENOENT) {
		log_line(LOG_LEVEL_WARNING, "quarantine %s cannot be used: %s", path,
			 error == -EPERM ? "others than root may enter it" : strerror(-error));
	}
}

int quarantine_init(struct quarantine *quarantine, const struct config *config)
{
	char path[CONFIG_QUARANTINE_MAX];
	int error;

	quarantine->count = 0;
	snprintf(path, sizeof(path), "%s", config->quarantine);
	make_with_parents(path);
	error = add_directory(quarantine, AT_FDCWD, path, path);
	for (unsigned i = 0; i < config->watch_count && error == 0; i++) {
		find_on_watched(quarantine, config->watch[i].path);
	}
	return error;
}

/* The highest directory above `path` that is on the mount; `path` becomes its path. */
static int open_root_of_mount(char *path, uint64_t mount)
{
	char name[OBJECT_NAME_SIZE];
	int root = -ENOENT;

	for (;;) {
		int above = object_open_parent(path, name);
		uint64_t its = ~mount;
		char *slash;

		if (above < 0 || mount_of(above, &its) != 0 || its != mount) {
			if (above >= 0) {
				close(above);
			}
			return root;
		}
		if (root >= 0) {
			close(root);
		}
		root = above;
		slash = strrchr(path, '/');
		slash[slash == path ? 1 : 0] = '\0';
	}
}

static int make_on_mount(struct quarantine *quarantine, const char *of, uint64_t mount)
{
	char path[OBJECT_PATH_MAX + sizeof(QUARANTINE_NAME) + 1];
	size_t length;
	int error = 0;
	int root;

	snprintf(path, OBJECT_PATH_MAX, "%s", of);
	root = open_root_of_mount(path, mount);
	if (root < 0) {
		return root;
	}
	length = strlen(path);
	strcpy(path + length, path[length - 1] == '/' ? QUARANTINE_NAME : "/" QUARANTINE_NAME);
	if (mkdirat(root, QUARANTINE_NAME, 0700) < 0 && errno != EEXIST) {
		error = -errno;
	}
	error = error != 0 ? error : add_directory(quarantine, root, QUARANTINE_NAME, path);
	close(root);
	return error;
}

/* The directory on the object's mount; made where there is none. */
static int directory_for(struct quarantine *quarantine, const struct object *object,
			 const char *path, const struct quarantine_directory **directory)
{
	uint64_t mount;
	int error = mount_of(object->fd, &mount);

	for (unsigned i = 0; i < quarantine->count && error == 0; i++) {
		if (quarantine->directory[i].mount == mount) {
			*directory = &quarantine->directory[i];
			return 0;
		}
	}
	if (error == 0) {
		error = make_on_mount(quarantine, path, mount);
		*directory = &quarantine->directory[quarantine->count - 1];
	}
	return error;
}

bool quarantine_has(const struct quarantine *quarantine, const char *path)
{
	for (unsigned i = 0; i < quarantine->count; i++) {
		if (config_is_below(path, quarantine->directory[i].path)) {
			return true;
		}
	}
	return false;
}

bool quarantine_is(const struct quarantine *quarantine, int directory)
{
	struct stat mine, there;

	for (unsigned i = 0; i < quarantine->count; i++) {
		if (fstat(quarantine->directory[i].fd, &mine) == 0 &&
		    fstat(directory, &there) == 0 && mine.st_dev == there.st_dev &&
		    mine.st_ino == there.st_ino) {
			return true;
		}
	}
	return false;
}

/* ---- records ---- */

static int describe(const struct object *object, const char *path, struct quarantine_record *record)
{
	char link[PROC_LINK_MAX];
	struct stat stat;
	ssize_t size;

	if (fstat(object->fd, &stat) < 0) {
		return -errno;
	}
	if (strlen(path) >= sizeof(record->path)) {
		return -ENAMETOOLONG;
	}
	*record = (struct quarantine_record){.mode = stat.st_mode & 07777,
					     .uid = stat.st_uid,
					     .gid = stat.st_gid,
					     .atime = stat.st_atim,
					     .mtime = stat.st_mtim};
	strcpy(record->path, path);
	proc_link_of(object->fd, link);
	size = getxattr(link, CAPABILITY, record->capability, sizeof(record->capability));
	record->capability_size = size > 0 ? (size_t)size : 0;
	return 0;
}

static void meta_name(const char *name, char meta[META_NAME_MAX])
{
	snprintf(meta, META_NAME_MAX, "%.*s.meta", (int)ID_NAME_MAX, name);
}

static int write_record(int directory, const char *name, const struct quarantine_record *record)
{
	static char text[QUARANTINE_RECORD_MAX];
	size_t size = quarantine_record_encode(record, text);
	char meta[META_NAME_MAX];
	int error = 0;
	int fd;

	meta_name(name, meta);
	fd = openat(directory, meta, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0) {
		return -errno;
	}
	if (write(fd, text, size) != (ssize_t)size || fsync(fd) < 0) {
		error = errno != 0 ? -errno : -ENOSPC;
		unlinkat(directory, meta, 0);
	}
	close(fd);
	return error;
}

static int read_record(int directory, const char *name, struct quarantine_record *record)
{
	static char text[QUARANTINE_RECORD_MAX];
	char meta[META_NAME_MAX];
	ssize_t size;
	int fd;

	meta_name(name, meta);
	fd = openat(directory, meta, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		return -EINVAL;
	}
	size = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (size < 0) {
		return -EIO;
	}
	text[size] = '\0';
	return quarantine_record_decode(record, text);
}

/* ---- in and out ---- */

static int check_file(const struct object *object)
{
	struct stat stat;

	if (fstat(object->fd, &stat) < 0) {
		return -errno;
	}
	if (S_ISDIR(stat.st_mode)) {
		return -EISDIR;
	}
	return S_ISREG(stat.st_mode) ? 0 : -EINVAL;
}

static void new_name(struct quarantine *quarantine, char name[ID_NAME_MAX])
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	snprintf(name, ID_NAME_MAX, "%llx-%06x", (unsigned long long)now.tv_sec,
		 (unsigned)((unsigned long)now.tv_nsec / 1000 + ++quarantine->serial) & 0xffffffU);
}

/* The owner first: one with an open descriptor could change the mode back. */
static void lock_away(const struct object *object)
{
	char link[PROC_LINK_MAX];

	proc_link_of(object->fd, link);
	if (fchownat(object->fd, "", 0, 0, AT_EMPTY_PATH) < 0 || chmod(link, 0) < 0) {
		log_line(LOG_LEVEL_WARNING, "quarantine: owner or mode cannot be changed: %s",
			 strerror(errno));
	}
}

/* chown takes set-user-ID bits and capabilities away, so they come after it. */
static int give_back(const struct object *object, const struct quarantine_record *record)
{
	struct timespec times[2] = {record->atime, record->mtime};
	char link[PROC_LINK_MAX];

	proc_link_of(object->fd, link);
	if (fchownat(object->fd, "", record->uid, record->gid, AT_EMPTY_PATH) < 0 ||
	    chmod(link, record->mode) < 0 ||
	    (record->capability_size > 0 &&
	     setxattr(link, CAPABILITY, record->capability, record->capability_size, 0) < 0) ||
	    utimensat(AT_FDCWD, link, times, 0) < 0) {
		return -errno;
	}
	return 0;
}

int quarantine_put(struct quarantine *quarantine, struct object *object, char *id)
{
	const struct quarantine_directory *directory;
	static struct quarantine_record record;
	char path[OBJECT_PATH_MAX];
	char name[ID_NAME_MAX];
	char meta[META_NAME_MAX];
	int error = check_file(object);

	error = error != 0 ? error : object_path(object, path);
	if (error == 0 && quarantine_has(quarantine, path)) {
		error = -EEXIST;
	}
	error = error != 0 ? error : describe(object, path, &record);
	error = error != 0 ? error : directory_for(quarantine, object, path, &directory);
	if (error != 0) {
		return error;
	}
	new_name(quarantine, name);
	error = write_record(directory->fd, name, &record);
	if (error != 0) {
		return error;
	}
	error = object_move(object, directory->fd, name);
	if (error != 0) {
		meta_name(name, meta);
		unlinkat(directory->fd, meta, 0);
		return error;
	}
	lock_away(object);
	fsync(directory->fd);
	/* What add_directory let in fits. */
	snprintf(id, AGENT_ID_MAX, "%.*s/%s", (int)(AGENT_ID_MAX - ID_NAME_MAX - 1),
		 directory->path, name);
	log_line(LOG_LEVEL_INFO, "quarantined %s as %s", path, id);
	return 0;
}

static const struct quarantine_directory *find(const struct quarantine *quarantine, const char *id,
					       const char **name)
{
	for (unsigned i = 0; i < quarantine->count; i++) {
		const char *path = quarantine->directory[i].path;
		size_t length = strlen(path);

		if (strncmp(id, path, length) == 0 && id[length] == '/' &&
		    strchr(id + length + 1, '/') == NULL && strlen(id + length + 1) < ID_NAME_MAX) {
			*name = id + length + 1;
			return &quarantine->directory[i];
		}
	}
	return NULL;
}

static int move_to(const struct object *object, const struct quarantine_record *record, int parent,
		   const char *name)
{
	struct stat stat;
	int error;

	if (fstatat(parent, name, &stat, AT_SYMLINK_NOFOLLOW) == 0) {
		return -EEXIST;
	}
	error = give_back(object, record);
	error = error != 0 ? error : object_move(object, parent, name);
	if (error != 0) {
		lock_away(object);
	}
	return error;
}

static int move_out(const struct quarantine *quarantine, const struct object *object,
		    const struct quarantine_record *record, const char *to)
{
	char name[OBJECT_NAME_SIZE];
	int parent = object_open_parent(to, name);
	int error;

	if (parent < 0) {
		return parent;
	}
	error = quarantine_is(quarantine, parent) ? -EPERM : move_to(object, record, parent, name);
	close(parent);
	return error;
}

int quarantine_restore(struct quarantine *quarantine, const char *id, const char *to)
{
	const struct quarantine_directory *directory;
	struct quarantine_record record;
	struct object *object;
	char meta[META_NAME_MAX];
	const char *name;
	int error;

	directory = find(quarantine, id, &name);
	if (directory == NULL) {
		return -EINVAL;
	}
	/* Not by its path: somebody who owns the mount's root can put another directory there. */
	error = object_open_in(directory->fd, name, &object);
	if (error != 0) {
		return error;
	}
	error = read_record(directory->fd, name, &record);
	to = to[0] != '\0' ? to : record.path;
	error = error != 0 ? error : move_out(quarantine, object, &record, to);
	object_close(object);
	if (error == 0) {
		meta_name(name, meta);
		unlinkat(directory->fd, meta, 0);
		fsync(directory->fd);
		log_line(LOG_LEVEL_INFO, "restored %s as %s", id, to);
	}
	return error;
}

/* ---- removing ---- */

static int remove_directory(const struct object *object, const char *path)
{
	char name[OBJECT_NAME_SIZE];
	int parent = object_open_parent(path, name);
	struct stat mine, there;
	int error = 0;

	if (parent < 0) {
		return parent;
	}
	/* A directory that took its place meanwhile would have to be empty to be removed. */
	if (fstat(object->fd, &mine) < 0 ||
	    fstatat(parent, name, &there, AT_SYMLINK_NOFOLLOW) < 0 || mine.st_dev != there.st_dev ||
	    mine.st_ino != there.st_ino) {
		error = -ESTALE;
	} else if (unlinkat(parent, name, AT_REMOVEDIR) < 0) {
		error = -errno;
	}
	close(parent);
	return error;
}

static int remove_quarantined(const struct quarantine *quarantine, const char *path)
{
	const char *name;
	const struct quarantine_directory *directory = find(quarantine, path, &name);
	char meta[META_NAME_MAX];

	if (directory == NULL) {
		return -EBUSY;
	}
	if (unlinkat(directory->fd, name, 0) < 0) {
		return -errno;
	}
	meta_name(name, meta);
	unlinkat(directory->fd, meta, 0);
	return 0;
}

int quarantine_remove(struct quarantine *quarantine, struct object *object)
{
	const struct quarantine_directory *directory;
	char path[OBJECT_PATH_MAX];
	char name[ID_NAME_MAX];
	struct stat stat;
	int error = object_path(object, path);

	if (error != 0) {
		return error;
	}
	if (fstat(object->fd, &stat) < 0) {
		return -errno;
	}
	if (quarantine_has(quarantine, path)) {
		return remove_quarantined(quarantine, path);
	}
	if (S_ISDIR(stat.st_mode)) {
		return remove_directory(object, path);
	}
	/* By way of a name that nobody else can give to another file. */
	error = directory_for(quarantine, object, path, &directory);
	if (error == 0) {
		new_name(quarantine, name);
		error = object_move(object, directory->fd, name);
	}
	if (error == 0 && unlinkat(directory->fd, name, 0) < 0) {
		error = -errno;
	}
	return error;
}
