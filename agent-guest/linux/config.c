/* SPDX-License-Identifier: MIT */
/* The configuration file of muxagentd: see config.h. */
#include "agent-guest/linux/config.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX       65536U
#define LINE_MAX_BYTES 1024U

/* A line being read. */
struct line {
	struct config *config;
	char *value;
	char problem[CONFIG_ERROR_MAX - CONFIG_PATH_MAX]; /* filled by the one who returns false */
};

struct key {
	const char *name;
	bool (*set)(struct line *line, const struct key *key);
	size_t offset; /* of the field in struct config */
	size_t size;
	bool is_filesystem;
};

void config_init(struct config *config)
{
	memset(config, 0, sizeof(*config));
	config->manager_cid = 2;
	config->manager_port = MUX_PORT_MANAGER;
	grants_init(&config->grants);
	config->remember = true;
	config->test_cid = 3;
	strcpy(config->logons, "/var/log/wtmp");
	strcpy(config->quarantine, "/var/lib/muxvisor/quarantine");
	strcpy(config->status_socket, "/run/muxvisor/agent.sock");
}

bool config_is_below(const char *path, const char *directory)
{
	size_t length = strlen(directory);

	while (length > 0 && directory[length - 1] == '/') {
		length--;
	}
	return strncmp(path, directory, length) == 0 &&
	       (path[length] == '/' || path[length] == '\0');
}

/* ---- kinds of values ---- */

static void *field(const struct line *line, const struct key *key)
{
	return (char *)line->config + key->offset;
}

static bool fail(struct line *line, const char *what)
{
	snprintf(line->problem, sizeof(line->problem), "%s", what);
	return false;
}

static bool set_text(struct line *line, const struct key *key)
{
	if (strlen(line->value) >= key->size) {
		return fail(line, "the value is too long");
	}
	memcpy(field(line, key), line->value, strlen(line->value) + 1);
	return true;
}

/* Absolute, without components that lead elsewhere, and without a '/' at its end. */
static bool check_path(struct line *line)
{
	char *path = line->value;
	size_t length = strlen(path);

	if (path[0] != '/') {
		return fail(line, "the path must begin with '/'");
	}
	if (strstr(path, "/./") != NULL || strstr(path, "/../") != NULL ||
	    strstr(path, "//") != NULL || (length >= 2 && strcmp(path + length - 2, "/.") == 0) ||
	    (length >= 3 && strcmp(path + length - 3, "/..") == 0)) {
		return fail(line, "the path must not have '.', '..' or '//' in it");
	}
	if (length > 1 && path[length - 1] == '/') {
		path[length - 1] = '\0';
	}
	return true;
}

static bool set_path(struct line *line, const struct key *key)
{
	return check_path(line) && set_text(line, key);
}

static bool set_path_or_none(struct line *line, const struct key *key)
{
	if (strcmp(line->value, "none") == 0) {
		*(char *)field(line, key) = '\0';
		return true;
	}
	return set_path(line, key);
}

static bool set_number(struct line *line, const struct key *key)
{
	unsigned long value;
	uint32_t number;
	char *end;

	errno = 0;
	value = strtoul(line->value, &end, 10);
	if (!isdigit((unsigned char)line->value[0]) || *end != '\0' || errno != 0 ||
	    value > UINT32_MAX) {
		return fail(line, "the value must be a number from 0 to 4294967295");
	}
	number = (uint32_t)value;
	memcpy(field(line, key), &number, sizeof(number));
	return true;
}

static bool set_boolean(struct line *line, const struct key *key)
{
	bool value = strcmp(line->value, "yes") == 0;

	if (!value && strcmp(line->value, "no") != 0) {
		return fail(line, "the value must be yes or no");
	}
	memcpy(field(line, key), &value, sizeof(value));
	return true;
}

/* ---- lists ---- */

static bool add_watch(struct line *line, const struct key *key)
{
	struct config *config = line->config;
	struct config_watch *watch = &config->watch[config->watch_count];

	if (!check_path(line)) {
		return false;
	}
	if (config->watch_count == CONFIG_WATCHES_MAX) {
		return fail(line, "more than 16 watch lines");
	}
	if (strlen(line->value) >= sizeof(watch->path)) {
		return fail(line, "the value is too long");
	}
	for (unsigned i = 0; i < config->watch_count; i++) {
		if (strcmp(config->watch[i].path, line->value) == 0) {
			return fail(line, "this path is watched already");
		}
	}
	memcpy(watch->path, line->value, strlen(line->value) + 1);
	watch->is_filesystem = key->is_filesystem;
	config->watch_count++;
	return true;
}

static bool add_directory(struct line *line, const struct key *key)
{
	struct config *config = line->config;

	(void)key;
	if (!check_path(line)) {
		return false;
	}
	if (config->directory_count == CONFIG_DIRECTORIES_MAX) {
		return fail(line, "more than 16 config-directory lines");
	}
	if (strlen(line->value) >= CONFIG_PATH_MAX) {
		return fail(line, "the value is too long");
	}
	memcpy(config->directory[config->directory_count++], line->value, strlen(line->value) + 1);
	return true;
}

