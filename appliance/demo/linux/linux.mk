# SPDX-License-Identifier: MIT
# The demo with Linux guests: two initramfs, each with its part of the demo's files.

# linux_files TREE: $(BUILD)/linux/files/TREE, a guest's files but the largest: guests hold them in memory, twice
define linux_files
$(BUILD)/linux/files/$(1): $(CORPUS)/stamp appliance/demo/linux/linux.mk
	$(Q)rm -rf $$@ && mkdir -p $$@
	$(Q)tar -x -f $(CORPUS)/$(1).tar -C $$@ && find $$@ -type f -size +2048 -delete
	@touch $$@
endef
$(eval $(call linux_files,strict))
$(eval $(call linux_files,lax))

LINUX_DEMO := appliance/demo/linux
# linux_guest NAME,TREE
linux_guest = $(call guest_initrd,initrd-$(1),cloud-amd64,$(LINUX_DEMO)/init,$(BUILD)/linux/muxagentd=/sbin/muxagentd \
	$(LINUX_DEMO)/$(1).conf=/etc/muxvisor/agent.conf $(LINUX_DEMO)/$(1).sh=/workload $(BUILD)/linux/files/$(2)=/files)
$(eval $(call linux_guest,web,strict))
$(eval $(call linux_guest,db,lax))

$(eval $(call image,linux,$(LINUX_DEMO)/linux.mux,$(BUILD)/linux/initrd-web $(BUILD)/linux/initrd-db \
	$(CORPUS)/stamp $(addprefix $(BUILD)/bare/,manager.elf av.elf)))
SYSTEM_IMAGES += $(BUILD)/images/linux.img
