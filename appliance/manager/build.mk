# SPDX-License-Identifier: MIT
# The manager: registry of agents and services at CID 2.

# Portable core, and what it takes of the access library.
MANAGER_CORE_SRCS := $(addprefix appliance/manager/,registry.c registry_output.c registry_peers.c \
	registry_messages.c totals.c report.c) \
	appliance/lib/connection.c appliance/lib/clock.c $(WIRE_SRCS)
MANAGER_SRCS := $(MANAGER_CORE_SRCS) $(addprefix appliance/manager/,main.c partitions_bare.c) \
	appliance/lib/transport_vsock.c

$(eval $(call bare_program,manager,$(MANAGER_SRCS)))
