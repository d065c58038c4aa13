/* SPDX-License-Identifier: MIT */
/* The firmware's tables are trusted not to change, but not to be well-formed. */
#include "arch/x86_64/acpi.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "arch/x86_64/cpu_features.h"
#include "arch/x86_64/paging.h"
#include "hv/log.h"

#define TABLE_SIZE_MAX 0x100000U
#define TABLES_MAX     256U

struct __attribute__((packed)) acpi_rsdp {
	char signature[8];
	uint8_t checksum;
	char oem_id[6];
	uint8_t revision; /* 2: the fields from length on are there */
	uint32_t rsdt;
	uint32_t length;
	uint64_t xsdt;
	uint8_t extended_checksum;
	uint8_t reserved[3];
};

struct __attribute__((packed)) acpi_header {
	char signature[4];
	uint32_t length;
	uint8_t revision;
	uint8_t checksum;
	char oem[26];
};

_Static_assert(sizeof(struct acpi_header) == 36, "ACPI 6.5, table 5.4");
_Static_assert(sizeof(struct acpi_rsdp) == 36, "ACPI 6.5, table 5.3");

/* Multiple APIC Description Table. */
#define MADT_ENTRIES		 44U
#define MADT_LOCAL_APIC		 0U
#define MADT_LOCAL_X2APIC	 9U
#define MADT_LOCAL_APIC_SIZE	 8U
#define MADT_LOCAL_X2APIC_SIZE	 16U
#define MADT_ENABLED		 (1U << 0)
#define MADT_BROADCAST_APIC_ID	 0xffU
#define MADT_BROADCAST_X2APIC_ID 0xffffffffU

static bool has_valid_sum(const void *table, size_t size)
{
	const uint8_t *bytes = table;
	uint8_t sum = 0;

	for (size_t i = 0; i < size; i++) {
		sum = (uint8_t)(sum + bytes[i]);
	}
	return sum == 0;
}

static uint32_t read_u32(const uint8_t *bytes)
{
	uint32_t value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}

/* An entry's APIC id; false when it is not an enabled CPU. */
static bool read_cpu(const uint8_t *entry, uint32_t *apic_id)
{
	if (entry[0] == MADT_LOCAL_APIC && entry[1] >= MADT_LOCAL_APIC_SIZE) {
		*apic_id = entry[3];
		return (read_u32(entry + 4) & MADT_ENABLED) != 0 &&
		       *apic_id != MADT_BROADCAST_APIC_ID;
	}
	if (entry[0] == MADT_LOCAL_X2APIC && entry[1] >= MADT_LOCAL_X2APIC_SIZE) {
		*apic_id = read_u32(entry + 4);
		return (read_u32(entry + 8) & MADT_ENABLED) != 0 &&
		       *apic_id != MADT_BROADCAST_X2APIC_ID;
	}
	return false;
}

int acpi_read_madt(const uint8_t *madt, size_t size, uint32_t *apic_ids, uint32_t limit)
{
	uint32_t count = 0;

	if (size < MADT_ENTRIES || !has_valid_sum(madt, size)) {
		return -EBADMSG;
	}
	for (size_t at = MADT_ENTRIES; at < size; at += madt[at + 1]) {
		if (size - at < 2 || madt[at + 1] < 2 || madt[at + 1] > size - at) {
			return -EBADMSG;
		}
		uint32_t id;

		if (read_cpu(madt + at, &id) && count < limit) {
			apic_ids[count++] = id;
		}
	}
	return (int)count;
}

/* NULL for an address that the CPU cannot form. */
static const struct acpi_header *map_header(uint64_t address)
{
	uint64_t limit = 1ULL << cpu_features_get()->physical_bits;

	if (address == 0 || address >= limit - TABLE_SIZE_MAX) {
		return NULL;
	}
	return paging_map_firmware(hpa(address), sizeof(struct acpi_header));
}

/* Maps a table once its header says how long it is; NULL when it is malformed. */
static const struct acpi_header *map_table(uint64_t address)
{
	const struct acpi_header *header = map_header(address);

	if (header == NULL || header->length < sizeof(*header) || header->length > TABLE_SIZE_MAX) {
		return NULL;
	}
	header = paging_map_firmware(hpa(address), header->length);
	return has_valid_sum(header, header->length) ? header : NULL;
}

/* ACPI 1.0, with 32-bit pointers only, is older than UEFI on this architecture. */
static const struct acpi_header *map_xsdt(uint64_t address)
{
	const struct acpi_rsdp *rsdp = paging_map_firmware(hpa(address), sizeof(*rsdp));

	if (memcmp(rsdp->signature, "RSD PTR ", sizeof(rsdp->signature)) != 0 ||
	    rsdp->revision < 2 || !has_valid_sum(rsdp, sizeof(*rsdp))) {
		return NULL;
	}
	return map_table(rsdp->xsdt);
}

static const struct acpi_header *find_table(const struct acpi_header *xsdt, const char *signature)
{
	const char *pointers = (const char *)(xsdt + 1);
	size_t count = (xsdt->length - sizeof(*xsdt)) / sizeof(uint64_t);

	for (size_t i = 0; i < count && i < TABLES_MAX; i++) {
		uint64_t address;

		memcpy(&address, pointers + i * sizeof(address), sizeof(address));
		const struct acpi_header *table = map_header(address);

		if (table != NULL &&
		    memcmp(table->signature, signature, sizeof(table->signature)) == 0) {
			return map_table(address);
		}
	}
	return NULL;
}

int acpi_find_cpus(uint64_t rsdp, uint32_t *apic_ids, uint32_t limit)
{
	if (rsdp == 0) {
		return -ENOENT;
	}
	const struct acpi_header *xsdt = map_xsdt(rsdp);
	const struct acpi_header *madt = xsdt != NULL ? find_table(xsdt, "APIC") : NULL;

	if (madt == NULL) {
		log_warn("acpi: no valid MADT");
		return -ENOENT;
	}
	int count = acpi_read_madt((const uint8_t *)madt, madt->length, apic_ids, limit);

	if (count < 0) {
		log_warn("acpi: the MADT is malformed");
		return -ENOENT;
	}
	return count;
}
