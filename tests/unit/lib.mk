# SPDX-License-Identifier: MIT
# Unit tests of lib/wire, the access library and the manager.

$(eval $(call unit_test,test_wire,tests/unit/test_wire.c $(WIRE_SRCS)))

# The clock of these tests moves only when they say so.
FAKE_CLOCK := -Wl,--wrap=clock_gettime
WIRE_PEER_SRCS := tests/unit/wire_peer.c tests/unit/transport_unix.c
$(eval $(call unit_test,test_access,tests/unit/test_access.c $(WIRE_PEER_SRCS) $(ACCESS_LIB_SRCS) \
	$(WIRE_SRCS),$(FAKE_CLOCK)))
