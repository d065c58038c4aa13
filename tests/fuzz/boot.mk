# SPDX-License-Identifier: MIT
# Fuzz targets of the packed manifest and of what muxpack reads.

$(eval $(call fuzz_target,fuzz_manifest,tests/fuzz/fuzz_manifest.c $(MANIFEST_SRCS)))
$(eval $(call fuzz_target,fuzz_muxpack,tests/fuzz/fuzz_muxpack.c $(MUXPACK_SRCS)))
$(eval $(call fuzz_target,fuzz_elf_image,tests/fuzz/fuzz_elf_image.c tools/muxpack/elf_image.c))
$(eval $(call fuzz_target,fuzz_linux_kernel,tests/fuzz/fuzz_linux_kernel.c tools/muxpack/linux_kernel.c tools/muxpack/elf_image.c))
