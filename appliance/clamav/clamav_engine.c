/* SPDX-License-Identifier: MIT */
#include "appliance/clamav/clamav_engine.h"

#include <clamav.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PASSED_OVER_MAX 5U /* bytes: libclamav scans larger files only */

struct clamav_engine {
	struct cl_engine *engine;
	unsigned int signatures;
};

/* A scan's file, for libclamav's callback. */
struct source {
	clamav_read_function read;
	void *context;
	uint64_t bytes;
	bool has_failed;
};

static void say_message(enum cl_msg severity, const char *full, const char *message, void *context)
{
	(void)full;
	(void)context;
	if (severity >= CL_MSG_WARN) {
		printf("libclamav: %s%s", message, strchr(message, '\n') != NULL ? "" : "\n");
	}
}

static void say_nothing(enum cl_msg severity, const char *full, const char *message, void *context)
{
	(void)severity;
	(void)full;
	(void)message;
	(void)context;
}

static cl_error_t set_limit(struct cl_engine *engine, enum cl_engine_field field, uint64_t value)
{
	return value == 0 ? CL_SUCCESS : cl_engine_set_num(engine, field, (long long)value);
}

static bool set_limits(struct cl_engine *engine, const struct clamav_limits *limits)
{
	return set_limit(engine, CL_ENGINE_MAX_FILESIZE, limits->file_size) == CL_SUCCESS &&
	       set_limit(engine, CL_ENGINE_MAX_SCANSIZE, limits->scan_size) == CL_SUCCESS &&
	       set_limit(engine, CL_ENGINE_MAX_FILES, limits->files) == CL_SUCCESS &&
	       set_limit(engine, CL_ENGINE_MAX_RECURSION, limits->recursion) == CL_SUCCESS &&
	       set_limit(engine, CL_ENGINE_MAX_SCANTIME, limits->time_ms) == CL_SUCCESS;
}

static bool refuse_database(const char *database, cl_error_t error)
{
	if (error == CL_EOPEN || error == CL_ESTAT) {
		printf("no database in %s: freshclam fetches ClamAV's, and *.ndb, *.hdb and the "
		       "like of your own do too; --database names another place\n",
		       database);
	} else {
		printf("the database %s cannot be used: %s; replace or remove the file that "
		       "libclamav names\n",
		       database, cl_strerror(error));
	}
	return false;
}

static bool load(struct clamav_engine *engine, const char *database,
		 const struct clamav_limits *limits)
{
	cl_error_t error = cl_init(CL_INIT_DEFAULT);

	cl_set_clcb_msg(say_message);
	if (error == CL_SUCCESS) {
		engine->engine = cl_engine_new();
	}
	if (engine->engine == NULL || !set_limits(engine->engine, limits)) {
		printf("cannot start libclamav: %s\n", cl_strerror(error));
		return false;
	}
	error = cl_load(database, engine->engine, &engine->signatures, CL_DB_STDOPT);
	if (error == CL_SUCCESS) {
		error = cl_engine_compile(engine->engine);
	}
	if (error != CL_SUCCESS) {
		return refuse_database(database, error);
	}
	if (engine->signatures == 0) {
		return refuse_database(database, CL_EOPEN);
	}
	return true;
}

struct clamav_engine *clamav_engine_load(const char *database, const struct clamav_limits *limits)
{
	struct clamav_engine *engine = calloc(1, sizeof(*engine));

	if (engine == NULL) {
		puts("cannot start libclamav: out of memory");
		return NULL;
	}
	if (!load(engine, database, limits)) {
		clamav_engine_free(engine);
		return NULL;
	}
	return engine;
}

void clamav_engine_free(struct clamav_engine *engine)
{
	if (engine == NULL) {
		return;
	}
	if (engine->engine != NULL) {
		cl_engine_free(engine->engine);
	}
	free(engine);
}

const char *clamav_engine_version(void)
{
	return cl_retver();
}

unsigned int clamav_engine_signatures(const struct clamav_engine *engine)
{
	return engine->signatures;
}

static uint64_t limit_of(const struct clamav_engine *engine, enum cl_engine_field field)
{
	return (uint64_t)cl_engine_get_num(engine->engine, field, NULL);
}

