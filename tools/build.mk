# SPDX-License-Identifier: MIT
# Host tools, and the macro that makes disk images.

MANIFEST_SRCS := hv/manifest.c hv/crc32c.c
MUXPACK_SRCS := $(addprefix tools/muxpack/,blob.c elf_image.c expand.c files.c keys.c layout.c memory.c \
	model.c pack.c parse.c print.c report.c resolve.c text.c) $(MANIFEST_SRCS)

$(eval $(call host_tool,muxpack,tools/muxpack/main.c $(MUXPACK_SRCS)))
$(eval $(call host_tool,mksyms,tools/mksyms/main.c))
