/* SPDX-License-Identifier: MIT */
/* Measurements into the TPM: see measure.h. */
#include "arch/x86_64/boot/measure.h"

#include <string.h>

#include "arch/x86_64/boot/console.h"
#include "arch/x86_64/boot/tcg2.h"
#include "hv/manifest.h"

static struct tcg2_protocol *find_tpm(const struct loader *loader)
{
	static EFI_GUID guid = TCG2_PROTOCOL_GUID;
	struct tcg2_capability capability = {.size = sizeof(capability)};
	struct tcg2_protocol *tpm;

	if (EFI_ERROR(loader->boot->LocateProtocol(&guid, NULL, (void **)&tpm)) ||
	    EFI_ERROR(tpm->get_capability(tpm, &capability)) || !capability.tpm_present) {
		return NULL;
	}
	return tpm;
}

#define TEXT_SIZE_MAX (sizeof(((struct tcg2_event *)NULL)->text) - MUX_NAME_SIZE)

/* A partition's name, which the manifest's check has seen, ends within MUX_NAME_SIZE. */
static void fill_event(struct tcg2_event *event, uint32_t pcr, const char *text, const char *name)
{
	size_t text_size = strnlen(text, TEXT_SIZE_MAX);
	size_t name_size = strnlen(name, MUX_NAME_SIZE - 1);

	memset(event, 0, sizeof(*event));
	memcpy(event->text, text, text_size);
	memcpy(event->text + text_size, name, name_size);
	event->size = (uint32_t)(offsetof(struct tcg2_event, text) + text_size + name_size + 1);
	event->header_size = TCG2_EVENT_HEADER_SIZE;
	event->header_version = TCG2_EVENT_HEADER_VERSION;
	event->pcr = pcr;
	event->type = TCG2_EV_IPL;
}

/* A full log is no failure: the PCR is extended nevertheless (TCG EFI Protocol, 6.6.3). */
static EFI_STATUS measure(struct tcg2_protocol *tpm, uint32_t pcr, const char *text,
			  const char *name, struct loader_bytes bytes)
{
	struct tcg2_event event;
	EFI_STATUS status;

	fill_event(&event, pcr, text, name);
	status = tpm->hash_log_extend_event(tpm, 0, (uintptr_t)bytes.data, bytes.size, &event);
	if (status == EFI_VOLUME_FULL) {
		console_print("TPM: the firmware's event log is full; \"%s\" is measured, but not "
			      "logged\n",
			      event.text);
		return EFI_SUCCESS;
	}
	if (EFI_ERROR(status)) {
		console_print("TPM: it did not take the measurement of \"%s\" (EFI status %x).\n",
			      event.text, (uint64_t)status);
	}
	return status;
}

static EFI_STATUS measure_hypervisor(const struct loader *loader, struct tcg2_protocol *tpm)
{
	EFI_STATUS status =
		measure(tpm, MEASURE_PCR_HYPERVISOR, "muxvisor: hypervisor", "", loader->hv);

	if (!EFI_ERROR(status) && loader->symbols.data != NULL) {
		status = measure(tpm, MEASURE_PCR_HYPERVISOR, "muxvisor: symbols", "",
				 loader->symbols);
	}
	return status;
}

/* Header and records: all of the blob but the partitions' bytes, whose checksum they hold. */
static EFI_STATUS measure_manifest(const void *blob, struct tcg2_protocol *tpm)
{
	const struct mux_blob_header *header = manifest_header(blob);
	uint64_t size = header->rule_offset + header->rule_count * sizeof(struct mux_rule_record);

	return measure(tpm, MEASURE_PCR_MANIFEST, "muxvisor: manifest", "",
		       (struct loader_bytes){blob, size});
}

static uint64_t partition_size(const void *blob, const struct mux_partition_record *partition)
{
	uint64_t size = 0;

	for (uint32_t i = 0; i < partition->segment_count; i++) {
		size += manifest_segment(blob, partition->segment_first + i)->size;
	}
	return size;
}

static void gather_partition(const void *blob, const struct mux_partition_record *partition,
			     uint8_t *out)
{
	for (uint32_t i = 0; i < partition->segment_count; i++) {
		const struct mux_segment_record *segment =
			manifest_segment(blob, partition->segment_first + i);

		memcpy(out, manifest_segment_data(blob, segment), segment->size);
		out += segment->size;
	}
}

/*
 * The bytes of its segments, one after the other: this does not depend on what else is in the blob,
 * and so names the same partition in any machine's image.
 */
static EFI_STATUS measure_partition(const struct loader *loader, struct tcg2_protocol *tpm,
				    const struct mux_partition_record *partition)
{
	uint64_t size = partition_size(loader->blob.data, partition);
	uint64_t pages = (size + LOADER_PAGE - 1) / LOADER_PAGE + 1;
	uint8_t *bytes = loader_alloc_pages(loader, pages);
	EFI_STATUS status;

	if (bytes == NULL) {
		console_print("TPM: too little memory to measure a partition (%u KiB).\n",
			      size / 1024);
		return EFI_OUT_OF_RESOURCES;
	}
	gather_partition(loader->blob.data, partition, bytes);
	status = measure(tpm, MEASURE_PCR_MANIFEST, "muxvisor: partition ", partition->name,
			 (struct loader_bytes){bytes, size});
	loader->boot->FreePages((uintptr_t)bytes, pages);
	return status;
}

static EFI_STATUS measure_partitions(const struct loader *loader, struct tcg2_protocol *tpm)
{
	EFI_STATUS status = EFI_SUCCESS;
	uint32_t count = manifest_header(loader->blob.data)->partition_count;

	for (uint32_t i = 0; i < count && !EFI_ERROR(status); i++) {
		status = measure_partition(loader, tpm, manifest_partition(loader->blob.data, i));
	}
	return status;
}

void measure_parts(const struct loader *loader)
{
	struct tcg2_protocol *tpm = find_tpm(loader);
	EFI_STATUS status;

	if (tpm == NULL) {
		console_print("TPM 2.0: none, so nothing is measured\n");
		return;
	}
	status = measure_hypervisor(loader, tpm);
	if (!EFI_ERROR(status)) {
		status = measure_manifest(loader->blob.data, tpm);
	}
	if (!EFI_ERROR(status)) {
		status = measure_partitions(loader, tpm);
	}
	if (EFI_ERROR(status)) {
		console_print("Starting nevertheless; PCR %u and %u tell every verifier.\n",
			      (uint64_t)MEASURE_PCR_HYPERVISOR, (uint64_t)MEASURE_PCR_MANIFEST);
		return;
	}
	console_print("TPM 2.0: hypervisor measured into PCR %u, manifest and partitions into PCR "
		      "%u\n",
		      (uint64_t)MEASURE_PCR_HYPERVISOR, (uint64_t)MEASURE_PCR_MANIFEST);
}
