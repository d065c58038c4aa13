/* SPDX-License-Identifier: MIT */
/* Writes the packed manifest: see blob.h. */
#include "tools/muxpack/blob.h"

#include <stdlib.h>
#include <string.h>

#include "hv/crc32c.h"
#include "hv/manifest.h"

static uint64_t data_align(uint64_t value)
{
	return (value + MANIFEST_ALIGNMENT - 1) & ~(uint64_t)(MANIFEST_ALIGNMENT - 1);
}

static struct mux_blob_header make_header(const struct model *model, const struct layout *layout)
{
	struct mux_blob_header header = {
		.magic = MUX_BLOB_MAGIC,
		.version = MUX_BLOB_VERSION,
		.header_size = sizeof(header),
		.partition_count = model->partition_count,
		.segment_count = layout->segment_count,
		.rule_count = model->rule_count,
		.partition_offset = sizeof(header),
		.poll_cpu = model->poll_cpu,
		.time_slice_us = model->time_slice_us,
		.cpu_count_min = model->cpu_count_min,
	};

	header.segment_offset = header.partition_offset +
				header.partition_count * sizeof(struct mux_partition_record);
	header.rule_offset =
		header.segment_offset + header.segment_count * sizeof(struct mux_segment_record);
	header.total_size = header.rule_offset + header.rule_count * sizeof(struct mux_rule_record);
	return header;
}

/* The earlier segment with the same bytes, or NULL. */
static const struct mux_segment_record *
find_same(const struct layout *layout, const struct mux_segment_record *records, uint32_t index)
{
	for (uint32_t i = 0; i < index; i++) {
		if (layout->segments[i].data == layout->segments[index].data &&
		    layout->segments[i].size == layout->segments[index].size) {
			return &records[i];
		}
	}
	return NULL;
}

/* Gives every segment its place; header->total_size grows to the whole blob. */
static struct mux_segment_record *place_segments(const struct layout *layout,
						 struct mux_blob_header *header)
{
	struct mux_segment_record *records = memory_alloc(layout->segment_count * sizeof(*records));

	for (uint32_t i = 0; i < layout->segment_count; i++) {
		const struct mux_segment_record *same = find_same(layout, records, i);

		records[i].gpa = layout->segments[i].gpa;
		records[i].size = layout->segments[i].size;
		records[i].offset = same != NULL ? same->offset : data_align(header->total_size);
		if (same == NULL) {
			header->total_size = records[i].offset + records[i].size;
		}
	}
	return records;
}

static struct mux_partition_record make_partition(const struct model_partition *model,
						  const struct layout_partition *layout)
{
	struct mux_partition_record record = {
		.cid = model->cid,
		.rights = model->rights,
		.flags = model->flags,
		.restart = model->restart,
		.restart_max = model->restart_max,
		.start_order = model->start_order,
		.vcpu_count = model->vcpus,
		.weight = model->weight,
		.memory_size = model->memory,
		.segment_first = layout->segment_first,
		.segment_count = layout->segment_count,
		.entry = layout->entry,
		.cr3 = LAYOUT_PAGE_TABLES_GPA,
		.argument = MUX_GUEST_BOOT_GPA,
	};

	memcpy(record.name, model->name, sizeof(record.name));
	memcpy(record.vcpu_cpu, model->cpus, model->vcpus * sizeof(model->cpus[0]));
	return record;
}

static void write_records(uint8_t *blob, const struct mux_blob_header *header,
			  const struct model *model, const struct layout *layout)
{
	for (uint32_t i = 0; i < model->partition_count; i++) {
		struct mux_partition_record record =
			make_partition(&model->partitions[i], &layout->partitions[i]);

		memcpy(blob + header->partition_offset + i * sizeof(record), &record,
		       sizeof(record));
	}
	for (uint32_t i = 0; i < model->rule_count; i++) {
		memcpy(blob + header->rule_offset + i * sizeof(struct mux_rule_record),
		       &model->rules[i].record, sizeof(struct mux_rule_record));
	}
}

struct memory_file blob_create(const struct model *model, const struct layout *layout)
{
	struct mux_blob_header header = make_header(model, layout);
	struct mux_segment_record *records = place_segments(layout, &header);
	struct memory_file blob = {.data = memory_alloc(header.total_size),
				   .size = header.total_size};

	memcpy(blob.data, &header, sizeof(header));
	write_records(blob.data, &header, model, layout);
	memcpy(blob.data + header.segment_offset, records, header.segment_count * sizeof(*records));
	for (uint32_t i = 0; i < layout->segment_count; i++) {
		memcpy(blob.data + records[i].offset, layout->segments[i].data,
		       layout->segments[i].size);
	}
	header.crc32c = crc32c(0, blob.data, blob.size);
	memcpy(blob.data, &header, sizeof(header));
	free(records);
	return blob;
}
