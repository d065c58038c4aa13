/* SPDX-License-Identifier: MIT */
/*
 * manifest_check: a valid blob passes, and each way to break it is found and named. Every case
 * breaks one thing of a valid blob and seals it again, so that no other check can catch it first.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>

#include "hv/manifest.h"
#include "tests/unit/sample_blob.h"

static struct sample_blob blob;

static int reset(void **state)
{
	(void)state;
	sample_blob_fill(&blob);
	return 0;
}

/* Seals the blob, expects that reason, and makes the blob valid again. */
static void expect_fault(const char *expected)
{
	const char *why = NULL;

	sample_blob_seal(&blob);
	assert_int_equal(manifest_check(&blob, sizeof(blob), &why), -EINVAL);
	assert_string_equal(why, expected);
	sample_blob_fill(&blob);
}

static void expect_valid(void)
{
	const char *why = "";

	sample_blob_seal(&blob);
	assert_int_equal(manifest_check(&blob, sizeof(blob), &why), 0);
	assert_null(why);
	sample_blob_fill(&blob);
}

/* value changes a field of a valid blob. */
#define BREAK(field, value, expected)     \
	do {                              \
		blob.field = (value);     \
		expect_fault((expected)); \
	} while (0)

static void valid_blobs_pass(void **state)
{
	const char *why;

	(void)state;
	expect_valid();
	blob.header.poll_cpu = 2;
	blob.header.cpu_count_min = 3;
	expect_valid();
	blob.partition[0].vcpu_count = MUX_VCPUS_MAX;
	expect_valid();
	blob.segment[1].gpa = (4 << 20) - 100;
	expect_valid();
	blob.partition[0].stack = 4 << 20;
	expect_valid();
	/* Padding behind the blob, as the end of a section has it. */
	blob.header.total_size -= 4096;
	blob.segment[2].size = 8192;
	sample_blob_seal(&blob);
	assert_int_equal(manifest_check(&blob, sizeof(blob), &why), 0);
}

static void accessors_find_the_records(void **state)
{
	(void)state;
	assert_string_equal(manifest_partition(&blob, 1)->name, "second");
	assert_ptr_equal(manifest_segment(&blob, 2), &blob.segment[2]);
	assert_ptr_equal(manifest_segment_data(&blob, &blob.segment[1]), blob.data[1]);
	assert_ptr_equal(manifest_rule(&blob, 1), &blob.rule[1]);
	assert_ptr_equal(manifest_find_cid(&blob, 5), &blob.partition[1]);
	assert_null(manifest_find_cid(&blob, 3));
	assert_int_equal(manifest_memory_total(&blob), (4ULL << 30) + (4 << 20));
	assert_int_equal(manifest_memory_low(&blob.partition[0]), 4 << 20);
	assert_int_equal(manifest_memory_high(&blob.partition[0]), 0);
	assert_int_equal(manifest_memory_low(&blob.partition[1]), MUX_MEMORY_LOW_MAX);
	assert_int_equal(manifest_memory_high(&blob.partition[1]), 1ULL << 30);
}

static void broken_headers(void **state)
{
	(void)state;
	BREAK(header.magic, 1, "it is no packed manifest (wrong magic number)");
	BREAK(header.version, 2, "it was packed for another version");
	BREAK(header.header_size, 100, "it was packed for another version");
	BREAK(header.partition_count, 0, "it has no partition");
	BREAK(header.partition_count, MUX_PARTITIONS_MAX + 1, "it has too many partitions");
	BREAK(header.segment_count, MUX_SEGMENTS_MAX + 1, "it has too many segments");
	BREAK(header.rule_count, MUX_RULES_MAX + 1, "it has too many policy rules");
	BREAK(header.partition_offset, 104, "the partition records are not where they belong");
	BREAK(header.segment_offset, UINT64_MAX, "the segment records are not where they belong");
	BREAK(header.rule_offset, 0, "the rule records are not where they belong");
	BREAK(header.time_slice_us, 99, "the time slice is out of range");
	BREAK(header.time_slice_us, 100001, "the time slice is out of range");
	BREAK(header.cpu_count_min, MUX_CPUS_MAX + 1, "it needs too many CPUs");
	BREAK(header.cpu_count_min, 3, "cpu_count_min is not what its CPUs need");
	BREAK(header.poll_cpu, 0xfffffffeU, "cpu_count_min is not what its CPUs need");
	BREAK(header.reserved[4], 1, "a reserved field of the header is not zero");
	/* Few enough records to pass the limits, too many for the blob. */
	blob.header.segment_count = 2000;
	blob.header.rule_offset = blob.header.segment_offset + 2000 * 32;
	expect_fault("the records reach past the blob's end");
}

