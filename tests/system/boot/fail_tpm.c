/* SPDX-License-Identifier: MIT */
/* Plays a TPM that breaks, and a log that is full before: with the symbols the log is full, and
 * from the manifest on the TPM takes nothing. */
#include <efi.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "arch/x86_64/boot/tcg2.h"
#include "tests/system/boot/chain.h"

EFI_STATUS efi_main(EFI_HANDLE handle, EFI_SYSTEM_TABLE *system);

static bool event_is(const struct tcg2_event *event, const char *text, size_t size)
{
	return memcmp(event->text, text, size) == 0;
}

static EFI_STATUS EFIAPI measure(struct tcg2_protocol *self, UINT64 flags,
				 EFI_PHYSICAL_ADDRESS data, UINT64 size, struct tcg2_event *event)
{
	static const char hypervisor[] = "muxvisor: hypervisor";
	static const char symbols[] = "muxvisor: symbols";

	(void)self;
	(void)flags;
	(void)data;
	(void)size;
	if (event_is(event, hypervisor, sizeof(hypervisor))) {
		return EFI_SUCCESS;
	}
	return event_is(event, symbols, sizeof(symbols)) ? EFI_VOLUME_FULL : EFI_DEVICE_ERROR;
}

EFI_STATUS efi_main(EFI_HANDLE handle, EFI_SYSTEM_TABLE *system)
{
	static EFI_GUID guid = TCG2_PROTOCOL_GUID;
	EFI_BOOT_SERVICES *boot = system->BootServices;
	struct tcg2_protocol *tpm;
	EFI_HANDLE loader;
	EFI_STATUS status = chain_load(handle, system, &loader);

	if (!EFI_ERROR(status)) {
		status = boot->LocateProtocol(&guid, NULL, (void **)&tpm);
	}
	if (EFI_ERROR(status)) {
		return status;
	}
	tpm->hash_log_extend_event = measure;
	return boot->StartImage(loader, NULL, NULL);
}
