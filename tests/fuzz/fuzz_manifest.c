/* SPDX-License-Identifier: MIT */
/*
 * manifest_check on any bytes, with magic, version, size and checksum put right so that the checks
 * behind them are reached. What is accepted is then used as ring 0 uses it: nothing may lie outside
 * the blob or the partition.
 */
#include <stdlib.h>
#include <string.h>

#include "hv/crc32c.h"
#include "hv/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void make_plausible(void *blob, size_t size)
{
	struct mux_blob_header *header = blob;

	header->magic = MUX_BLOB_MAGIC;
	header->version = MUX_BLOB_VERSION;
	header->header_size = sizeof(*header);
	header->total_size = size;
	header->partition_offset = sizeof(*header);
	header->segment_offset =
		sizeof(*header) + header->partition_count * sizeof(struct mux_partition_record);
	header->rule_offset =
		header->segment_offset + header->segment_count * sizeof(struct mux_segment_record);
	header->crc32c = 0;
	header->crc32c = crc32c(0, blob, size);
}

static void use_partition(const void *blob, const struct mux_partition_record *record)
{
	uint64_t end = MUX_MEMORY_HIGH_BASE + manifest_memory_high(record);
	volatile uint8_t last;

	if (strlen(record->name) >= MUX_NAME_SIZE || record->entry >= record->memory_size) {
		abort();
	}
	for (uint32_t i = 0; i < record->segment_count; i++) {
		const struct mux_segment_record *segment =
			manifest_segment(blob, record->segment_first + i);
		const uint8_t *bytes = manifest_segment_data(blob, segment);

		if (segment->gpa >= end || segment->size > end - segment->gpa) {
			abort();
		}
		last = bytes[segment->size - 1];
		(void)last;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *why;
	uint8_t *blob;

	if (size < sizeof(struct mux_blob_header)) {
		return 0;
	}
	blob = malloc(size); /* exact size, so that reading past it is seen */
	if (blob == NULL) {
		return 0;
	}
	memcpy(blob, data, size);
	make_plausible(blob, size);
	if (manifest_check(blob, size, &why) == 0) {
		for (uint32_t i = 0; i < manifest_header(blob)->partition_count; i++) {
			use_partition(blob, manifest_partition(blob, i));
		}
		for (uint32_t i = 0; i < manifest_header(blob)->rule_count; i++) {
			if (manifest_find_cid(blob, manifest_rule(blob, i)->source) == NULL) {
				abort();
			}
		}
	}
	free(blob);
	return 0;
}
