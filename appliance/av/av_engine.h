/* SPDX-License-Identifier: MIT */
/*
 * What stands between the scanner (av_scanner.h), which knows events, files and verdicts, and an
 * engine, which knows signatures: the streaming one of bare-metal partitions (av_stream.h) or
 * ClamAV's (appliance/clamav).
 *
 * A scan is named by a number below `scans`. The scanner begins it; the engine asks for the file's
 * bytes by av_scanner_read() as often as it likes, one request after the other, and ends the scan
 * by av_scanner_finish(). Between these two calls it has the scan, and afterwards not any more.
 *
 * Threads: none; everything happens in the access library's callbacks.
 */
#ifndef AV_ENGINE_H
#define AV_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AV_SCANS_MAX   8U
#define AV_TIME_NO_END UINT32_MAX

struct av_engine;
struct av_scanner;

enum av_outcome_kind {
	AV_OUTCOME_CLEAN,
	AV_OUTCOME_INFECTED,
	AV_OUTCOME_CHANGED,   /* it was another file at the end: worth another try */
	AV_OUTCOME_UNSCANNED, /* no result */
};

struct av_outcome {
	enum av_outcome_kind kind;
	const char *text; /* the signature's name, or why there is no result; else "" */
};

/* What an engine implements. Each call may call back into the scanner before it returns. */
struct av_engine_calls {
	/* A scan begins, of a file that had `size` bytes. left_ms: time until nobody waits for the
	 * result any more, or AV_TIME_NO_END. */
	void (*begin)(struct av_engine *engine, unsigned int scan, uint64_t size, uint32_t left_ms);
	/* The next piece of what it asked for. false: it needs no more of that. */
	bool (*take)(struct av_engine *engine, unsigned int scan, uint64_t offset, const void *data,
		     size_t size);
	/* What it asked for has come, or as much as there was; the file has `total` bytes. */
	void (*read_done)(struct av_engine *engine, unsigned int scan, uint64_t total);
	/* The scan is over without a result: its guest is gone, or the file cannot be read. */
	void (*abandon)(struct av_engine *engine, unsigned int scan);
};

struct av_engine {
	const struct av_engine_calls *calls;
	unsigned int scans; /* at once: 1 .. AV_SCANS_MAX */
	uint64_t signatures;
	struct av_scanner *scanner; /* set by av_scanner_create() */
};

#endif
