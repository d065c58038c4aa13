# SPDX-License-Identifier: MIT
# The runtime of bare-metal partitions: linked into every bare_program.

RUNTIME_SRCS := \
	appliance/runtime/start.S \
	appliance/runtime/startup.c \
	appliance/runtime/exceptions.c \
	appliance/runtime/memory_map.c \
	appliance/runtime/arguments.c \
	appliance/runtime/console.c \
	appliance/runtime/clock.c \
	appliance/runtime/syscalls.c \
	appliance/runtime/hypercalls.c \
	appliance/runtime/modules.c \
	appliance/runtime/idle.c \
	appliance/runtime/sockets.c \
	appliance/runtime/vsock_port.c \
	appliance/runtime/vsock_socket.c \
	appliance/runtime/vsock_data.c \
	appliance/runtime/vsock_receive.c \
	appliance/runtime/vsock_table.c \
	drivers/virtio_pci_guest.c \
	drivers/virtio_ring.c \
	drivers/virtio_vsock.c

# The portable part: the host's tests build it too.
RUNTIME_PORTABLE_SRCS := $(filter appliance/runtime/vsock_%,$(filter-out %_port.c,$(RUNTIME_SRCS)))

$(NEWLIB)/stamp: tools/newlib
	@tools/newlib $(NEWLIB)

# Interrupt and exception handlers run in the middle of code that uses SSE.
CFLAGS_appliance_runtime_exceptions := -mgeneral-regs-only
