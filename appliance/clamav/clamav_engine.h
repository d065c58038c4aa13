/* SPDX-License-Identifier: MIT */
/*
 * libclamav, as far as the service needs it; nothing else includes its header.
 *
 * Threads: none. Loaded once in the service; a scan process, which has it by fork, sets its time
 * and directory and scans.
 */
#ifndef CLAMAV_ENGINE_H
#define CLAMAV_ENGINE_H

#include "appliance/av/av_engine.h"
#include "appliance/clamav/clamav_options.h"

struct clamav_engine;

/* Loads a database; says what is wrong with it on standard output. NULL: there is none, or it is
 * broken. */
struct clamav_engine *clamav_engine_load(const char *database, const struct clamav_limits *limits);
/* NULL is allowed. */
void clamav_engine_free(struct clamav_engine *engine);

const char *clamav_engine_version(void);
unsigned int clamav_engine_signatures(const struct clamav_engine *engine);
/* Those in force, none of them 0. */
struct clamav_limits clamav_engine_limits(const struct clamav_engine *engine);

/* From here on libclamav says nothing and unpacks there. For scan processes. Returns 0 or -ENOMEM.
 */
int clamav_engine_settle(struct clamav_engine *engine, const char *directory);

/* All of that part of the file, or false. After false the scan's outcome means nothing. */
typedef bool (*clamav_read_function)(void *context, void *buffer, uint64_t offset, uint64_t length);

/* Scans a file of `size` bytes (above 0). A limit that was exceeded is AV_OUTCOME_UNSCANNED; the
 * text is valid until the next call. */
struct av_outcome clamav_engine_scan(struct clamav_engine *engine, uint64_t size, uint32_t time_ms,
				     clamav_read_function read, void *context);

/* What it means that libclamav ended with a detection of that name, or with an error. */
struct av_outcome clamav_engine_judge(bool is_detected, const char *name, const char *error);

#endif
