/* SPDX-License-Identifier: MIT */
/* ACPI tables of a partition: see acpi_tables.h. Sections are those of ACPI 6.4. */
#include "tools/muxpack/acpi_tables.h"

#include <string.h>

#include "dsdt.hex"
#include "hv/vpci/vpci.h"
#include "muxvisor/manifest.h"
#include "muxvisor/platform_ports.h"

#define GAS_IO 1U

#define FADT_WBINVD	   (1U << 0) /* table 5.10 */
#define FADT_RESET	   (1U << 10)
#define FADT_APIC_PHYSICAL (1U << 19)
#define FADT_HW_REDUCED	   (1U << 20)
#define FADT_BOOT_NO_VGA   (1U << 2)

#define LAPIC_ENABLED 1U
#define LAPIC_ADDRESS 0xfee00000U

struct generic_address { /* 5.2.3.2 */
	uint8_t space;
	uint8_t bit_width;
	uint8_t bit_offset;
	uint8_t access_size;
	uint64_t address;
} __attribute__((packed));

struct rsdp { /* 5.2.5.3 */
	char signature[8];
	uint8_t checksum;
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length;
	uint64_t xsdt;
	uint8_t extended_checksum;
	uint8_t reserved[3];
} __attribute__((packed));

struct table_header { /* 5.2.6 */
	char signature[4];
	uint32_t length;
	uint8_t revision;
	uint8_t checksum;
	char oem_id[6];
	char oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
} __attribute__((packed));

struct fadt { /* 5.2.9 */
	struct table_header header;
	uint32_t firmware_control;
	uint32_t dsdt;
	uint8_t reserved0;
	uint8_t profile;
	uint8_t pm1_and_others[62]; /* not there in a hardware-reduced platform */
	uint8_t century;
	uint16_t boot_flags;
	uint8_t reserved1;
	uint32_t flags;
	struct generic_address reset;
	uint8_t reset_value;
	uint16_t arm_boot_flags;
	uint8_t minor_version;
	uint64_t x_firmware_control;
	uint64_t x_dsdt;
	struct generic_address x_blocks[8]; /* as pm1_and_others */
	struct generic_address sleep_control;
	struct generic_address sleep_status;
	uint64_t hypervisor_id;
} __attribute__((packed));

struct madt_lapic { /* 5.2.12.2: for ids below 255, in x2APIC mode too */
	uint8_t type;
	uint8_t length;
	uint8_t processor_uid;
	uint8_t apic_id;
	uint32_t flags;
} __attribute__((packed));

struct madt { /* 5.2.12 */
	struct table_header header;
	uint32_t lapic_address;
	uint32_t flags;
	struct madt_lapic lapics[MUX_VCPUS_MAX];
} __attribute__((packed));

struct mcfg { /* PCI Firmware Specification 3.2, 4.1.2 */
	struct table_header header;
	uint8_t reserved[8];
	uint64_t base;
	uint16_t segment;
	uint8_t first_bus;
	uint8_t last_bus;
	uint8_t reserved1[4];
} __attribute__((packed));

struct xsdt { /* 5.2.8 */
	struct table_header header;
	uint64_t fadt;
	uint64_t madt;
	uint64_t mcfg;
} __attribute__((packed));

struct tables {
	struct rsdp rsdp;
	uint8_t pad0[28];
	struct xsdt xsdt;
	uint8_t pad1[4];
	struct fadt fadt;
	uint8_t pad2[12];
	struct madt madt;
	uint8_t pad3[20];
	struct mcfg mcfg;
	uint8_t pad4[4];
	uint8_t dsdt[sizeof(dsdt_aml_code)];
} __attribute__((packed));

_Static_assert(sizeof(struct rsdp) == 36 && sizeof(struct table_header) == 36, "headers");
_Static_assert(sizeof(struct fadt) == 276, "FADT revision 6");
_Static_assert(offsetof(struct fadt, century) == 108 && offsetof(struct fadt, reset) == 116 &&
		       offsetof(struct fadt, x_dsdt) == 140 &&
		       offsetof(struct fadt, sleep_control) == 244,
	       "FADT fields");
_Static_assert(sizeof(struct mcfg) == 60, "MCFG");
_Static_assert(sizeof(struct tables) <= ACPI_TABLES_SIZE, "the tables fit");
_Static_assert(offsetof(struct tables, xsdt) % 8 == 0 && offsetof(struct tables, fadt) % 8 == 0 &&
		       offsetof(struct tables, madt) % 8 == 0 &&
		       offsetof(struct tables, mcfg) % 8 == 0 &&
		       offsetof(struct tables, dsdt) % 8 == 0,
	       "tables are aligned");

