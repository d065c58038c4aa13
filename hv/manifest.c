/* SPDX-License-Identifier: MIT */
/*
 * Checks a packed manifest, for the packer and the loader; not part of ring 0. The blob is signed
 * or at least checksummed, yet nothing here trusts it: every count and offset is compared before it
 * is used, and sums are formed so that they can't wrap. Every loop is bounded by a limit of the ABI
 * header. No state, no locking.
 */
#include "hv/manifest.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include "hv/crc32c.h"

#define FLAGS_KNOWN                                                                  \
	(MUX_PARTITION_CONSOLE | MUX_PARTITION_STOPS_MACHINE | MUX_PARTITION_VSOCK | \
	 MUX_PARTITION_START_OFF)
#define RIGHTS_KNOWN MUX_RIGHT_MANAGER
#define PAGE_MASK    4095ULL

/* Each check returns NULL, or what is wrong. */
typedef const char *fault_t;

const struct mux_partition_record *manifest_find_cid(const void *blob, uint32_t cid)
{
	for (uint32_t i = 0; i < manifest_header(blob)->partition_count; i++) {
		if (manifest_partition(blob, i)->cid == cid) {
			return manifest_partition(blob, i);
		}
	}
	return NULL;
}

uint64_t manifest_memory_total(const void *blob)
{
	uint64_t total = 0;

	for (uint32_t i = 0; i < manifest_header(blob)->partition_count; i++) {
		total += manifest_partition(blob, i)->memory_size;
	}
	return total;
}

static fault_t check_limits(const struct mux_blob_header *header)
{
	if (header->partition_count == 0) {
		return "it has no partition";
	}
	if (header->partition_count > MUX_PARTITIONS_MAX) {
		return "it has too many partitions";
	}
	if (header->segment_count > MUX_SEGMENTS_MAX) {
		return "it has too many segments";
	}
	if (header->rule_count > MUX_RULES_MAX) {
		return "it has too many policy rules";
	}
	if (header->time_slice_us < MUX_TIME_SLICE_MIN ||
	    header->time_slice_us > MUX_TIME_SLICE_MAX) {
		return "the time slice is out of range";
	}
	if (header->cpu_count_min > MUX_CPUS_MAX) {
		return "it needs too many CPUs";
	}
	for (size_t i = 0; i < sizeof(header->reserved) / sizeof(header->reserved[0]); i++) {
		if (header->reserved[i] != 0) {
			return "a reserved field of the header is not zero";
		}
	}
	return NULL;
}

/* Where the records end. The counts are below their limits: no overflow. */
static uint64_t records_end(const struct mux_blob_header *header)
{
	return header->rule_offset + header->rule_count * sizeof(struct mux_rule_record);
}

static fault_t check_layout(const struct mux_blob_header *header)
{
	uint64_t offset = sizeof(*header);

	if (header->partition_offset != offset) {
		return "the partition records are not where they belong";
	}
	offset += header->partition_count * sizeof(struct mux_partition_record);
	if (header->segment_offset != offset) {
		return "the segment records are not where they belong";
	}
	offset += header->segment_count * sizeof(struct mux_segment_record);
	if (header->rule_offset != offset) {
		return "the rule records are not where they belong";
	}
	if (records_end(header) > header->total_size) {
		return "the records reach past the blob's end";
	}
	return NULL;
}

static uint32_t blob_crc32c(const struct mux_blob_header *header)
{
	struct mux_blob_header copy = *header;
	uint32_t crc;

	copy.crc32c = 0;
	crc = crc32c(0, &copy, sizeof(copy));
	return crc32c(crc, header + 1, header->total_size - sizeof(copy));
}

static fault_t check_header(const struct mux_blob_header *header, uint64_t size)
{
	fault_t fault;

	if (size < sizeof(*header)) {
		return "it is shorter than its header";
	}
	if (header->magic != MUX_BLOB_MAGIC) {
		return "it is no packed manifest (wrong magic number)";
	}
	if (header->version != MUX_BLOB_VERSION || header->header_size != sizeof(*header)) {
		return "it was packed for another version";
	}
	if (header->total_size < sizeof(*header) || header->total_size > size) {
		return "it is cut short";
	}
	if (header->crc32c != blob_crc32c(header)) {
		return "its checksum is wrong";
	}
	fault = check_limits(header);
	return fault != NULL ? fault : check_layout(header);
}

