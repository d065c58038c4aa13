# SPDX-License-Identifier: MIT
# The thin agent: the portable core, for every OS binding and for the tests on the host.

AGENT_CORE_SRCS := $(addprefix agent-guest/core/,glob.c rules.c filter.c latency.c audit.c pending.c \
	session.c peer.c manager.c service.c verdict.c access.c agent.c) $(WIRE_SRCS)