struct clamav_limits clamav_engine_limits(const struct clamav_engine *engine)
{
	return (struct clamav_limits){.file_size = limit_of(engine, CL_ENGINE_MAX_FILESIZE),
				      .scan_size = limit_of(engine, CL_ENGINE_MAX_SCANSIZE),
				      .files = limit_of(engine, CL_ENGINE_MAX_FILES),
				      .recursion = limit_of(engine, CL_ENGINE_MAX_RECURSION),
				      .time_ms = limit_of(engine, CL_ENGINE_MAX_SCANTIME)};
}

int clamav_engine_settle(struct clamav_engine *engine, const char *directory)
{
	cl_set_clcb_msg(say_nothing);
	return cl_engine_set_str(engine->engine, CL_ENGINE_TMPDIR, directory) == CL_SUCCESS
		       ? 0
		       : -ENOMEM;
}

static off_t read_part(void *handle, void *buffer, size_t count, off_t offset)
{
	struct source *source = handle;

	if (!source->read(source->context, buffer, (uint64_t)offset, count)) {
		source->has_failed = true;
		errno = EIO;
		return -1;
	}
	source->bytes += count;
	return (off_t)count;
}

struct av_outcome clamav_engine_judge(bool is_detected, const char *name, const char *error)
{
	static const char limits[] = "Heuristics.Limits.Exceeded";
	static char text[256];

	if (!is_detected) {
		return error == NULL ? (struct av_outcome){AV_OUTCOME_CLEAN, ""}
				     : (struct av_outcome){AV_OUTCOME_UNSCANNED, error};
	}
	if (name == NULL || strncmp(name, limits, sizeof(limits) - 1) != 0) {
		return (struct av_outcome){AV_OUTCOME_INFECTED, name == NULL ? "unnamed" : name};
	}
	name += sizeof(limits) - 1;
	snprintf(text, sizeof(text), "it exceeds a limit: %s", name[0] == '.' ? name + 1 : "any");
	return (struct av_outcome){AV_OUTCOME_UNSCANNED, text};
}

/* libclamav calls a file clean of which it could not read a part, or which it could not begin with.
 * It passes over tiny ones. */
static struct av_outcome check_clean(const struct source *source, uint64_t size)
{
	if (source->has_failed) {
		return (struct av_outcome){AV_OUTCOME_UNSCANNED, "it cannot be read"};
	}
	if (source->bytes == 0 && size > PASSED_OVER_MAX) {
		return (struct av_outcome){AV_OUTCOME_UNSCANNED, "libclamav did not look at it"};
	}
	return (struct av_outcome){AV_OUTCOME_CLEAN, ""};
}

/* What clamscan looks into, and besides an alert where a limit ended the scan: without it libclamav
 * would call such a file clean. */
static struct cl_scan_options scan_options(void)
{
	return (struct cl_scan_options){.general = CL_SCAN_GENERAL_HEURISTICS,
					.parse = ~0U,
					.heuristic = CL_SCAN_HEURISTIC_EXCEEDS_MAX};
}

/* The file is kept as read the first time (no aging): every part of a scan sees the same bytes. */
struct av_outcome clamav_engine_scan(struct clamav_engine *engine, uint64_t size, uint32_t time_ms,
				     clamav_read_function read, void *context)
{
	struct source source = {.read = read, .context = context};
	struct cl_scan_options options = scan_options();
	struct av_outcome outcome = {AV_OUTCOME_UNSCANNED, "there is no memory for it"};
	unsigned long scanned = 0;
	const char *name = NULL;
	cl_fmap_t *map;
	cl_error_t status;

	if (cl_engine_set_num(engine->engine, CL_ENGINE_MAX_SCANTIME, time_ms) != CL_SUCCESS) {
		return outcome;
	}
	map = cl_fmap_open_handle(&source, 0, size, read_part, 0);
	if (map == NULL) {
		return outcome;
	}
	status = cl_scanmap_callback(map, NULL, &name, &scanned, engine->engine, &options, NULL);
	cl_fmap_close(map);
	outcome = clamav_engine_judge(
		status == CL_VIRUS, name,
		status == CL_CLEAN || status == CL_VERIFIED ? NULL : cl_strerror(status));
	return outcome.kind == AV_OUTCOME_CLEAN ? check_clean(&source, size) : outcome;
}
