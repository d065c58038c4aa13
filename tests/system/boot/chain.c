/* SPDX-License-Identifier: MIT */
/* Loads the loader for a test program: see chain.h. */
#include "tests/system/boot/chain.h"

#include <stddef.h>

#define LOADER_PAGES 16384U /* 64 MiB: room for any loader with its sections */

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

/* An image from a buffer comes from no volume, as far as the firmware knows. */
static EFI_STATUS set_volume(EFI_BOOT_SERVICES *boot, EFI_HANDLE loader, EFI_HANDLE device)
{
	static EFI_GUID guid = LOADED_IMAGE_PROTOCOL;
	EFI_LOADED_IMAGE *image;
	EFI_STATUS status = boot->HandleProtocol(loader, &guid, (void **)&image);

	if (!EFI_ERROR(status)) {
		image->DeviceHandle = device;
	}
	return status;
}

EFI_STATUS chain_load(EFI_HANDLE self, EFI_SYSTEM_TABLE *system, EFI_HANDLE *loader)
{
	static EFI_GUID guid = LOADED_IMAGE_PROTOCOL;
	EFI_BOOT_SERVICES *boot = system->BootServices;
	EFI_LOADED_IMAGE *image;
	EFI_PHYSICAL_ADDRESS buffer;
	UINTN size = LOADER_PAGES * 4096ULL;
	EFI_STATUS status = boot->HandleProtocol(self, &guid, (void **)&image);

	if (!EFI_ERROR(status)) {
		status =
			boot->AllocatePages(AllocateAnyPages, EfiLoaderData, LOADER_PAGES, &buffer);
	}
	if (!EFI_ERROR(status)) {
		status = read_loader(boot, image->DeviceHandle, (void *)buffer, &size);
	}
	if (!EFI_ERROR(status)) {
		status = boot->LoadImage(FALSE, self, NULL, (void *)buffer, size, loader);
	}
	return EFI_ERROR(status) ? status : set_volume(boot, *loader, image->DeviceHandle);
}
