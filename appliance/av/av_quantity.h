/* SPDX-License-Identifier: MIT */
/* Sizes and times as people write them in policies and on command lines. No allocation. */
#ifndef AV_QUANTITY_H
#define AV_QUANTITY_H

#include "appliance/av/engine/av_line.h"

/* Digits (below 2^32), then nothing, K, M or G: bytes. false: it is something else. */
bool av_quantity_size(struct av_slice text, uint64_t *bytes);
/* Digits (below 2^32), then ms or s. false: it is something else. */
bool av_quantity_time(struct av_slice text, uint64_t *milliseconds);

#endif
