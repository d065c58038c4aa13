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

ifeq ($(CLAMAV_PRESENT),yes)
HOST_TOOLS  += $(MUXCLAMAV)
ALL_OBJECTS += $(call objects,host,$(CLAMAV_SRCS))
# For tests/system/clamav.t: over AF_UNIX.
$(eval $(call host_tool,test-clamav,$(CLAMAV_SRCS) $(filter-out %/transport_vsock.c,$(ACCESS_LIB_SRCS)) $(WIRE_SRCS) \
	$(MUXAGENTD_TEST_TRANSPORT),$(CLAMAV_LIBS)))
endif
