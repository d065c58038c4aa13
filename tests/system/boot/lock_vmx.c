/* SPDX-License-Identifier: MIT */
/*
 * Plays a firmware that has locked VT-x off: sets the lock bit of IA32_FEATURE_CONTROL without the
 * VMX bit, then starts \EFI\BOOT\LOADER.EFI from the same volume.
 */
#include <efi.h>
#include <stddef.h>

#include "arch/x86_64/msr.h"

#define LOADER_PAGES 16384U /* 64 MiB: room for any loader with its sections */

EFI_STATUS efi_main(EFI_HANDLE handle, EFI_SYSTEM_TABLE *system);

static EFI_STATUS read_loader(EFI_BOOT_SERVICES *boot, EFI_HANDLE device, void *buffer, UINTN *size)
{
	static EFI_GUID guid = SIMPLE_FILE_SYSTEM_PROTOCOL;
	static CHAR16 path[] = L"\\EFI\\BOOT\\LOADER.EFI";
	EFI_FILE_IO_INTERFACE *volume;
	EFI_FILE_HANDLE root;
	EFI_FILE_HANDLE file;
	EFI_STATUS status = boot->HandleProtocol(device, &guid, (void **)&volume);

	if (!EFI_ERROR(status)) {
		status = volume->OpenVolume(volume, &root);
	}
	if (!EFI_ERROR(status)) {
		status = root->Open(root, &file, path, EFI_FILE_MODE_READ, 0);
	}
	return EFI_ERROR(status) ? status : file->Read(file, size, buffer);
}

EFI_STATUS efi_main(EFI_HANDLE handle, EFI_SYSTEM_TABLE *system)
{
	static EFI_GUID guid = LOADED_IMAGE_PROTOCOL;
	EFI_BOOT_SERVICES *boot = system->BootServices;
	EFI_LOADED_IMAGE *self;
	EFI_HANDLE loader;
	EFI_PHYSICAL_ADDRESS buffer;
	UINTN size = LOADER_PAGES * 4096ULL;
	EFI_STATUS status = boot->HandleProtocol(handle, &guid, (void **)&self);

	if (!EFI_ERROR(status)) {
		status =
			boot->AllocatePages(AllocateAnyPages, EfiLoaderData, LOADER_PAGES, &buffer);
	}
	if (!EFI_ERROR(status)) {
		status = read_loader(boot, self->DeviceHandle, (void *)buffer, &size);
	}
	if (!EFI_ERROR(status)) {
		status = boot->LoadImage(FALSE, handle, NULL, (void *)buffer, size, &loader);
	}
	if (EFI_ERROR(status)) {
		return status;
	}
	wrmsr(MSR_FEATURE_CONTROL, FEATURE_CONTROL_LOCK);
	return boot->StartImage(loader, NULL, NULL);
}
