/* SPDX-License-Identifier: MIT */
/*
 * The EFI loader: checks the machine and the manifest, measures what it starts into a TPM, loads
 * the hypervisor, ends boot services and jumps to ring 0 with a struct handoff. On any failure it
 * says why and what to do, and returns an error to the firmware; in an emulator it ends the
 * emulator instead.
 */
#include <string.h>

#include "arch/x86_64/boot/check.h"
#include "arch/x86_64/boot/clock.h"
#include "arch/x86_64/boot/console.h"
#include "arch/x86_64/boot/handoff.h"
#include "arch/x86_64/boot/image.h"
#include "arch/x86_64/boot/loader.h"
#include "arch/x86_64/boot/measure.h"
#include "arch/x86_64/boot/memory_map.h"
#include "arch/x86_64/boot/page_tables.h"
#include "arch/x86_64/boot/source.h"
#include "arch/x86_64/io.h"

#define STACK_PAGES	     8U
#define TRAMPOLINE_PAGES     2U
#define TRAMPOLINE_BELOW     0x9f000ULL /* a start-up IPI reaches the first 640 KiB */
#define STALL_MICROSECONDS   10000U
#define STALL_ATTEMPTS	     3U
#define READING_MICROSECONDS 10000000U
#define PORT_BOCHS_SHUTDOWN  0x8900U
#define PORT_QEMU_EXIT	     0xf4U
#define QEMU_EXIT_FAILED     0x11U

EFI_STATUS efi_main(EFI_HANDLE handle, EFI_SYSTEM_TABLE *system);

__attribute__((noreturn)) void jump_to_hypervisor(uint64_t handoff, uint64_t cr3,
						  uint64_t stack_top, uint64_t entry);

void *loader_alloc_pages(const struct loader *loader, uint64_t count)
{
	EFI_PHYSICAL_ADDRESS address;

	if (EFI_ERROR(loader->boot->AllocatePages(AllocateAnyPages, EfiLoaderData, count,
						  &address))) {
		return NULL;
	}
	return (void *)address;
}

/* Stall() waits at least as long as it is asked to, so the shortest wait is the nearest. */
static uint64_t measure_tsc_khz(const struct loader *loader)
{
	uint64_t best = UINT64_MAX;

	for (uint32_t i = 0; i < STALL_ATTEMPTS; i++) {
		uint64_t start = rdtsc();
		uint64_t ticks;

		loader->boot->Stall(STALL_MICROSECONDS);
		ticks = rdtsc() - start;
		best = ticks < best ? ticks : best;
	}
	return best / (STALL_MICROSECONDS / 1000);
}

/* UEFI 2.10, 4.6: the configuration table. Of ACPI 1.0 ring 0 knows nothing. */
static uint64_t find_rsdp(const struct loader *loader)
{
	static const EFI_GUID acpi_2 = ACPI_20_TABLE_GUID;

	for (UINTN i = 0; i < loader->system->NumberOfTableEntries; i++) {
		const EFI_CONFIGURATION_TABLE *table = &loader->system->ConfigurationTable[i];

		if (memcmp(&table->VendorGuid, &acpi_2, sizeof(acpi_2)) == 0) {
			return (uint64_t)table->VendorTable;
		}
	}
	return 0;
}

static EFI_STATUS alloc_trampoline(const struct loader *loader, uint64_t *out)
{
	EFI_PHYSICAL_ADDRESS address = TRAMPOLINE_BELOW - 1;
	EFI_STATUS status = loader->boot->AllocatePages(AllocateMaxAddress, EfiLoaderData,
							TRAMPOLINE_PAGES, &address);

	if (EFI_ERROR(status)) {
		console_print("The firmware has no free memory below 1 MiB to start the other CPUs "
			      "with.\n");
	}
	*out = address;
	return status;
}

/* UEFI 2.10, 8.3.1: GetTime(). Without a time zone the clock is taken as UTC. */
static void read_clock(const struct loader *loader, struct handoff *handoff)
{
	EFI_TIME t = {0};
	INT64 zone;
	uint64_t seconds = 0;

	if (!EFI_ERROR(loader->system->RuntimeServices->GetTime(&t, NULL)) && t.Year >= 1971) {
		zone = t.TimeZone == EFI_UNSPECIFIED_TIMEZONE ? 0 : t.TimeZone;
		seconds = clock_unix_time(t.Year, t.Month, t.Day,
					  t.Hour * 3600U + t.Minute * 60U + t.Second) +
			  (uint64_t)(zone * 60);
	}
	clock_fill(handoff, seconds, rdtsc());
}

