/* SPDX-License-Identifier: MIT */
/* Puts the hypervisor's ELF image into memory (ELF gABI 4.1 chapter 5): see image.h. */
#include "arch/x86_64/boot/image.h"

#include <string.h>

#include "arch/x86_64/boot/console.h"

#define ELF_MAGIC	   0x464c457fU
#define ELF_CLASS_64_LSB   0x0102U /* e_ident[4], [5] */
#define ELF_TYPE_EXEC	   2U
#define ELF_MACHINE_X86_64 62U
#define ELF_PT_LOAD	   1U

struct elf_header {
	uint32_t magic;
	uint16_t class_and_order;
	uint8_t ident[10];
	uint16_t type;
	uint16_t machine;
	uint32_t version;
	uint64_t entry;
	uint64_t phoff;
	uint64_t shoff;
	uint32_t flags;
	uint16_t ehsize;
	uint16_t phentsize;
	uint16_t phnum;
	uint16_t section_fields[3];
};

struct elf_program_header {
	uint32_t type;
	uint32_t flags;
	uint64_t offset;
	uint64_t vaddr;
	uint64_t paddr;
	uint64_t filesz;
	uint64_t memsz;
	uint64_t align;
};

_Static_assert(sizeof(struct elf_header) == 64, "elf_header");
_Static_assert(sizeof(struct elf_program_header) == 56, "elf_program_header");

static const struct elf_program_header *program_header(const struct loader_bytes *elf,
						       uint32_t index)
{
	const struct elf_header *header = (const void *)elf->data;

	return (const struct elf_program_header *)(elf->data + header->phoff) + index;
}

static bool header_ok(const struct loader_bytes *elf)
{
	const struct elf_header *header = (const void *)elf->data;

	return elf->size >= sizeof(*header) && header->magic == ELF_MAGIC &&
	       header->class_and_order == ELF_CLASS_64_LSB && header->type == ELF_TYPE_EXEC &&
	       header->machine == ELF_MACHINE_X86_64 &&
	       header->phentsize == sizeof(struct elf_program_header) && header->phnum > 0 &&
	       header->phoff % 8 == 0 && header->phoff <= elf->size &&
	       header->phnum <= (elf->size - header->phoff) / header->phentsize;
}

static bool segment_ok(const struct loader_bytes *elf, const struct elf_program_header *segment)
{
	return segment->filesz <= segment->memsz && segment->offset <= elf->size &&
	       segment->filesz <= elf->size - segment->offset && segment->vaddr >= IMAGE_LINK_MIN &&
	       segment->memsz <= IMAGE_SIZE_MAX &&
	       segment->vaddr - IMAGE_LINK_MIN <= IMAGE_SIZE_MAX - segment->memsz;
}

/* Finds link base, size and entry; false when the file is no hypervisor. */
static bool measure(const struct loader_bytes *elf, struct image *image)
{
	const struct elf_header *header = (const void *)elf->data;
	uint64_t low = UINT64_MAX;
	uint64_t high = 0;

	if (!header_ok(elf)) {
		return false;
	}
	for (uint32_t i = 0; i < header->phnum; i++) {
		const struct elf_program_header *segment = program_header(elf, i);

		if (segment->type != ELF_PT_LOAD) {
			continue;
		}
		if (!segment_ok(elf, segment)) {
			return false;
		}
		low = segment->vaddr < low ? segment->vaddr : low;
		high = segment->vaddr + segment->memsz > high ? segment->vaddr + segment->memsz
							      : high;
	}
	image->link_base = low & ~(IMAGE_ALIGNMENT - 1);
	image->size = (high - image->link_base + LOADER_PAGE - 1) & ~(LOADER_PAGE - 1);
	image->entry = header->entry;
	return header->entry >= low && header->entry < high;
}

/* The firmware aligns to 4 KiB only: take more, and give back what sticks out at both ends. */
static EFI_STATUS allocate(const struct loader *loader, struct image *image)
{
	uint64_t pages = image->size / LOADER_PAGE;
	uint64_t spare = IMAGE_ALIGNMENT / LOADER_PAGE;
	EFI_PHYSICAL_ADDRESS start;
	uint64_t before;
	EFI_STATUS status =
		loader->boot->AllocatePages(AllocateAnyPages, EfiLoaderData, pages + spare, &start);

	if (EFI_ERROR(status)) {
		return status;
	}
	image->base = (start + IMAGE_ALIGNMENT - 1) & ~(IMAGE_ALIGNMENT - 1);
	before = (image->base - start) / LOADER_PAGE;
	if (before > 0) {
		loader->boot->FreePages(start, before);
	}
	if (spare > before) {
		loader->boot->FreePages(image->base + image->size, spare - before);
	}
	return EFI_SUCCESS;
}

static void copy(const struct loader_bytes *elf, const struct image *image)
{
	const struct elf_header *header = (const void *)elf->data;
	uint8_t *base = (uint8_t *)image->base;

	memset(base, 0, image->size);
	for (uint32_t i = 0; i < header->phnum; i++) {
		const struct elf_program_header *segment = program_header(elf, i);

		if (segment->type == ELF_PT_LOAD) {
			memcpy(base + (segment->vaddr - image->link_base),
			       elf->data + segment->offset, segment->filesz);
		}
	}
}

EFI_STATUS image_load(const struct loader *loader, struct image *out)
{
	EFI_STATUS status;

	if (!measure(&loader->hv, out)) {
		console_print("The hypervisor's ELF file is broken. Build it again, and make the "
			      "image again with tools/mkimage.\n");
		return EFI_LOAD_ERROR;
	}
	status = allocate(loader, out);
	if (EFI_ERROR(status)) {
		console_print("Too little memory for the hypervisor's image (%u KiB).\n",
			      out->size / 1024);
		return status;
	}
	copy(&loader->hv, out);
	return EFI_SUCCESS;
}
