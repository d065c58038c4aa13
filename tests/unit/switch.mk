# SPDX-License-Identifier: MIT
# Unit tests of hv/vsock.

VSOCK_SRCS := hv/vsock/device.c hv/vsock/fault.c hv/vsock/deliver.c hv/vsock/forward.c hv/vsock/policy.c \
	hv/vsock/port.c hv/vsock/schedule.c hv/vsock/switch.c hv/vsock/virtq.c

$(eval $(call unit_test,test_vsock_switch,tests/unit/test_vsock_switch.c tests/unit/fake_driver.c $(VSOCK_SRCS)))
