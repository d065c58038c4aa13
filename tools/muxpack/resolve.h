/* SPDX-License-Identifier: MIT */
/*
 * Completes and checks a parsed manifest: what needs more than one line. Missing keys, CIDs
 * (unique, `auto` ones chosen), the CPU of each vCPU, policy names to CIDs.
 */
#ifndef TOOLS_MUXPACK_RESOLVE_H
#define TOOLS_MUXPACK_RESOLVE_H

#include "tools/muxpack/model.h"
#include "tools/muxpack/report.h"

void resolve_model(struct model *model, struct report *report);

#endif
