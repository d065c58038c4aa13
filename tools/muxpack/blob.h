/* SPDX-License-Identifier: MIT */
/* Writes the packed manifest (include/muxvisor/manifest.h) from a model and its layout. */
#ifndef TOOLS_MUXPACK_BLOB_H
#define TOOLS_MUXPACK_BLOB_H

#include "tools/muxpack/layout.h"

/* The blob of a model and layout that were made without an error; free() `data`. */
struct memory_file blob_create(const struct model *model, const struct layout *layout);

#endif
