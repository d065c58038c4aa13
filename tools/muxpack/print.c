/* SPDX-License-Identifier: MIT */
/* Lists what a packed manifest holds: see print.h. */
#include "tools/muxpack/print.h"

#include <inttypes.h>

#include "hv/manifest.h"

#define MIB UINT64_C(0x100000)

static void print_header(FILE *out, const void *blob)
{
	const struct mux_blob_header *header = manifest_header(blob);

	fprintf(out,
		"blob: %" PRIu64 " bytes, CRC-32C %08" PRIx32 ", %" PRIu32 " partitions, %" PRIu32
		" segments, %" PRIu32 " rules\n",
		header->total_size, header->crc32c, header->partition_count, header->segment_count,
		header->rule_count);
	fprintf(out,
		"machine: at least %" PRIu32 " CPUs, %" PRIu64
		" MiB for partitions, time slice %" PRIu32 " us, polling CPU ",
		header->cpu_count_min, manifest_memory_total(blob) / MIB, header->time_slice_us);
	if (header->poll_cpu == MUX_POLL_CPU_NONE) {
		fputs("none\n", out);
	} else {
		fprintf(out, "%" PRIu32 "\n", header->poll_cpu);
	}
}

static void print_restart(FILE *out, const struct mux_partition_record *record)
{
	static const char *const words[] = {"never", "on-failure", "always"};

	fprintf(out, ", restart %s", words[record->restart]);
	if (record->restart_max != 0) {
		fprintf(out, " max %" PRIu32, record->restart_max);
	}
}

static void print_flags(FILE *out, const struct mux_partition_record *record)
{
	fputs((record->rights & MUX_RIGHT_MANAGER) != 0 ? ", manager" : "", out);
	fputs((record->flags & MUX_PARTITION_CONSOLE) != 0 ? ", console" : "", out);
	fputs((record->flags & MUX_PARTITION_VSOCK) != 0 ? ", vsock" : "", out);
	fputs((record->flags & MUX_PARTITION_START_OFF) != 0 ? ", start manual" : "", out);
	fputs((record->flags & MUX_PARTITION_STOPS_MACHINE) != 0 ? ", stops machine" : "", out);
}

static void print_partition(FILE *out, const void *blob, const struct mux_partition_record *record)
{
	fprintf(out, "partition %s: CID %" PRIu32 ", %" PRIu64 " MiB, CPU", record->name,
		record->cid, record->memory_size / MIB);
	for (uint32_t i = 0; i < record->vcpu_count; i++) {
		fprintf(out, " %" PRIu32, record->vcpu_cpu[i]);
	}
	fprintf(out, ", weight %" PRIu32 ", order %" PRIu32, record->weight, record->start_order);
	print_restart(out, record);
	print_flags(out, record);
	fprintf(out, "\n  entry 0x%" PRIx64 ", page tables 0x%" PRIx64 ", argument 0x%" PRIx64 "\n",
		record->entry, record->cr3, record->argument);
	for (uint32_t i = 0; i < record->segment_count; i++) {
		const struct mux_segment_record *segment =
			manifest_segment(blob, record->segment_first + i);

		fprintf(out, "  segment 0x%" PRIx64 " .. 0x%" PRIx64 " at 0x%" PRIx64 "\n",
			segment->gpa, segment->gpa + segment->size, segment->offset);
	}
}

static void print_rule(FILE *out, const void *blob, const struct mux_rule_record *rule)
{
	fprintf(out, "allow %s -> %s : %" PRIu32 "-%" PRIu32 "\n",
		manifest_find_cid(blob, rule->source)->name,
		manifest_find_cid(blob, rule->destination)->name, rule->port_first,
		rule->port_last);
}

void print_blob(FILE *out, const void *blob)
{
	const struct mux_blob_header *header = manifest_header(blob);

	print_header(out, blob);
	for (uint32_t i = 0; i < header->partition_count; i++) {
		print_partition(out, blob, manifest_partition(blob, i));
	}
	for (uint32_t i = 0; i < header->rule_count; i++) {
		print_rule(out, blob, manifest_rule(blob, i));
	}
}
