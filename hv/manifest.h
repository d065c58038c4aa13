/* SPDX-License-Identifier: MIT */
/*
 * The packed manifest (include/muxvisor/manifest.h): its one check, and access to its records.
 * The packer and the loader check it with the same code; ring 0 gets it checked (boot/handoff.h)
 * and uses the accessors alone. Nothing allocates or keeps state; the blob must not change while it
 * is used. The accessors expect a blob that manifest_check accepted.
 */
#ifndef HV_MANIFEST_H
#define HV_MANIFEST_H

#include "muxvisor/manifest.h"

#define MANIFEST_ALIGNMENT 4096U /* of segment data in the blob */

/*
 * Checks everything that the ABI header promises, the CRC included. `blob` is aligned to 8 bytes;
 * `size` bytes are readable and may exceed the blob's own total_size.
 * 0, or -EINVAL with *why naming the first fault found (static text, no trailing full stop).
 */
int manifest_check(const void *blob, uint64_t size, const char **why);

static inline const struct mux_blob_header *manifest_header(const void *blob)
{
	return blob;
}

/* index < partition_count */
static inline const struct mux_partition_record *manifest_partition(const void *blob,
								    uint32_t index)
{
	const uint8_t *bytes = blob;

	return (const struct mux_partition_record *)(bytes +
						     manifest_header(blob)->partition_offset) +
	       index;
}

/* index < segment_count; a partition's are segment_first .. segment_first + segment_count - 1 */
static inline const struct mux_segment_record *manifest_segment(const void *blob, uint32_t index)
{
	const uint8_t *bytes = blob;

	return (const struct mux_segment_record *)(bytes + manifest_header(blob)->segment_offset) +
	       index;
}

/* index < rule_count */
static inline const struct mux_rule_record *manifest_rule(const void *blob, uint32_t index)
{
	const uint8_t *bytes = blob;

	return (const struct mux_rule_record *)(bytes + manifest_header(blob)->rule_offset) + index;
}

/* The `segment->size` bytes of a segment, 4 KiB aligned within the blob. */
static inline const void *manifest_segment_data(const void *blob,
						const struct mux_segment_record *segment)
{
	return (const uint8_t *)blob + segment->offset;
}

/* Bytes of a partition's RAM from GPA 0, and from GPA 4 GiB. */
static inline uint64_t manifest_memory_low(const struct mux_partition_record *record)
{
	return record->memory_size < MUX_MEMORY_LOW_MAX ? record->memory_size : MUX_MEMORY_LOW_MAX;
}

static inline uint64_t manifest_memory_high(const struct mux_partition_record *record)
{
	return record->memory_size - manifest_memory_low(record);
}

/* The record with that CID, or NULL. */
const struct mux_partition_record *manifest_find_cid(const void *blob, uint32_t cid);

/* Memory of all partitions together, bytes. */
uint64_t manifest_memory_total(const void *blob);

#endif
