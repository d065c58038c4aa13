# SPDX-License-Identifier: MIT
# The socket core of bare-metal partitions.

$(eval $(call fuzz_target,fuzz_vsock_socket,tests/fuzz/fuzz_vsock_socket.c $(RUNTIME_PORTABLE_SRCS)))
