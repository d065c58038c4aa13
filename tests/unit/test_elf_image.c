/* SPDX-License-Identifier: MIT */
/* The ELF reader of muxpack: a valid file, and every way to break one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>

#include "tests/unit/sample_elf.h"
#include "tools/muxpack/elf_image.h"

static struct sample_elf elf;
static struct elf_image image;

static int reset(void **state)
{
	(void)state;
	sample_elf_fill(&elf);
	return 0;
}

static int read_elf(size_t size, const char **why)
{
	const struct memory_file file = {.data = (uint8_t *)&elf, .size = size};

	return elf_image_read(&file, &image, why);
}

static void expect_fault(const char *expected)
{
	const char *why = NULL;

	assert_int_equal(read_elf(sizeof(elf), &why), -EINVAL);
	assert_string_equal(why, expected);
	sample_elf_fill(&elf);
}

#define BREAK(field, value, expected)     \
	do {                              \
		elf.field = (value);      \
		expect_fault((expected)); \
	} while (0)

static void valid_file_is_read(void **state)
{
	const char *why = "";

	(void)state;
	assert_int_equal(read_elf(sizeof(elf), &why), 0);
	assert_null(why);
	assert_int_equal(image.entry, 0x100010);
	assert_int_equal(image.end, 0x105000);
	assert_int_equal(image.part_count, 2);
	assert_int_equal(image.parts[0].gpa, 0x100000);
	assert_int_equal(image.parts[0].size, 100);
	assert_ptr_equal(image.parts[0].data, elf.text);
	assert_int_equal(image.parts[1].gpa, 0x102000);
	assert_int_equal(image.parts[1].size, 16);
	assert_ptr_equal(image.parts[1].data, elf.data);
}

static void broken_headers(void **state)
{
	static const char bad_headers[] = "its program headers are missing or of an unknown size";
	static const char long_headers[] = "its program headers reach past the file's end";

	(void)state;
	BREAK(header.e_ident[1], 'X', "it is no ELF file");
	BREAK(header.e_ident[EI_CLASS], ELFCLASS32, "it is no 64-bit x86 ELF file");
	BREAK(header.e_ident[EI_DATA], ELFDATA2MSB, "it is no 64-bit x86 ELF file");
	BREAK(header.e_machine, EM_AARCH64, "it is no 64-bit x86 ELF file");
	BREAK(header.e_type, ET_DYN, "it is no static executable (link it with -static -no-pie)");
	BREAK(header.e_phentsize, 32, bad_headers);
	BREAK(header.e_phnum, 0, bad_headers);
	BREAK(header.e_phnum, 200, long_headers);
	BREAK(header.e_phoff, UINT64_MAX, long_headers);
	BREAK(header.e_entry, 0x100064, "its entry point is in no executable segment");
	BREAK(header.e_entry, 0x102000, "its entry point is in no executable segment");
	BREAK(header.e_entry, 0, "its entry point is in no executable segment");
}

static void broken_segments(void **state)
{
	static const char past_end[] = "a segment reaches past the file's end";
	static const char out_of_range[] = "a segment's address is out of range";
	static const char dynamic[] = "it is linked dynamically (link it with -static -no-pie)";

	(void)state;
	BREAK(program[0].p_filesz, 101, past_end);
	BREAK(program[1].p_offset, sizeof(elf) - 15, past_end);
	BREAK(program[1].p_offset, UINT64_MAX, past_end);
	BREAK(program[1].p_type, PT_INTERP, dynamic);
	BREAK(program[1].p_type, PT_DYNAMIC, dynamic);
	BREAK(program[1].p_paddr, 0x103000,
	      "a segment's physical address is not its virtual address");
	BREAK(program[1].p_memsz, UINT64_MAX, out_of_range);
	elf.program[0].p_vaddr = 0xff000;
	BREAK(program[0].p_paddr, 0xff000, "a segment lies below 1 MiB");
	elf.program[1].p_vaddr = UINT64_MAX - 4;
	BREAK(program[1].p_paddr, UINT64_MAX - 4, out_of_range);
	elf.program[1].p_vaddr = 0x100063;
	BREAK(program[1].p_paddr, 0x100063, "its segments overlap, or are not in ascending order");
}

static void short_files(void **state)
{
	const char *why;

	(void)state;
	for (size_t size = 0; size < offsetof(struct sample_elf, data) + sizeof(elf.data); size++) {
		assert_int_equal(read_elf(size, &why), -EINVAL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(valid_file_is_read, reset),
		cmocka_unit_test_setup(broken_headers, reset),
		cmocka_unit_test_setup(broken_segments, reset),
		cmocka_unit_test_setup(short_files, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
