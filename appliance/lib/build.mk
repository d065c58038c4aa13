# SPDX-License-Identifier: MIT
# The access library: a service links ACCESS_LIB_SRCS and WIRE_SRCS.

ACCESS_LIB_SRCS := $(addprefix appliance/lib/,service.c manager_link.c remote.c remote_event.c \
	remote_request.c remote_calls.c rules.c timers.c connection.c clock.c transport_vsock.c)