static void sizes_are_checked_first(void **state)
{
	const char *why;

	(void)state;
	assert_int_equal(manifest_check(&blob, sizeof(blob.header) - 1, &why), -EINVAL);
	assert_string_equal(why, "it is shorter than its header");
	assert_int_equal(manifest_check(&blob, sizeof(blob) - 1, &why), -EINVAL);
	assert_string_equal(why, "it is cut short");
	blob.header.total_size = sizeof(blob.header) - 1;
	assert_int_equal(manifest_check(&blob, sizeof(blob), &why), -EINVAL);
	assert_string_equal(why, "it is cut short");
	blob.header.total_size = UINT64_MAX;
	assert_int_equal(manifest_check(&blob, sizeof(blob), &why), -EINVAL);
	assert_string_equal(why, "it is cut short");
}

static void every_byte_counts_for_the_checksum(void **state)
{
	const char *why;
	uint8_t *bytes = (uint8_t *)&blob;

	(void)state;
	for (size_t i = offsetof(struct mux_blob_header, crc32c); i < sizeof(blob); i += 61) {
		bytes[i] ^= 0x10;
		assert_int_equal(manifest_check(&blob, sizeof(blob), &why), -EINVAL);
		assert_string_equal(why, "its checksum is wrong");
		bytes[i] ^= 0x10;
	}
}

static void broken_names(void **state)
{
	static const char bad_char[] = "a partition's name has a character that is not allowed";
	static const char bad_length[] = "a partition's name is empty or too long";

	(void)state;
	BREAK(partition[0].name[0], 'F', bad_char);
	BREAK(partition[0].name[1], '\n', bad_char);
	BREAK(partition[0].name[0], '\0', bad_length);
	memset(blob.partition[0].name, 'a', MUX_NAME_SIZE);
	expect_fault(bad_length);
	BREAK(partition[1].name[15], 'x', "a partition's name is not padded with zeros");
	memcpy(blob.partition[1].name, blob.partition[0].name, MUX_NAME_SIZE);
	expect_fault("two partitions have the same name");
}

static void broken_partitions(void **state)
{
	static const char bad_memory[] =
		"a partition's memory size is out of range or no multiple of 2 MiB";

	(void)state;
	BREAK(partition[1].cid, 2, "two partitions have the same CID");
	BREAK(partition[1].cid, 1, "a CID is out of range");
	BREAK(partition[1].cid, MUX_CID_MAX + 1, "a CID is out of range");
	BREAK(partition[0].rights, 2, "a partition has an unknown right or flag");
	BREAK(partition[0].flags, 16, "a partition has an unknown right or flag");
	BREAK(partition[0].restart, 3, "a partition's restart policy is unknown");
	BREAK(partition[0].weight, 0, "a partition's weight is out of range");
	BREAK(partition[0].weight, 17, "a partition's weight is out of range");
	BREAK(partition[0].memory_size, 0, bad_memory);
	BREAK(partition[0].memory_size, (4 << 20) + 4096, bad_memory);
	BREAK(partition[0].memory_size, MUX_MEMORY_MAX + MUX_PIECE_SIZE, bad_memory);
	BREAK(partition[0].reserved[3], 1, "a reserved field of a partition is not zero");
}

