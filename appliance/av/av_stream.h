/* SPDX-License-Identifier: MIT */
/*
 * The portable engine (engine/av_scan.h) as an engine of the service: each file is read once, from
 * its beginning, and scanned piece by piece. All memory is taken here, none while scanning.
 *
 * Threads: none.
 */
#ifndef AV_STREAM_H
#define AV_STREAM_H

#include "appliance/av/av_engine.h"
#include "appliance/av/engine/av_scan.h"

/* `set` is finished, and outlives the engine. NULL: out of memory. */
struct av_engine *av_stream_create(const struct av_signatures *set);
/* After the scanner is destroyed. NULL is allowed. */
void av_stream_destroy(struct av_engine *engine);

#endif
