# SPDX-License-Identifier: MIT
# Figures of Linux guests: `make bench-linux`.

LINUX_BENCH := tests/bench/linux

# direct_image NAME: the blob of the image NAME on the machine itself, without ring 0, as NAME-direct.img
$(eval $(call hv_image,direct,$(LINUX_BENCH)/direct_entry.S $(LINUX_BENCH)/direct.c hv/libc/string.c))
define direct_image
$(BUILD)/images/$(1)-direct.img: $(BUILD)/images/$(1).blob $(BUILD)/direct.elf $(BUILD)/tools/mksyms $(LOADER_EFI) tools/mkimage
	$(Q)nm -n --defined-only $(BUILD)/direct.elf | $(BUILD)/tools/mksyms >$(BUILD)/direct.syms
	$(Q)tools/mkimage --loader $(LOADER_EFI) --hv $(BUILD)/direct.elf --syms $(BUILD)/direct.syms --blob $$< --out $$@
endef

$(eval $(call linux_program,bench-work,$(LINUX_BENCH)/work.c))
$(eval $(call guest_initrd,initrd-bench-work,cloud-amd64,$(BUILD)/linux/bench-work))
$(eval $(call bare_program,bench-monitor,$(LINUX_BENCH)/monitor.c))
$(eval $(call image,bench-linux,$(LINUX_BENCH)/work.mux,$(BUILD)/linux/initrd-bench-work $(BUILD)/bare/bench-monitor.elf))
$(eval $(call direct_image,bench-linux))

$(eval $(call linux_program,bench-open,$(LINUX_BENCH)/open.c))
$(eval $(call guest_initrd,initrd-bench-open,cloud-amd64,$(LINUX_BENCH)/open-init,$(BUILD)/linux/bench-open=/bin/bench-open \
	$(BUILD)/linux/muxagentd=/sbin/muxagentd))
$(eval $(call image,bench-open,$(LINUX_BENCH)/open.mux,$(BUILD)/linux/initrd-bench-open $(CORPUS)/stamp \
	$(addprefix $(BUILD)/bare/,manager.elf av.elf bench-monitor.elf)))
