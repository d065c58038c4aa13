/* SPDX-License-Identifier: MIT */
/* Lists what a packed manifest holds, for people. */
#ifndef TOOLS_MUXPACK_PRINT_H
#define TOOLS_MUXPACK_PRINT_H

#include <stdio.h>

/* `blob` is one that manifest_check() accepted. */
void print_blob(FILE *out, const void *blob);

#endif
