# SPDX-License-Identifier: MIT
# Unit tests of the manifest and of muxpack.

$(eval $(call unit_test,test_crc32c,tests/unit/test_crc32c.c hv/crc32c.c))
$(eval $(call unit_test,test_manifest,tests/unit/test_manifest.c tests/unit/sample_blob.c $(MANIFEST_SRCS)))
$(eval $(call unit_test,test_elf_image,tests/unit/test_elf_image.c tests/unit/sample_elf.c \
	tools/muxpack/elf_image.c))
$(eval $(call unit_test,test_muxpack,tests/unit/test_muxpack.c tests/unit/sample_elf.c $(MUXPACK_SRCS)))
$(eval $(call unit_test,test_linux_kernel,tests/unit/test_linux_kernel.c tests/unit/sample_elf.c \
	$(addprefix tools/muxpack/,acpi_tables.c elf_image.c linux_boot.c linux_kernel.c memory.c)))
