# SPDX-License-Identifier: MIT
# Fuzz target of hv/vsock.

ifndef VSOCK_SRCS
include hv/vsock/sources.mk
endif

$(eval $(call fuzz_target,fuzz_vsock,tests/fuzz/fuzz_vsock.c tests/unit/vsock_check.c $(VSOCK_SRCS)))
