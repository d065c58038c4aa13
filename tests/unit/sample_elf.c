/* SPDX-License-Identifier: MIT */
/* A small valid static ELF64 executable: see sample_elf.h. */
#include "tests/unit/sample_elf.h"

#include <stddef.h>
#include <string.h>

static Elf64_Phdr load(uint32_t flags, uint64_t offset, uint64_t address, uint64_t file_size,
		       uint64_t memory_size)
{
	return (Elf64_Phdr){
		.p_type = PT_LOAD,
		.p_flags = flags,
		.p_offset = offset,
		.p_vaddr = address,
		.p_paddr = address,
		.p_filesz = file_size,
		.p_memsz = memory_size,
		.p_align = 4096,
	};
}

void sample_elf_fill(struct sample_elf *elf)
{
	memset(elf, 0, sizeof(*elf));
	memcpy(elf->header.e_ident, ELFMAG, SELFMAG);
	elf->header.e_ident[EI_CLASS] = ELFCLASS64;
	elf->header.e_ident[EI_DATA] = ELFDATA2LSB;
	elf->header.e_type = ET_EXEC;
	elf->header.e_machine = EM_X86_64;
	elf->header.e_entry = 0x100010;
	elf->header.e_phoff = offsetof(struct sample_elf, program);
	elf->header.e_phentsize = sizeof(Elf64_Phdr);
	elf->header.e_phnum = 2;
	elf->program[0] = load(PF_R | PF_X, offsetof(struct sample_elf, text), 0x100000,
			       sizeof(elf->text), sizeof(elf->text));
	elf->program[1] = load(PF_R | PF_W, offsetof(struct sample_elf, data), 0x102000,
			       sizeof(elf->data), 0x3000);
	memset(elf->text, 0x90, sizeof(elf->text));
	memset(elf->data, 0x11, sizeof(elf->data));
}
