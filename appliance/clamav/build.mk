# SPDX-License-Identifier: MIT
# muxclamav: the antivirus service on Linux with ClamAV's engine, dynamically linked with Debian's libclamav
# (package libclamav-dev). Left out where that is not installed.
#   make linux-clamav
# CLAMAV_LIBS and CLAMAV_LDFLAGS link another libclamav, such as a static one of your own:
#   make linux-clamav CLAMAV_LDFLAGS=-static CLAMAV_LIBS="$(pkg-config --static --libs libclamav)"

CLAMAV_LIBS    ?= -lclamav
CLAMAV_LDFLAGS ?= -Wl,-z,relro,-z,now
CLAMAV_PRESENT := $(shell echo '\#include <clamav.h>' | $(CC) $(CPPFLAGS) -E -x c - >/dev/null 2>&1 && echo yes)

CLAMAV_SRCS := $(addprefix appliance/clamav/,clamav_confine.c clamav_engine.c clamav_main.c clamav_message.c \
	clamav_options.c clamav_pool.c clamav_time.c clamav_worker.c) $(AV_SHARED_SRCS)

MUXCLAMAV := $(BUILD)/linux/muxclamav
$(MUXCLAMAV): $(call objects,host,$(CLAMAV_SRCS)) $(LINUX_LIB)/libmuxaccess.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(CLAMAV_LDFLAGS) -o $@ $^ $(CLAMAV_LIBS)

.PHONY: linux-clamav
linux-clamav: ## the antivirus service for a Linux partition, with ClamAV's engine
	@tools/deps clamav
	@$(MAKE) --no-print-directory $(MUXCLAMAV)

# clamav_initrd NAME,POLICY,DATABASE: $(BUILD)/linux/NAME, the initramfs of a partition with this service
CLAMAV_INIT     := appliance/clamav/init
CLAMAV_ICU_DATA  = $(lastword $(wildcard /usr/lib/x86_64-linux-gnu/libicudata.so.[0-9][0-9]))
define clamav_initrd
$(BUILD)/linux/$(1): $(LINUX)/stamp tools/mkinitramfs-guest tools/mkicudata $(CLAMAV_INIT) $(MUXCLAMAV) $(2) $(CORPUS)/stamp
	$(Q)tools/mkicudata $(CLAMAV_ICU_DATA) $(BUILD)/linux/lib/$(notdir $(CLAMAV_ICU_DATA))
	$(Q)tools/mkinitramfs-guest --root $(LINUX)/root --kernel "$$$$(cat $(LINUX)/version-cloud-amd64)" --init $(CLAMAV_INIT) \
		--libraries / --add $(BUILD)/linux/lib/$(notdir $(CLAMAV_ICU_DATA))=/lib/$(notdir $(CLAMAV_ICU_DATA)) \
		--add-elf $(MUXCLAMAV)=/bin/muxclamav --add $(2)=/etc/muxvisor/policy.conf --add $(3)=/var/lib/clamav --out $$@
endef

# The demo with this service in the place of the bare-metal one.
ifeq ($(CLAMAV_PRESENT),yes)
$(eval $(call clamav_initrd,initrd-clamav,appliance/demo/policy.conf,$(CORPUS)/signatures))
$(eval $(call image,clamav,appliance/demo/clamav.mux,$(BUILD)/linux/initrd-clamav \
	$(CORPUS)/stamp $(addprefix $(BUILD)/bare/,manager.elf guest.elf)))
SYSTEM_IMAGES += $(BUILD)/images/clamav.img
else
ALL_IMAGES += $(BUILD)/images/clamav.img
$(BUILD)/images/clamav.img:
	$(Q)tools/deps clamav
	$(Q)$(MAKE) --no-print-directory $@
endif

ifeq ($(CLAMAV_PRESENT),yes)
HOST_TOOLS  += $(MUXCLAMAV)
ALL_OBJECTS += $(call objects,host,$(CLAMAV_SRCS))
# For tests/system/clamav.t: over AF_UNIX.
$(eval $(call host_tool,test-clamav,$(CLAMAV_SRCS) $(filter-out %/transport_vsock.c,$(ACCESS_LIB_SRCS)) $(WIRE_SRCS) \
	$(MUXAGENTD_TEST_TRANSPORT),$(CLAMAV_LIBS)))
endif