static bool name_char_ok(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

static fault_t check_name(const char *name)
{
	size_t length = 0;

	while (length < MUX_NAME_SIZE && name[length] != '\0') {
		if (!name_char_ok(name[length])) {
			return "a partition's name has a character that is not allowed";
		}
		length++;
	}
	if (length == 0 || length == MUX_NAME_SIZE) {
		return "a partition's name is empty or too long";
	}
	for (; length < MUX_NAME_SIZE; length++) {
		if (name[length] != '\0') {
			return "a partition's name is not padded with zeros";
		}
	}
	return NULL;
}

static bool names_equal(const char *a, const char *b)
{
	for (size_t i = 0; i < MUX_NAME_SIZE; i++) {
		if (a[i] != b[i]) {
			return false;
		}
	}
	return true;
}

static fault_t check_unique(const void *blob, uint32_t index)
{
	const struct mux_partition_record *record = manifest_partition(blob, index);

	for (uint32_t i = 0; i < index; i++) {
		const struct mux_partition_record *other = manifest_partition(blob, i);

		if (other->cid == record->cid) {
			return "two partitions have the same CID";
		}
		if (names_equal(other->name, record->name)) {
			return "two partitions have the same name";
		}
	}
	return NULL;
}

static fault_t check_vcpus(const struct mux_blob_header *header,
			   const struct mux_partition_record *record)
{
	if (record->vcpu_count == 0 || record->vcpu_count > MUX_VCPUS_MAX) {
		return "a partition's number of vCPUs is out of range";
	}
	for (uint32_t i = 0; i < record->vcpu_count; i++) {
		if (record->vcpu_cpu[i] >= header->cpu_count_min) {
			return "a vCPU is pinned to a CPU past cpu_count_min";
		}
		if (record->vcpu_cpu[i] == header->poll_cpu) {
			return "a vCPU is pinned to the polling CPU";
		}
	}
	for (uint32_t i = record->vcpu_count; i < MUX_VCPUS_MAX; i++) {
		if (record->vcpu_cpu[i] != 0) {
			return "an unused vCPU has a CPU";
		}
	}
	return NULL;
}

static fault_t check_start_state(const struct mux_partition_record *record)
{
	uint64_t low = manifest_memory_low(record);

	if (record->entry >= low) {
		return "a partition's entry point is not in its memory";
	}
	if ((record->cr3 & PAGE_MASK) != 0 || record->cr3 >= low) {
		return "a partition's page tables are not in its memory";
	}
	if (record->stack > low) {
		return "a partition's stack is not in its memory";
	}
	if (record->argument >= low) {
		return "a partition's boot information is not in its memory";
	}
	return NULL;
}

static fault_t check_partition_fields(const struct mux_partition_record *record)
{
	if (record->cid < MUX_CID_MIN || record->cid > MUX_CID_MAX) {
		return "a CID is out of range";
	}
	if ((record->rights & ~RIGHTS_KNOWN) != 0 || (record->flags & ~FLAGS_KNOWN) != 0) {
		return "a partition has an unknown right or flag";
	}
	if (record->restart > MUX_RESTART_ALWAYS) {
		return "a partition's restart policy is unknown";
	}
	if (record->weight == 0 || record->weight > MUX_WEIGHT_MAX) {
		return "a partition's weight is out of range";
	}
	if (record->memory_size == 0 || record->memory_size > MUX_MEMORY_MAX ||
	    record->memory_size % MUX_PIECE_SIZE != 0) {
		return "a partition's memory size is out of range or no multiple of 2 MiB";
	}
	for (size_t i = 0; i < sizeof(record->reserved) / sizeof(record->reserved[0]); i++) {
		if (record->reserved[i] != 0) {
			return "a reserved field of a partition is not zero";
		}
	}
	return NULL;
}

/* size > 0. The low region starts at 0, the high one at 4 GiB: nothing may span the gap. */
static bool range_in_memory(const struct mux_partition_record *record, uint64_t gpa, uint64_t size)
{
	uint64_t base = gpa < MUX_MEMORY_HIGH_BASE ? 0 : MUX_MEMORY_HIGH_BASE;
	uint64_t length = base == 0 ? manifest_memory_low(record) : manifest_memory_high(record);

	return gpa - base < length && size <= length - (gpa - base);
}

static fault_t check_segment(const struct mux_blob_header *header,
			     const struct mux_partition_record *record,
			     const struct mux_segment_record *segment)
{
	if (segment->reserved != 0) {
		return "a reserved field of a segment is not zero";
	}
	if (segment->size == 0 || segment->size > header->total_size) {
		return "a segment's size is out of range";
	}
	if (segment->offset % MANIFEST_ALIGNMENT != 0 || segment->offset < records_end(header) ||
	    segment->offset > header->total_size - segment->size) {
		return "a segment's data is not in the blob";
	}
	if (!range_in_memory(record, segment->gpa, segment->size)) {
		return "a segment is not in its partition's memory";
	}
	return NULL;
}

/* `first`: segment records that the partitions before this one use. */
static fault_t check_segments(const void *blob, const struct mux_partition_record *record,
			      uint32_t first)
{
	const struct mux_blob_header *header = manifest_header(blob);
	uint64_t end = 0;

	if (record->segment_first != first ||
	    record->segment_count > header->segment_count - first) {
		return "a partition's segment records are not where they belong";
	}
	for (uint32_t i = 0; i < record->segment_count; i++) {
		const struct mux_segment_record *segment = manifest_segment(blob, first + i);
		fault_t fault = check_segment(header, record, segment);

		if (fault != NULL) {
			return fault;
		}
		if (segment->gpa < end) {
			return "two segments overlap, or are not in ascending order";
		}
		end = segment->gpa + segment->size;
	}
	return NULL;
}

static fault_t check_partition(const void *blob, uint32_t index, uint32_t segment_first)
{
	const struct mux_partition_record *record = manifest_partition(blob, index);
	fault_t fault = check_name(record->name);

	if (fault == NULL) {
		fault = check_partition_fields(record);
	}
	if (fault == NULL) {
		fault = check_unique(blob, index);
	}
	if (fault == NULL) {
		fault = check_vcpus(manifest_header(blob), record);
	}
	if (fault == NULL) {
		fault = check_start_state(record);
	}
	return fault != NULL ? fault : check_segments(blob, record, segment_first);
}

static fault_t check_partitions(const void *blob)
{
	const struct mux_blob_header *header = manifest_header(blob);
	uint32_t segments = 0;

	for (uint32_t i = 0; i < header->partition_count; i++) {
		fault_t fault = check_partition(blob, i, segments);

		if (fault != NULL) {
			return fault;
		}
		segments += manifest_partition(blob, i)->segment_count;
	}
	return segments == header->segment_count ? NULL : "a segment belongs to no partition";
}

static fault_t check_cpu_count(const void *blob)
{
	const struct mux_blob_header *header = manifest_header(blob);
	uint32_t count = header->poll_cpu == MUX_POLL_CPU_NONE ? 0 : header->poll_cpu + 1;

	for (uint32_t i = 0; i < header->partition_count; i++) {
		const struct mux_partition_record *record = manifest_partition(blob, i);

		for (uint32_t j = 0; j < record->vcpu_count; j++) {
			count = record->vcpu_cpu[j] >= count ? record->vcpu_cpu[j] + 1 : count;
		}
	}
	return count == header->cpu_count_min ? NULL : "cpu_count_min is not what its CPUs need";
}

static fault_t check_rules(const void *blob)
{
	for (uint32_t i = 0; i < manifest_header(blob)->rule_count; i++) {
		const struct mux_rule_record *rule = manifest_rule(blob, i);

		if (manifest_find_cid(blob, rule->source) == NULL ||
		    manifest_find_cid(blob, rule->destination) == NULL) {
			return "a policy rule names a CID that no partition has";
		}
		if (rule->port_first > rule->port_last) {
			return "a policy rule's port range is upside down";
		}
	}
	return NULL;
}

int manifest_check(const void *blob, uint64_t size, const char **why)
{
	fault_t fault = check_header(blob, size);

	if (fault == NULL) {
		fault = check_partitions(blob);
	}
	if (fault == NULL) {
		fault = check_cpu_count(blob);
	}
	if (fault == NULL) {
		fault = check_rules(blob);
	}
	*why = fault;
	return fault == NULL ? 0 : -EINVAL;
}
