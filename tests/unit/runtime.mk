# SPDX-License-Identifier: MIT
# The runtime of bare-metal partitions, on the host.

$(eval $(call unit_test,test_runtime_arguments,tests/unit/test_runtime_arguments.c appliance/runtime/arguments.c))
$(eval $(call unit_test,test_vsock_socket,tests/unit/test_vsock_socket.c tests/unit/vsock_network.c \
	$(RUNTIME_PORTABLE_SRCS)))
$(eval $(call unit_test,test_runtime_switch,tests/unit/test_runtime_switch.c tests/unit/fake_driver.c \
	drivers/virtio_ring.c drivers/virtio_vsock.c $(RUNTIME_PORTABLE_SRCS) $(VSOCK_SRCS)))
$(eval $(call unit_test,test_virtio_ring,tests/unit/test_virtio_ring.c drivers/virtio_ring.c drivers/virtio_vsock.c))
$(eval $(call unit_test,test_runtime_sockets,tests/unit/test_runtime_sockets.c tests/unit/vsock_network.c \
	$(RUNTIME_PORTABLE_SRCS)))
