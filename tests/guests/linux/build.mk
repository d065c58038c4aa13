# SPDX-License-Identifier: MIT
# Linux partitions that try the platform: standard vsock programs, vector registers.

$(LINUX)/stamp-socat: | $(LINUX)/stamp
	$(Q)CACHE=$(CACHE) tools/deps linux

$(eval $(call linux_program,vsock-peer,tests/guests/linux/vsock_peer.c))
VSOCK_FILES := vsock-peer=/bin/vsock-peer echo-server=/bin/echo-server
VSOCK_SCRIPTS := vsock-client vsock-server
$(BUILD)/linux/initrd-vsock: $(LINUX)/stamp $(LINUX)/stamp-socat tools/mkinitramfs-guest tests/guests/linux/init \
		$(addprefix tests/guests/linux/,$(VSOCK_SCRIPTS)) $(addprefix $(BUILD)/linux/,vsock-peer echo-server)
	$(Q)tools/mkinitramfs-guest --root $(LINUX)/root --kernel "$$(cat $(LINUX)/version-cloud-amd64)" --init tests/guests/linux/init \
		--add-elf $(LINUX)/root/usr/bin/socat=/bin/socat $(addprefix --add $(BUILD)/linux/,$(VSOCK_FILES)) \
		$(foreach script,$(VSOCK_SCRIPTS),--add tests/guests/linux/$(script)=/script/$(script)) --out $@
$(foreach kind,linux-vsock linux-vsock-short,$(eval $(call image,$(kind),tests/guests/$(kind).mux,\
	$(BUILD)/linux/initrd-vsock $(BUILD)/bare/echo-server.elf $(BUILD)/bare/echo-client.elf)))
SYSTEM_IMAGES += $(BUILD)/images/linux-vsock.img $(BUILD)/images/linux-vsock-short.img

$(eval $(call bare_program,fpu-fresh,tests/guests/fpu_fresh.c))
$(eval $(call linux_program,fpu-check,tests/guests/linux/fpu_check.c))
FPU_FILES := fpu-check echo-server echo-client
$(BUILD)/linux/initrd-fpu: $(LINUX)/stamp tools/mkinitramfs-guest tests/guests/linux/init tests/guests/linux/fpu \
		$(addprefix $(BUILD)/linux/,$(FPU_FILES))
	$(Q)tools/mkinitramfs-guest --root $(LINUX)/root --kernel "$$(cat $(LINUX)/version-cloud-amd64)" --init tests/guests/linux/init \
		$(foreach file,$(FPU_FILES),--add $(BUILD)/linux/$(file)=/bin/$(file)) --add tests/guests/linux/fpu=/script/fpu --out $@
$(eval $(call image,linux-fpu,tests/guests/linux-fpu.mux,$(BUILD)/linux/initrd-fpu $(BUILD)/bare/fpu-fresh.elf))
SYSTEM_IMAGES += $(BUILD)/images/linux-fpu.img
