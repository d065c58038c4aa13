# SPDX-License-Identifier: MIT
HV_SRCS += hv/vsock/device.c hv/vsock/fault.c hv/vsock/deliver.c hv/vsock/forward.c hv/vsock/policy.c hv/vsock/port.c \
	hv/vsock/schedule.c hv/vsock/switch.c hv/vsock/virtq.c
