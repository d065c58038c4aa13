/* SPDX-License-Identifier: MIT */
/* A small valid packed manifest, to be broken by tests. */
#ifndef TESTS_UNIT_SAMPLE_BLOB_H
#define TESTS_UNIT_SAMPLE_BLOB_H

#include "muxvisor/manifest.h"

#define SAMPLE_DATA_OFFSET 4096U

/* Two partitions ("first" CID 2 with two segments, "second" CID 5 with one, above 4 GiB), two
 * rules, two CPUs. The records stand where the ABI wants them: right behind each other. */
struct sample_blob {
	struct mux_blob_header header;
	struct mux_partition_record partition[2];
	struct mux_segment_record segment[3];
	struct mux_rule_record rule[2];
	uint8_t gap[SAMPLE_DATA_OFFSET - 96 - 2 * 160 - 3 * 32 - 2 * 16];
	uint8_t data[3][4096];
};

_Static_assert(offsetof(struct sample_blob, data) == SAMPLE_DATA_OFFSET, "sample_blob");

void sample_blob_fill(struct sample_blob *blob);

/* Makes the checksum right again. */
void sample_blob_seal(struct sample_blob *blob);

#endif