static uint8_t checksum(const void *data, size_t size)
{
	const uint8_t *bytes = data;
	uint8_t sum = 0;

	for (size_t i = 0; i < size; i++) {
		sum = (uint8_t)(sum + bytes[i]);
	}
	return (uint8_t)-sum;
}

static void finish_table(struct table_header *header, const char *signature, uint8_t revision,
			 uint32_t length)
{
	memcpy(header->signature, signature, sizeof(header->signature));
	header->length = length;
	header->revision = revision;
	memcpy(header->oem_id, "MUXVSR", sizeof(header->oem_id));
	memcpy(header->oem_table_id, "PLATFORM", sizeof(header->oem_table_id));
	header->oem_revision = 1;
	memcpy(header->creator_id, "MUXP", sizeof(header->creator_id));
	header->creator_revision = 1;
	header->checksum = checksum(header, length);
}

static struct generic_address io_byte(uint16_t port)
{
	return (struct generic_address){
		.space = GAS_IO, .bit_width = 8, .access_size = 1, .address = port};
}

static void fill_rsdp(struct rsdp *rsdp)
{
	memcpy(rsdp->signature, "RSD PTR ", sizeof(rsdp->signature));
	memcpy(rsdp->oem_id, "MUXVSR", sizeof(rsdp->oem_id));
	rsdp->revision = 2;
	rsdp->length = sizeof(*rsdp);
	rsdp->xsdt = ACPI_TABLES_GPA + offsetof(struct tables, xsdt);
	rsdp->checksum = checksum(rsdp, 20); /* of the part that ACPI 1.0 had */
	rsdp->extended_checksum = checksum(rsdp, sizeof(*rsdp));
}

static void fill_fadt(struct fadt *fadt)
{
	fadt->boot_flags = FADT_BOOT_NO_VGA;
	fadt->flags = FADT_WBINVD | FADT_RESET | FADT_APIC_PHYSICAL | FADT_HW_REDUCED;
	fadt->reset = io_byte(MUX_PORT_RESET);
	fadt->reset_value = MUX_RESET_VALUE;
	fadt->minor_version = 4;
	fadt->dsdt = (uint32_t)(ACPI_TABLES_GPA + offsetof(struct tables, dsdt));
	fadt->x_dsdt = fadt->dsdt;
	fadt->sleep_control = io_byte(MUX_PORT_SLEEP_CONTROL);
	fadt->sleep_status = io_byte(MUX_PORT_SLEEP_STATUS);
	memcpy(&fadt->hypervisor_id, "Muxvisor", sizeof(fadt->hypervisor_id));
	finish_table(&fadt->header, "FACP", 6, sizeof(*fadt));
}

static void fill_madt(struct madt *madt, uint32_t vcpu_count)
{
	size_t unused = (MUX_VCPUS_MAX - vcpu_count) * sizeof(madt->lapics[0]);

	madt->lapic_address = LAPIC_ADDRESS;
	for (uint32_t i = 0; i < vcpu_count; i++) {
		madt->lapics[i] = (struct madt_lapic){
			.length = sizeof(struct madt_lapic),
			.processor_uid = (uint8_t)i,
			.apic_id = (uint8_t)i,
			.flags = LAPIC_ENABLED,
		};
	}
	finish_table(&madt->header, "APIC", 5, (uint32_t)(sizeof(*madt) - unused));
}

static void fill_mcfg(struct mcfg *mcfg)
{
	mcfg->base = VPCI_ECAM_FIRST;
	finish_table(&mcfg->header, "MCFG", 1, sizeof(*mcfg));
}

void acpi_tables_fill(uint8_t area[ACPI_TABLES_SIZE], uint32_t vcpu_count)
{
	struct tables tables = {
		.xsdt.fadt = ACPI_TABLES_GPA + offsetof(struct tables, fadt),
		.xsdt.madt = ACPI_TABLES_GPA + offsetof(struct tables, madt),
		.xsdt.mcfg = ACPI_TABLES_GPA + offsetof(struct tables, mcfg),
	};

	fill_rsdp(&tables.rsdp);
	finish_table(&tables.xsdt.header, "XSDT", 1, sizeof(tables.xsdt));
	fill_fadt(&tables.fadt);
	fill_madt(&tables.madt, vcpu_count);
	fill_mcfg(&tables.mcfg);
	memcpy(tables.dsdt, dsdt_aml_code, sizeof(tables.dsdt));
	memset(area, 0, ACPI_TABLES_SIZE);
	memcpy(area, &tables, sizeof(tables));
}
