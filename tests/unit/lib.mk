# SPDX-License-Identifier: MIT
# Unit tests of lib/wire, the access library and the manager.

$(foreach test,test_wire test_wire_session test_wire_events,$(eval $(call unit_test,$(test),\
	tests/unit/$(test).c tests/unit/wire_sample.c $(WIRE_SRCS))))

# The clock of these tests moves only when they say so.
FAKE_CLOCK := -Wl,--wrap=clock_gettime
WIRE_PEER_SRCS := tests/unit/wire_peer.c tests/unit/transport_unix.c
$(foreach test,test_access test_access_sessions test_access_events test_access_requests,$(eval $(call unit_test,$(test),\
	tests/unit/$(test).c tests/unit/access_service.c $(WIRE_PEER_SRCS) $(ACCESS_LIB_SRCS) $(WIRE_SRCS),$(FAKE_CLOCK))))
$(eval $(call unit_test,test_manager,tests/unit/test_manager.c $(WIRE_PEER_SRCS) \
	$(MANAGER_CORE_SRCS),$(FAKE_CLOCK)))
$(eval $(call unit_test,test_e2e_services,tests/unit/test_e2e_services.c tests/unit/e2e_manager_main.c \
	tests/unit/e2e_example_main.c tests/unit/transport_unix.c appliance/manager/partitions_host.c \
	$(filter-out $(ACCESS_LIB_SRCS),$(MANAGER_CORE_SRCS)) \
	$(filter-out %/transport_vsock.c,$(ACCESS_LIB_SRCS))))
$(eval $(call unit_test,test_agent_service,$(sort tests/unit/test_agent_service.c $(WIRE_PEER_SRCS) \
	tests/unit/agent_os.c agent-guest/driver/links.c $(AGENT_CORE_SRCS) $(MANAGER_CORE_SRCS) \
	$(ACCESS_LIB_SRCS)),$(FAKE_CLOCK)))
