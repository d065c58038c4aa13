/* SPDX-License-Identifier: MIT */
/* Where the hypervisor and the manifest come from: see source.h. */
#include "arch/x86_64/boot/source.h"

#include <string.h>

#include "arch/x86_64/boot/console.h"
#include "arch/x86_64/boot/secure_boot.h"

/* PE/COFF specification 3.1, 3.3, 4: the few fields that name the sections. */
#define PE_OFFSET_FIELD	   0x3cU
#define PE_SIGNATURE_SIZE  4U
#define COFF_HEADER_SIZE   20U
#define COFF_SECTION_COUNT 2U
#define COFF_OPTIONAL_SIZE 16U
#define SECTION_NAME_SIZE  8U

struct pe_section {
	char name[SECTION_NAME_SIZE];
	uint32_t virtual_size;
	uint32_t virtual_address;
	uint32_t raw_size;
	uint32_t raw_offset;
	uint32_t unused[3];
	uint32_t flags;
};

_Static_assert(sizeof(struct pe_section) == 40, "pe_section");

static uint16_t read_u16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static uint32_t read_u32(const uint8_t *bytes)
{
	return read_u16(bytes) | (uint32_t)read_u16(bytes + 2) << 16;
}

/* The firmware has checked the headers when it loaded this image, so they are trusted. */
static struct loader_bytes find_section(const struct loader *loader, const char *name)
{
	const uint8_t *base = loader->image->ImageBase;
	const uint8_t *coff = base + read_u32(base + PE_OFFSET_FIELD) + PE_SIGNATURE_SIZE;
	const uint8_t *table = coff + COFF_HEADER_SIZE + read_u16(coff + COFF_OPTIONAL_SIZE);

	for (uint32_t i = 0; i < read_u16(coff + COFF_SECTION_COUNT); i++) {
		struct pe_section section;

		memcpy(&section, table + i * sizeof(section), sizeof(section));
		/* Padded with NULs; one of full length has none. */
		if (memcmp(section.name, name, strnlen(name, SECTION_NAME_SIZE - 1) + 1) == 0) {
			return (struct loader_bytes){base + section.virtual_address,
						     section.virtual_size};
		}
	}
	return (struct loader_bytes){NULL, 0};
}

static EFI_STATUS read_opened(const struct loader *loader, EFI_FILE_HANDLE file,
			      struct loader_bytes *out)
{
	static EFI_GUID info_guid = EFI_FILE_INFO_ID;
	uint64_t buffer[64]; /* EFI_FILE_INFO and a file name of ours */
	const EFI_FILE_INFO *info = (const void *)buffer;
	UINTN size = sizeof(buffer);
	EFI_STATUS status = file->GetInfo(file, &info_guid, &size, buffer);
	void *data;

	if (EFI_ERROR(status)) {
		return status;
	}
	size = info->FileSize;
	data = loader_alloc_pages(loader, (size + LOADER_PAGE - 1) / LOADER_PAGE);
	if (data == NULL) {
		return EFI_OUT_OF_RESOURCES;
	}
	status = file->Read(file, &size, data);
	if (!EFI_ERROR(status)) {
		*out = (struct loader_bytes){data, size};
	}
	return status;
}

static EFI_STATUS read_loose(const struct loader *loader, EFI_FILE_HANDLE root, CHAR16 *path,
			     struct loader_bytes *out)
{
	EFI_FILE_HANDLE file;
	EFI_STATUS status = root->Open(root, &file, path, EFI_FILE_MODE_READ, 0);

	if (!EFI_ERROR(status)) {
		status = read_opened(loader, file, out);
		file->Close(file);
	}
	return status;
}

static EFI_STATUS open_volume(const struct loader *loader, EFI_FILE_HANDLE *root)
{
	static EFI_GUID guid = SIMPLE_FILE_SYSTEM_PROTOCOL;
	EFI_FILE_IO_INTERFACE *volume;
	EFI_STATUS status =
		loader->boot->HandleProtocol(loader->image->DeviceHandle, &guid, (void **)&volume);

	return EFI_ERROR(status) ? status : volume->OpenVolume(volume, root);
}

static EFI_STATUS find_loose(struct loader *loader)
{
	static CHAR16 hv_path[] = L"\\muxvisor\\hv.elf";
	static CHAR16 blob_path[] = L"\\muxvisor\\manifest.blob";
	static CHAR16 symbols_path[] = L"\\muxvisor\\hv.syms";
	EFI_FILE_HANDLE root;
	EFI_STATUS status = open_volume(loader, &root);

	if (!EFI_ERROR(status)) {
		status = read_loose(loader, root, hv_path, &loader->hv);
	}
	if (!EFI_ERROR(status)) {
		status = read_loose(loader, root, blob_path, &loader->blob);
	}
	if (EFI_ERROR(status)) {
		console_print(
			"This image has no .hv and .blob sections, and \\muxvisor\\hv.elf and "
			"\\muxvisor\\manifest.blob\ncan't be read from the volume that it was "
			"started from (EFI status %x).\nMake the image with tools/mkimage, or "
			"put both files there.\n",
			(uint64_t)status);
		return status;
	}
	/* Symbols only make the exception report readable. */
	read_loose(loader, root, symbols_path, &loader->symbols);
	console_print("hypervisor and manifest: loose files in \\muxvisor (development)\n");
	return EFI_SUCCESS;
}

/* The signature that the firmware has checked covers this image, and no file beside it. */
static EFI_STATUS refuse_loose(void)
{
	console_print(
		"Secure Boot is on, and this image has no .hv and .blob sections: files beside "
		"it are under no\nsignature. Make a signed image with \"make image SIGN_KEY=... "
		"SIGN_CERT=...\".\n");
	return EFI_SECURITY_VIOLATION;
}

EFI_STATUS source_find(struct loader *loader)
{
	bool is_secure = secure_boot_is_on(loader);

	console_print("Secure Boot: %s\n", is_secure ? "on" : "off");
	loader->hv = find_section(loader, ".hv");
	loader->blob = find_section(loader, ".blob");
	loader->symbols = find_section(loader, ".syms");
	if (loader->hv.data == NULL && loader->blob.data == NULL) {
		return is_secure ? refuse_loose() : find_loose(loader);
	}
	if (loader->hv.data == NULL || loader->blob.data == NULL) {
		console_print("This image has a .hv or a .blob section, but not both: it was put "
			      "together wrongly.\nMake it again with tools/mkimage.\n");
		return EFI_LOAD_ERROR;
	}
	console_print("hypervisor and manifest: sections of this image\n");
	return EFI_SUCCESS;
}
