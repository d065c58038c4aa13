# SPDX-License-Identifier: MIT
# Small bare-metal partitions that the system tests boot.

$(eval $(call bare_program,hello,tests/guests/hello.c))
$(eval $(call bare_program,echo-server,tests/guests/echo_server.c))
$(eval $(call bare_program,echo-client,tests/guests/echo_client.c))
$(eval $(call bare_program,transfer,tests/guests/transfer.c))

$(eval $(call image,echo,tests/guests/echo.mux,$(addprefix $(BUILD)/bare/,hello.elf echo-server.elf echo-client.elf)))
$(eval $(call image,transfer,tests/guests/transfer.mux,$(addprefix $(BUILD)/bare/,hello.elf transfer.elf)))
SYSTEM_IMAGES += $(BUILD)/images/echo.img $(BUILD)/images/transfer.img

# The demo with an appliance that is killed and restarted.
$(eval $(call bare_program,chaos,tests/guests/chaos.c))
$(eval $(call image,restart,tests/guests/restart.mux,$(CORPUS)/stamp \
	$(addprefix $(BUILD)/bare/,manager.elf av.elf guest.elf chaos.elf)))
$(eval $(call image,down,tests/guests/down.mux,$(CORPUS)/stamp \
	$(addprefix $(BUILD)/bare/,manager.elf av.elf guest.elf chaos.elf)))
SYSTEM_IMAGES += $(BUILD)/images/restart.img $(BUILD)/images/down.img

# The attack guest, its bystanders and its monitor.
ATTACK_SRCS := $(addprefix tests/guests/attack/,main.c fault.S fault.c memory.c cpu.c refusal.c raw.c rings.c register.c \
	packet.c flood.c smp.c trampoline.S)
$(eval $(call bare_program,attack,$(ATTACK_SRCS)))
$(eval $(call bare_program,attack-monitor,tests/guests/attack/monitor.c))
$(eval $(call bare_program,attack-serve,tests/guests/attack/serve.c))
$(eval $(call bare_program,attack-pulse,tests/guests/attack/pulse.c))
$(eval $(call image,attack,tests/guests/attack.mux,$(addprefix $(BUILD)/bare/,attack.elf attack-monitor.elf attack-serve.elf attack-pulse.elf)))
SYSTEM_IMAGES += $(BUILD)/images/attack.img

# Receivers that stop reading, beside a pair that goes on.
$(eval $(call bare_program,slow-sink,tests/guests/slow/sink.c tests/guests/attack/raw.c))
$(eval $(call bare_program,slow-pour,tests/guests/slow/pour.c tests/guests/attack/raw.c))
$(eval $(call bare_program,slow-monitor,tests/guests/slow/monitor.c))
$(eval $(call image,slow,tests/guests/slow.mux,$(addprefix $(BUILD)/bare/,slow-sink.elf slow-pour.elf slow-monitor.elf attack-serve.elf attack-pulse.elf)))
SYSTEM_IMAGES += $(BUILD)/images/slow.img

# The demo beside hostile partitions.
$(eval $(call bare_program,garbage,tests/guests/garbage.c))
$(eval $(call image,hostile,tests/guests/hostile.mux,$(CORPUS)/stamp \
	$(addprefix $(BUILD)/bare/,manager.elf av.elf guest.elf attack.elf garbage.elf)))
SYSTEM_IMAGES += $(BUILD)/images/hostile.img
# Linux partitions: Debian's kernels as they are, and an initramfs with the echo programs linked for Linux.
# linux_program NAME,SOURCES: $(BUILD)/linux/NAME, static
define linux_program
$(BUILD)/linux/$(1): $(call objects,host,$(2))
	@mkdir -p $$(@D)
	$(Q)$(CC) -static -s -o $$@ $$^
ALL_OBJECTS += $(call objects,host,$(2))
endef
$(eval $(call linux_program,echo-server,tests/guests/echo_server.c))
$(eval $(call linux_program,echo-client,tests/guests/echo_client.c))

# linux_initrd KIND: $(BUILD)/linux/initrd-KIND for the kernel linux-image-KIND
define linux_initrd
$(BUILD)/linux/initrd-$(1): $(LINUX)/stamp tools/mkinitramfs-guest tests/guests/linux/init $(addprefix $(BUILD)/linux/,echo-server echo-client)
	$(Q)tools/mkinitramfs-guest --root $(LINUX)/root --kernel "$$$$(cat $(LINUX)/version-$(1))" --init tests/guests/linux/init \
		--add $(BUILD)/linux/echo-server=/bin/echo-server --add $(BUILD)/linux/echo-client=/bin/echo-client --out $$@
endef
$(eval $(call linux_initrd,cloud-amd64))
$(eval $(call linux_initrd,amd64))

$(eval $(call image,linux-boot,tests/guests/linux-boot.mux,$(BUILD)/linux/initrd-cloud-amd64 $(BUILD)/bare/echo-server.elf))
$(eval $(call image,linux-two,tests/guests/linux-two.mux,$(BUILD)/linux/initrd-cloud-amd64 $(BUILD)/linux/initrd-amd64))
$(eval $(call image,linux-panic,tests/guests/linux-panic.mux,$(BUILD)/linux/initrd-cloud-amd64))
SYSTEM_IMAGES += $(addprefix $(BUILD)/images/,linux-boot.img linux-two.img linux-panic.img)

include tests/guests/linux/build.mk
include tests/guests/agent/agent.mk

# ClamAV in a Linux partition that is killed and started again. Its one signature is the code of a program that is in all of
# clamav-testfiles, packed in one way or another.
ifeq ($(CLAMAV_PRESENT),yes)
ONE_SIGNATURE := $(BUILD)/linux/one-signature
$(ONE_SIGNATURE)/clam.ndb: $(CORPUS)/stamp tests/guests/build.mk
	@mkdir -p $(@D)
	$(Q)od -An -v -tx1 -j64 -N48 /usr/share/clamav-testfiles/clam.exe | tr -d ' \n' | sed 's/^/Clam-Test:0:*:/; s/$$/\n/' >$@
$(eval $(call clamav_initrd,initrd-clamav-restart,tests/guests/clamav-restart-policy.conf,$(ONE_SIGNATURE)))
$(BUILD)/linux/initrd-clamav-restart: $(ONE_SIGNATURE)/clam.ndb
$(eval $(call image,clamav-restart,tests/guests/clamav-restart.mux,$(BUILD)/linux/initrd-clamav-restart $(CORPUS)/stamp \
	$(addprefix $(BUILD)/bare/,manager.elf guest.elf chaos.elf)))
SYSTEM_IMAGES += $(BUILD)/images/clamav-restart.img
endif