_Static_assert(GRANTS_ERROR_MAX <= sizeof(((struct line *)NULL)->problem), "room for its errors");

static bool add_forbid(struct line *line, const struct key *key)
{
	(void)key;
	return grants_forbid(&line->config->grants, line->value, line->problem) == 0;
}

static bool add_grant(struct line *line, const struct key *key)
{
	(void)key;
	return grants_add(&line->config->grants, line->value, line->problem) == 0;
}

#define FIELD(member) offsetof(struct config, member), sizeof(((struct config *)NULL)->member)

static const struct key keys[] = {
	{"name", set_text, FIELD(name), false},
	{"manager-cid", set_number, FIELD(manager_cid), false},
	{"manager-port", set_number, FIELD(manager_port), false},
	{"watch-mount", add_watch, 0, 0, false},
	{"watch-filesystem", add_watch, 0, 0, true},
	{"config-directory", add_directory, 0, 0, false},
	{"logons", set_path_or_none, FIELD(logons), false},
	{"quarantine", set_path, FIELD(quarantine), false},
	{"status-socket", set_path_or_none, FIELD(status_socket), false},
	{"forbid", add_forbid, 0, 0, false},
	{"grant", add_grant, 0, 0, false},
	{"report-forks", set_boolean, FIELD(report_forks), false},
	{"remember", set_boolean, FIELD(remember), false},
	{"test-unix-folder", set_path, FIELD(test_folder), false},
	{"test-cid", set_number, FIELD(test_cid), false},
};

/* ---- lines ---- */

static char *trim(char *text)
{
	char *end = text + strlen(text);

	while (end > text && isspace((unsigned char)end[-1])) {
		*--end = '\0';
	}
	return text + strspn(text, " \t\r");
}

static bool set_key(struct line *line, const char *name)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strcmp(name, keys[i].name) == 0) {
			return keys[i].set(line, &keys[i]);
		}
	}
	snprintf(line->problem, sizeof(line->problem), "there is no key \"%.64s\"", name);
	return false;
}

static bool take_line(struct line *line, char *text)
{
	char *comment = strchr(text, '#');
	char *equals;
	char *name;

	if (comment != NULL) {
		*comment = '\0';
	}
	name = trim(text);
	if (*name == '\0') {
		return true;
	}
	equals = strchr(name, '=');
	if (equals == NULL) {
		return fail(line, "\"key = value\" is expected");
	}
	*equals = '\0';
	line->value = trim(equals + 1);
	if (*line->value == '\0') {
		return fail(line, "the value is missing");
	}
	return set_key(line, trim(name));
}

int config_parse(struct config *config, const char *file, const char *text,
		 char error[CONFIG_ERROR_MAX])
{
	struct line line = {.config = config};
	char buffer[LINE_MAX_BYTES];

	for (unsigned number = 1; *text != '\0'; number++) {
		size_t length = strcspn(text, "\n");
		bool is_good = length < sizeof(buffer) || fail(&line, "the line is too long");

		if (is_good) {
			memcpy(buffer, text, length);
			buffer[length] = '\0';
			is_good = take_line(&line, buffer);
		}
		if (!is_good) {
			snprintf(error, CONFIG_ERROR_MAX, "%.200s:%u: %s", file, number,
				 line.problem);
			return -EINVAL;
		}
		text += length + (text[length] == '\n' ? 1 : 0);
	}
	if (config->directory_count == 0) {
		snprintf(config->directory[config->directory_count++], CONFIG_PATH_MAX, "/etc");
	}
	return 0;
}

static int read_file(const char *file, char *text)
{
	FILE *stream = fopen(file, "re");
	size_t size;
	int error;

	if (stream == NULL) {
		return -errno;
	}
	size = fread(text, 1, FILE_MAX, stream);
	error = ferror(stream) ? -EIO : size == FILE_MAX ? -EFBIG : 0;
	text[error == 0 ? size : 0] = '\0';
	fclose(stream);
	return error != 0 || strlen(text) == size ? error : -EILSEQ;
}

int config_load(struct config *config, const char *file, char error[CONFIG_ERROR_MAX])
{
	static char text[FILE_MAX + 1];
	int result = read_file(file, text);

	config_init(config);
	if (result != 0) {
		snprintf(error, CONFIG_ERROR_MAX, "%.200s: %s", file, strerror(-result));
		return result;
	}
	result = config_parse(config, file, text, error);
	if (result == 0 && config->name[0] == '\0') {
		if (gethostname(config->name, sizeof(config->name) - 1) < 0 ||
		    config->name[0] == '\0') {
			snprintf(config->name, sizeof(config->name), "linux");
		}
	}
	return result;
}
