# SPDX-License-Identifier: MIT
# Unit tests of muxagentd's parts that make no system calls; tests/system/muxagentd.t has the rest.

$(eval $(call unit_test,test_linux_agent,tests/unit/test_linux_agent.c $(AGENT_LINUX_PARTS) $(AGENT_CORE_SRCS)))
