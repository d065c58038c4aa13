/* SPDX-License-Identifier: MIT */
/* Plays a TPM that breaks after the firmware's own measurements: it takes none of the loader's. */
#include <efi.h>
#include <stddef.h>

#include "arch/x86_64/boot/tcg2.h"
#include "tests/system/boot/chain.h"

EFI_STATUS efi_main(EFI_HANDLE handle, EFI_SYSTEM_TABLE *system);

static EFI_STATUS EFIAPI refuse(struct tcg2_protocol *self, UINT64 flags, EFI_PHYSICAL_ADDRESS data,
				UINT64 size, struct tcg2_event *event)
{
	(void)self;
	(void)flags;
	(void)data;
	(void)size;
	(void)event;
	return EFI_DEVICE_ERROR;
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
	tpm->hash_log_extend_event = refuse;
	return boot->StartImage(loader, NULL, NULL);
}