static void broken_vcpus(void **state)
{
	static const char bad_count[] = "a partition's number of vCPUs is out of range";

	(void)state;
	BREAK(partition[0].vcpu_count, 0, bad_count);
	BREAK(partition[0].vcpu_count, MUX_VCPUS_MAX + 1, bad_count);
	BREAK(partition[0].vcpu_cpu[0], 2, "a vCPU is pinned to a CPU past cpu_count_min");
	BREAK(partition[0].vcpu_cpu[7], 1, "an unused vCPU has a CPU");
	BREAK(header.poll_cpu, 1, "a vCPU is pinned to the polling CPU");
}

static void broken_start_states(void **state)
{
	static const char bad_tables[] = "a partition's page tables are not in its memory";

	(void)state;
	BREAK(partition[0].entry, 4 << 20, "a partition's entry point is not in its memory");
	BREAK(partition[1].entry, 0xc0000000, "a partition's entry point is not in its memory");
	BREAK(partition[0].cr3, 0x2008, bad_tables);
	BREAK(partition[0].cr3, 4 << 20, bad_tables);
	BREAK(partition[0].stack, (4 << 20) + 1, "a partition's stack is not in its memory");
	BREAK(partition[0].argument, UINT64_MAX,
	      "a partition's boot information is not in its memory");
}

static void broken_segments(void **state)
{
	static const char bad_data[] = "a segment's data is not in the blob";
	static const char bad_memory[] = "a segment is not in its partition's memory";
	static const char bad_size[] = "a segment's size is out of range";

	(void)state;
	BREAK(segment[0].reserved, 1, "a reserved field of a segment is not zero");
	BREAK(segment[0].size, 0, bad_size);
	BREAK(segment[0].size, UINT64_MAX, bad_size);
	BREAK(segment[0].offset, SAMPLE_DATA_OFFSET + 8, bad_data);
	BREAK(segment[0].offset, 0, bad_data);
	BREAK(segment[0].offset, UINT64_MAX - 4095, bad_data);
	BREAK(segment[2].offset, SAMPLE_DATA_OFFSET + 4096, bad_data);
	BREAK(segment[1].gpa, (4 << 20) - 99, bad_memory);
	BREAK(segment[1].gpa, MUX_MEMORY_HIGH_BASE, bad_memory);
	BREAK(segment[1].gpa, UINT64_MAX, bad_memory);
	BREAK(segment[2].gpa, MUX_MEMORY_LOW_MAX - 4096, bad_memory);
	BREAK(segment[2].gpa, MUX_MEMORY_HIGH_BASE + (1 << 30) - 4096, bad_memory);
	BREAK(segment[2].gpa, MUX_MEMORY_HIGH_BASE - 4096, bad_memory);
	BREAK(segment[1].gpa, 0x1fff, "two segments overlap, or are not in ascending order");
	BREAK(segment[1].gpa, 0, "two segments overlap, or are not in ascending order");
}

static void broken_segment_owners(void **state)
{
	static const char misplaced[] = "a partition's segment records are not where they belong";

	(void)state;
	BREAK(partition[1].segment_first, 1, misplaced);
	BREAK(partition[1].segment_count, 2, misplaced);
	BREAK(partition[0].segment_count, UINT32_MAX, misplaced);
	BREAK(partition[1].segment_count, 0, "a segment belongs to no partition");
}

static void broken_rules(void **state)
{
	static const char unknown[] = "a policy rule names a CID that no partition has";

	(void)state;
	BREAK(rule[0].source, 3, unknown);
	BREAK(rule[1].destination, 0, unknown);
	BREAK(rule[0].port_last, 6999, "a policy rule's port range is upside down");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(valid_blobs_pass, reset),
		cmocka_unit_test_setup(accessors_find_the_records, reset),
		cmocka_unit_test_setup(broken_headers, reset),
		cmocka_unit_test_setup(sizes_are_checked_first, reset),
		cmocka_unit_test_setup(every_byte_counts_for_the_checksum, reset),
		cmocka_unit_test_setup(broken_names, reset),
		cmocka_unit_test_setup(broken_partitions, reset),
		cmocka_unit_test_setup(broken_vcpus, reset),
		cmocka_unit_test_setup(broken_start_states, reset),
		cmocka_unit_test_setup(broken_segments, reset),
		cmocka_unit_test_setup(broken_segment_owners, reset),
		cmocka_unit_test_setup(broken_rules, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
