# SPDX-License-Identifier: MIT
# muxagentd: the agent of Linux guests, one static program.

linux_CC     = $(CC)
# A guest with many processes has many operations that wait at once.
linux_CFLAGS = $(host_CFLAGS) -DAGENT_PENDING_MAX=1024U
$(eval $(call flavour_rules,linux))

AGENT_LINUX_PARTS := $(addprefix agent-guest/linux/,config.c log.c plan.c proc_link.c quarantine_record.c)
AGENT_LINUX_SRCS  := $(AGENT_LINUX_PARTS) $(addprefix agent-guest/linux/,access_ops.c connect_unix.c files.c \
	gate.c logons.c main.c names.c notify.c object.c processes.c quarantine.c status.c watch.c) \
	agent-guest/driver/links.c agent-guest/driver/connect_vsock.c $(AGENT_CORE_SRCS)

MUXAGENTD := $(BUILD)/linux/muxagentd
HOST_TOOLS += $(MUXAGENTD)
$(MUXAGENTD): $(call objects,linux,$(AGENT_LINUX_SRCS))
	@mkdir -p $(@D)
	$(Q)$(CC) -static -o $@ $^
ALL_OBJECTS += $(call objects,linux,$(AGENT_LINUX_SRCS))

# For tests/system/muxagentd.t: the manager and a service on the host.
MUXAGENTD_TEST_TRANSPORT := tests/system/muxagentd/transport.c tests/unit/transport_unix.c
# (HOST_TOOLS: so that `make system` has built them)
$(eval $(call host_tool,test-manager,appliance/manager/main.c appliance/manager/partitions_host.c \
	$(MANAGER_CORE_SRCS) $(MUXAGENTD_TEST_TRANSPORT)))
$(eval $(call host_tool,test-service,tests/system/muxagentd/service.c $(WIRE_SRCS) \
	$(filter-out %/transport_vsock.c,$(ACCESS_LIB_SRCS)) $(MUXAGENTD_TEST_TRANSPORT)))
$(eval $(call host_tool,test-gate,tests/system/muxagentd/gate.c agent-guest/linux/gate.c))
