# SPDX-License-Identifier: MIT

$(eval $(call fuzz_target,fuzz_wire,tests/fuzz/fuzz_wire.c $(WIRE_SRCS)))
