/* SPDX-License-Identifier: MIT */
/* Reads a static ELF64 executable: see elf_image.h. */
#include "tools/muxpack/elf_image.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Above any partition's memory; keeps sums from wrapping. */
#define ADDRESS_LIMIT (1ULL << 40)

/* Each check returns NULL, or what is wrong. */
typedef const char *fault_t;

static fault_t check_ident(const Elf64_Ehdr *header)
{
	if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) {
		return "it is no ELF file";
	}
	if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB ||
	    header->e_machine != EM_X86_64) {
		return "it is no 64-bit x86 ELF file";
	}
	if (header->e_type != ET_EXEC) {
		return "it is no static executable (link it with -static -no-pie)";
	}
	return NULL;
}

static fault_t check_header(const Elf64_Ehdr *header, size_t size)
{
	fault_t fault = check_ident(header);

	if (fault != NULL) {
		return fault;
	}
	if (header->e_phentsize != sizeof(Elf64_Phdr) || header->e_phnum == 0) {
		return "its program headers are missing or of an unknown size";
	}
	if (header->e_phoff > size ||
	    (size - header->e_phoff) / sizeof(Elf64_Phdr) < header->e_phnum) {
		return "its program headers reach past the file's end";
	}
	return NULL;
}

/* Where a part goes: a program's physical addresses are its virtual ones; a kernel's are what
 * counts.
 */
static fault_t check_address(const Elf64_Phdr *load, bool is_physical)
{
	if (!is_physical && load->p_vaddr != load->p_paddr) {
		return "a segment's physical address is not its virtual address";
	}
	return NULL;
}

static fault_t check_load(const struct elf_image *image, const Elf64_Phdr *load, size_t size)
{
	if (load->p_filesz > load->p_memsz || load->p_offset > size ||
	    load->p_filesz > size - load->p_offset) {
		return "a segment reaches past the file's end";
	}
	if (load->p_paddr < ELF_IMAGE_LOWEST) {
		return "a segment lies below 1 MiB";
	}
	if (load->p_paddr >= ADDRESS_LIMIT || load->p_memsz >= ADDRESS_LIMIT) {
		return "a segment's address is out of range";
	}
	if (load->p_paddr < image->end) {
		return "its segments overlap, or are not in ascending order";
	}
	return image->part_count < ELF_IMAGE_PARTS_MAX ? NULL : "it has too many segments";
}

static fault_t add_load(struct elf_image *image, const Elf64_Phdr *load,
			const struct memory_file *file, bool is_physical)
{
	fault_t fault = check_address(load, is_physical);

	if (fault == NULL) {
		fault = check_load(image, load, file->size);
	}
	if (fault != NULL) {
		return fault;
	}
	image->parts[image->part_count++] = (struct elf_image_part){
		.gpa = load->p_paddr,
		.data = file->data + load->p_offset,
		.size = load->p_filesz,
	};
	image->end = load->p_paddr + load->p_memsz;
	return NULL;
}

static fault_t read_segments(struct elf_image *image, const Elf64_Ehdr *header,
			     const struct memory_file *file, bool is_physical)
{
	bool entry_found = false;

	for (uint32_t i = 0; i < header->e_phnum; i++) {
		Elf64_Phdr phdr;
		fault_t fault;

		memcpy(&phdr, file->data + header->e_phoff + i * sizeof(phdr), sizeof(phdr));
		if (phdr.p_type == PT_INTERP || phdr.p_type == PT_DYNAMIC) {
			return "it is linked dynamically (link it with -static -no-pie)";
		}
		if (phdr.p_type != PT_LOAD || phdr.p_memsz == 0) {
			continue;
		}
		fault = add_load(image, &phdr, file, is_physical);
		if (fault != NULL) {
			return fault;
		}
		entry_found |= (phdr.p_flags & PF_X) != 0 && header->e_entry >= phdr.p_paddr &&
			       header->e_entry - phdr.p_paddr < phdr.p_filesz;
	}
	return entry_found ? NULL : "its entry point is in no executable segment";
}

static int image_read(const struct memory_file *file, bool is_physical, struct elf_image *out,
		      const char **why)
{
	Elf64_Ehdr header;
	fault_t fault = "it is too short for an ELF file";

	*out = (struct elf_image){0};
	if (file->size >= sizeof(header)) {
		memcpy(&header, file->data, sizeof(header));
		fault = check_header(&header, file->size);
		if (fault == NULL) {
			out->entry = header.e_entry;
			fault = read_segments(out, &header, file, is_physical);
		}
	}
	*why = fault;
	return fault == NULL ? 0 : -EINVAL;
}

int elf_image_read(const struct memory_file *file, struct elf_image *out, const char **why)
{
	return image_read(file, false, out, why);
}

int elf_image_read_physical(const struct memory_file *file, struct elf_image *out, const char **why)
{
	return image_read(file, true, out, why);
}
