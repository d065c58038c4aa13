/* SPDX-License-Identifier: MIT */
#include "appliance/av/av_stream.h"
#include "appliance/av/av_scanner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct stream {
	struct av_engine engine; /* first: the calls get it */
	const struct av_signatures *set;
	struct av_scan *scan[AV_SCANS_MAX];
};

static struct stream *stream_of(struct av_engine *engine)
{
	return (struct stream *)engine;
}

static void stream_begin(struct av_engine *engine, unsigned int scan, uint64_t size,
			 uint32_t left_ms)
{
	(void)left_ms; /* what a scan costs is bounded by its size */
	av_scan_begin(stream_of(engine)->scan[scan], size, 0);
	av_scanner_read(engine->scanner, scan, 0, MUX_READ_ALL);
}

static bool stream_take(struct av_engine *engine, unsigned int scan, uint64_t offset,
			const void *data, size_t size)
{
	(void)offset;
	return av_scan_feed(stream_of(engine)->scan[scan], data, size) == 0;
}

static struct av_outcome outcome_of(int error)
{
	switch (error) {
	case 0: return (struct av_outcome){AV_OUTCOME_CLEAN, ""};
	case -E2BIG:
		return (struct av_outcome){AV_OUTCOME_UNSCANNED,
					   "it costs more work than a scan may"};
	case -EOVERFLOW:
	case -ENODATA: return (struct av_outcome){AV_OUTCOME_CHANGED, ""};
	default: return (struct av_outcome){AV_OUTCOME_UNSCANNED, strerror(-error)};
	}
}

/* The whole file was read, or as much as the scan wanted. */
static void stream_read_done(struct av_engine *engine, unsigned int scan, uint64_t total)
{
	const struct stream *stream = stream_of(engine);
	struct av_result result;
	struct av_outcome outcome = outcome_of(av_scan_end(stream->scan[scan], &result));

	(void)total; /* the scan has counted */
	if (result.count > 0) {
		outcome = (struct av_outcome){AV_OUTCOME_INFECTED,
					      av_signatures_name(stream->set, result.signature[0])};
	}
	av_scanner_finish(engine->scanner, scan, outcome);
}

/* A scan that is begun again forgets what it was. */
static void stream_abandon(struct av_engine *engine, unsigned int scan)
{
	(void)engine;
	(void)scan;
}

static const struct av_engine_calls stream_calls = {
	.begin = stream_begin,
	.take = stream_take,
	.read_done = stream_read_done,
	.abandon = stream_abandon,
};

struct av_engine *av_stream_create(const struct av_signatures *set)
{
	struct stream *stream = calloc(1, sizeof(*stream));

	if (stream == NULL) {
		return NULL;
	}
	stream->engine = (struct av_engine){
		.calls = &stream_calls, .scans = AV_SCANS_MAX, .signatures = set->signature_count};
	stream->set = set;
	for (unsigned int i = 0; i < AV_SCANS_MAX; i++) {
		stream->scan[i] = av_scan_create(set);
		if (stream->scan[i] == NULL) {
			av_stream_destroy(&stream->engine);
			return NULL;
		}
	}
	return &stream->engine;
}

void av_stream_destroy(struct av_engine *engine)
{
	if (engine == NULL) {
		return;
	}
	for (unsigned int i = 0; i < AV_SCANS_MAX; i++) {
		av_scan_destroy(stream_of(engine)->scan[i]);
	}
	free(stream_of(engine));
}
