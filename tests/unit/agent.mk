# SPDX-License-Identifier: MIT
# Unit tests of the thin agent and of the bare-metal guest.

AGENT_TEST_SRCS := tests/unit/agent_net.c tests/unit/agent_os.c $(AGENT_CORE_SRCS)

$(eval $(call unit_test,test_agent_parts,tests/unit/test_agent_parts.c $(AGENT_CORE_SRCS)))
$(foreach test,test_agent test_agent_verdicts test_agent_access,$(eval $(call unit_test,$(test),\
	tests/unit/$(test).c tests/unit/agent_world.c $(AGENT_TEST_SRCS))))
$(eval $(call unit_test,test_agent_audit,tests/unit/test_agent_audit.c $(AGENT_TEST_SRCS)))
$(eval $(call unit_test,test_guest_files,tests/unit/test_guest_files.c $(AGENT_GUEST_SRCS)))
$(eval $(call unit_test,test_guest,tests/unit/test_guest.c tests/unit/agent_net.c $(AGENT_GUEST_SRCS)))
