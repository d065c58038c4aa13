/* SPDX-License-Identifier: MIT */
/* A kernel of any bytes: every part of an accepted one lies in the file and below its end. */
#include <stdlib.h>
#include <string.h>

#include "tools/muxpack/linux_kernel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct memory_file file = {.data = malloc(size), .size = size};
	struct linux_kernel kernel;
	const char *why;

	if (file.data == NULL) {
		return 0;
	}
	memcpy(file.data, data, size);
	if (linux_kernel_read(&file, &kernel, &why) == 0) {
		for (uint32_t i = 0; i < kernel.image.part_count; i++) {
			const struct elf_image_part *part = &kernel.image.parts[i];

			if (part->gpa + part->size > kernel.image.end ||
			    (part->size != 0 && part->data + part->size > file.data + size)) {
				abort();
			}
		}
	}
	free(file.data);
	return 0;
}
