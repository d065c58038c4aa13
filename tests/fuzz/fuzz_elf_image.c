/* SPDX-License-Identifier: MIT */
/* An ELF file of any bytes: every part of an accepted one lies in the file. */
#include <stdlib.h>
#include <string.h>

#include "tools/muxpack/elf_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct memory_file file = {.data = malloc(size), .size = size};
	struct elf_image image;
	const char *why;

	if (file.data == NULL) {
		return 0;
	}
	memcpy(file.data, data, size);
	if (elf_image_read(&file, &image, &why) == 0) {
		volatile uint8_t last;

		for (uint32_t i = 0; i < image.part_count; i++) {
			last = image.parts[i].size == 0
				       ? 0
				       : image.parts[i].data[image.parts[i].size - 1];
			(void)last;
		}
	}
	free(file.data);
	return 0;
}
