# SPDX-License-Identifier: MIT
# Host tools, and the macro that makes disk images.

MANIFEST_SRCS := hv/manifest.c hv/crc32c.c
MUXPACK_SRCS := $(addprefix tools/muxpack/,acpi_tables.c blob.c elf_image.c expand.c files.c keys.c layout.c \
	linux_boot.c linux_kernel.c memory.c model.c pack.c parse.c print.c report.c resolve.c text.c) $(MANIFEST_SRCS)

# ACPI machine code as a C array; the file name of the array's include guard comes from iasl.
DSDT_HEX := $(BUILD)/tools/generated/dsdt.hex
$(DSDT_HEX): tools/muxpack/dsdt.asl
	@mkdir -p $(@D)
	$(Q)iasl -vs -we -p $(@:.hex=) -tc $< >$@.log || { cat $@.log >&2; exit 1; }
CFLAGS_tools_muxpack_acpi_tables := -I$(dir $(DSDT_HEX))
$(foreach f,host san fuzz,$(BUILD)/$(f)/tools/muxpack/acpi_tables.c.o): $(DSDT_HEX)

$(eval $(call host_tool,muxpack,tools/muxpack/main.c $(MUXPACK_SRCS)))
$(eval $(call host_tool,mksyms,tools/mksyms/main.c))

# The hypervisor's symbols for its exception reports.
$(BUILD)/hv.syms: $(BUILD)/hv.elf $(BUILD)/tools/mksyms
	$(Q)nm -n --defined-only $< | $(BUILD)/tools/mksyms >$@.tmp
	$(Q)mv $@.tmp $@

# image NAME,MANIFEST[,DEPENDENCIES]: $(BUILD)/images/NAME.img, and beside it NAME.efi and NAME.blob. DEPENDENCIES are
# files that the manifest names and that make builds; in the manifest ${BUILD} is the build folder and ${CACHE} the one of
# what was fetched. Built by default only when IMAGES names it.
define image
ALL_IMAGES += $(BUILD)/images/$(1).img
$(BUILD)/images/$(1).blob: $(2) $(BUILD)/tools/muxpack $(3)
	@mkdir -p $$(@D)
	$(Q)$(BUILD)/tools/muxpack -D BUILD=$(abspath $(BUILD)) -D CACHE=$(abspath $(CACHE)) --depends $$@.d -o $$@ $(2)
$(BUILD)/images/$(1).img: $(BUILD)/images/$(1).blob $(BUILD)/hv.elf $(BUILD)/hv.syms $(BUILD)/boot/loader.efi tools/mkimage
	$(Q)tools/mkimage --loader $(BUILD)/boot/loader.efi --hv $(BUILD)/hv.elf --syms $(BUILD)/hv.syms \
		--blob $$< --out $$@
-include $(BUILD)/images/$(1).blob.d
endef
# What no manifest is known for.
$(BUILD)/images/%.img:
	@echo "there is no image or demo \"$*\"; there are: $(sort $(basename $(notdir $(ALL_IMAGES))))" >&2; exit 2

# Debian's kernels, their modules and busybox, fetched once.
LINUX := $(CACHE)/linux
$(LINUX)/stamp: tools/deps
	$(Q)CACHE=$(CACHE) tools/deps linux

# guest_initrd NAME,KIND,INIT,FILE=/PATH...: $(BUILD)/linux/NAME, the initramfs of a guest with the kernel linux-image-KIND;
# make builds each FILE
define guest_initrd
$(BUILD)/linux/$(1): $(LINUX)/stamp tools/mkinitramfs-guest $(3) $(foreach file,$(4),$(firstword $(subst =, ,$(file))))
	$(Q)tools/mkinitramfs-guest --root $(LINUX)/root --kernel "$$$$(cat $(LINUX)/version-$(2))" --init $(3) \
		$(addprefix --add ,$(4)) --out $$@
endef
