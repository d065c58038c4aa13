# SPDX-License-Identifier: MIT
VSOCK_SRCS := hv/vsock/deliver.c hv/vsock/device.c hv/vsock/fault.c hv/vsock/forward.c hv/vsock/policy.c \
	hv/vsock/port.c hv/vsock/schedule.c hv/vsock/switch.c hv/vsock/virtq.c

HV_SRCS += $(VSOCK_SRCS)
