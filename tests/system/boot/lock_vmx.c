/* SPDX-License-Identifier: MIT */
/*
 * Plays a firmware that has locked VT-x off: sets the lock bit of IA32_FEATURE_CONTROL without the
 * VMX bit, then starts the loader.
 */
#include <efi.h>
#include <stddef.h>

#include "arch/x86_64/msr.h"
#include "tests/system/boot/chain.h"

EFI_STATUS efi_main(EFI_HANDLE handle, EFI_SYSTEM_TABLE *system);

EFI_STATUS efi_main(EFI_HANDLE handle, EFI_SYSTEM_TABLE *system)
{
	EFI_HANDLE loader;
	EFI_STATUS status = chain_load(handle, system, &loader);

	if (EFI_ERROR(status)) {
		return status;
	}
	wrmsr(MSR_FEATURE_CONTROL, FEATURE_CONTROL_LOCK);
	return system->BootServices->StartImage(loader, NULL, NULL);
}
