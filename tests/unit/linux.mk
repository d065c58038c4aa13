# SPDX-License-Identifier: MIT
# Unit tests of muxagentd's parts: those that make no system calls, and the quarantine in a folder of the test's own.
# tests/system/muxagentd.t has the rest.

$(eval $(call unit_test,test_linux_agent,tests/unit/test_linux_agent.c $(AGENT_LINUX_PARTS) $(AGENT_CORE_SRCS)))
$(eval $(call unit_test,test_linux_quarantine,tests/unit/test_linux_quarantine.c $(AGENT_LINUX_PARTS) \
	$(addprefix agent-guest/linux/,object.c quarantine.c) $(AGENT_CORE_SRCS)))