static EFI_STATUS fill_handoff(const struct loader *loader, const struct image *image,
			       struct handoff *handoff)
{
	handoff->magic = HANDOFF_MAGIC;
	handoff->version = HANDOFF_VERSION;
	handoff->image_base = image->base;
	handoff->image_size = image->size;
	handoff->blob_base = (uint64_t)loader->blob.data;
	handoff->blob_size = loader->blob.size;
	handoff->rsdp = find_rsdp(loader);
	handoff->tsc_khz = measure_tsc_khz(loader);
	read_clock(loader, handoff);
	handoff->symbols = (uint64_t)loader->symbols.data;
	handoff->symbols_size = loader->symbols.size;
	return alloc_trampoline(loader, &handoff->trampoline);
}

/* The last step: returns only on failure. */
static EFI_STATUS hand_over(const struct loader *loader, const struct image *image,
			    struct handoff *handoff, uint64_t stack_top)
{
	struct memory_map map;
	uint64_t cr3;
	EFI_STATUS status = page_tables_build(loader, image, &cr3);

	if (!EFI_ERROR(status)) {
		status = memory_map_prepare(loader, &map);
	}
	if (!EFI_ERROR(status)) {
		status = memory_map_exit_boot_services(loader, &map);
	}
	if (EFI_ERROR(status)) {
		console_print("The firmware does not let go of the machine (EFI status %x).\n",
			      (uint64_t)status);
		return status;
	}
	memory_map_convert(&map, image);
	handoff->ranges = (uint64_t)map.ranges;
	handoff->range_count = map.range_count;
	jump_to_hypervisor((uint64_t)handoff, cr3, stack_top, image->entry);
}

static EFI_STATUS start_hypervisor(const struct loader *loader, uint64_t tsc_start)
{
	struct handoff *handoff = loader_alloc_pages(loader, 1);
	uint8_t *stack = loader_alloc_pages(loader, STACK_PAGES);
	struct image image;
	EFI_STATUS status;

	if (handoff == NULL || stack == NULL) {
		console_print("Too little memory for the hand-over.\n");
		return EFI_OUT_OF_RESOURCES;
	}
	memset(handoff, 0, LOADER_PAGE);
	handoff->tsc_start = tsc_start;
	status = image_load(loader, &image);
	if (!EFI_ERROR(status)) {
		status = fill_handoff(loader, &image, handoff);
	}
	if (!EFI_ERROR(status)) {
		console_print("hypervisor at 0x%x, %u KiB; TSC %u kHz\n", image.base,
			      image.size / 1024, handoff->tsc_khz);
		status = hand_over(loader, &image, handoff,
				   (uint64_t)stack + STACK_PAGES * LOADER_PAGE);
	}
	return status;
}

static EFI_STATUS run(struct loader *loader, uint64_t tsc_start)
{
	static EFI_GUID image_guid = LOADED_IMAGE_PROTOCOL;
	EFI_STATUS status =
		loader->boot->HandleProtocol(loader->handle, &image_guid, (void **)&loader->image);

	if (!EFI_ERROR(status)) {
		status = check_cpu();
	}
	if (!EFI_ERROR(status)) {
		status = source_find(loader);
	}
	if (!EFI_ERROR(status)) {
		status = check_blob(loader);
	}
	if (!EFI_ERROR(status)) {
		status = check_memory(loader);
	}
	if (EFI_ERROR(status)) {
		return status;
	}
	measure_parts(loader);
	return start_hypervisor(loader, tsc_start);
}

/* Nobody reads a screen in an emulator: its run ends with a failure status. Elsewhere people get
 * time to read before the firmware goes on to its next choice. */
static void end_failed(const struct loader *loader)
{
	if (console_has_debug_port()) {
		outsb(PORT_BOCHS_SHUTDOWN, "Shutdown", 8);
		outb(PORT_QEMU_EXIT, QEMU_EXIT_FAILED);
		return;
	}
	loader->boot->Stall(READING_MICROSECONDS);
}

EFI_STATUS efi_main(EFI_HANDLE handle, EFI_SYSTEM_TABLE *system)
{
	uint64_t tsc_start = rdtsc();
	struct loader loader = {.handle = handle, .system = system, .boot = system->BootServices};
	EFI_STATUS status;

	loader.boot->SetWatchdogTimer(0, 0, 0, NULL);
	console_init(system);
	console_print("Muxvisor loader\n");
	status = run(&loader, tsc_start);
	console_print("Muxvisor did not start.\n");
	end_failed(&loader);
	return status;
}
