# SPDX-License-Identifier: MIT
# Unit tests of lib/wire, the access library and the manager.

$(eval $(call unit_test,test_wire,tests/unit/test_wire.c $(WIRE_SRCS)))
