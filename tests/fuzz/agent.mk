# SPDX-License-Identifier: MIT

$(eval $(call fuzz_target,fuzz_agent,tests/fuzz/fuzz_agent.c $(AGENT_GUEST_SRCS)))
