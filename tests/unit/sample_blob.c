/* SPDX-License-Identifier: MIT */
/* A small valid packed manifest: see sample_blob.h. */
#include "tests/unit/sample_blob.h"

#include <string.h>

#include "hv/crc32c.h"

static void fill_partition(struct mux_partition_record *record, const char *name, uint32_t cid,
			   uint32_t cpu, uint64_t memory)
{
	strcpy(record->name, name);
	record->cid = cid;
	record->flags = MUX_PARTITION_CONSOLE | MUX_PARTITION_VSOCK;
	record->vcpu_count = 1;
	record->vcpu_cpu[0] = cpu;
	record->weight = 1;
	record->memory_size = memory;
	record->entry = 0x100000;
	record->cr3 = 0x2000;
	record->argument = 0x1000;
}

static void fill_header(struct sample_blob *blob)
{
	blob->header = (struct mux_blob_header){
		.magic = MUX_BLOB_MAGIC,
		.version = MUX_BLOB_VERSION,
		.header_size = sizeof(blob->header),
		.total_size = sizeof(*blob),
		.partition_count = 2,
		.segment_count = 3,
		.rule_count = 2,
		.partition_offset = offsetof(struct sample_blob, partition),
		.segment_offset = offsetof(struct sample_blob, segment),
		.rule_offset = offsetof(struct sample_blob, rule),
		.poll_cpu = MUX_POLL_CPU_NONE,
		.time_slice_us = 1000,
		.cpu_count_min = 2,
	};
}

void sample_blob_fill(struct sample_blob *blob)
{
	memset(blob, 0, sizeof(*blob));
	fill_header(blob);
	fill_partition(&blob->partition[0], "first", 2, 0, 4 << 20);
	fill_partition(&blob->partition[1], "second", 5, 1, 4ULL << 30);
	blob->partition[0].rights = MUX_RIGHT_MANAGER;
	blob->partition[0].segment_count = 2;
	blob->partition[1].segment_first = 2;
	blob->partition[1].segment_count = 1;
	blob->segment[0] = (struct mux_segment_record){0x1000, SAMPLE_DATA_OFFSET, 4096, 0};
	blob->segment[1] = (struct mux_segment_record){0x2000, SAMPLE_DATA_OFFSET + 4096, 100, 0};
	blob->segment[2] =
		(struct mux_segment_record){MUX_MEMORY_HIGH_BASE, SAMPLE_DATA_OFFSET, 12288, 0};
	blob->rule[0] = (struct mux_rule_record){5, 2, 7000, 7000};
	blob->rule[1] = (struct mux_rule_record){2, 5, 0, UINT32_MAX};
	memset(blob->data, 0xa5, sizeof(blob->data));
	sample_blob_seal(blob);
}

void sample_blob_seal(struct sample_blob *blob)
{
	blob->header.crc32c = 0;
	blob->header.crc32c = crc32c(0, blob, blob->header.total_size);
}
