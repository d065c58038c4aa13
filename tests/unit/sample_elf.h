/* SPDX-License-Identifier: MIT */
/* A small valid static ELF64 executable, to be broken by tests. */
#ifndef TESTS_UNIT_SAMPLE_ELF_H
#define TESTS_UNIT_SAMPLE_ELF_H

#include <elf.h>
#include <stdint.h>

/* Text at 1 MiB (100 bytes), data at 1 MiB + 0x2000 (16 bytes, and 0x3000 with .bss). */
struct sample_elf {
	Elf64_Ehdr header;
	Elf64_Phdr program[2];
	uint8_t text[100];
	uint8_t data[16];
};

void sample_elf_fill(struct sample_elf *elf);

#endif
