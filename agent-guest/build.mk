# SPDX-License-Identifier: MIT
# The thin agent: its portable core, its socket driver, and the bare-metal guest that it lives in.

AGENT_CORE_SRCS := $(addprefix agent-guest/core/,glob.c rules.c filter.c latency.c audit.c pending.c \
	session.c peer.c manager.c service.c verdict.c grants.c access.c agent.c) $(WIRE_SRCS)

# The mini OS without its main program and sockets: the tests on the host build it too.
AGENT_GUEST_SRCS := $(addprefix agent-guest/bare/,ramfs.c ramfs_data.c ustar.c vfs.c process.c script.c \
	task.c commands.c walk.c access_ops.c guest.c) $(AGENT_CORE_SRCS)

$(eval $(call bare_program,guest,agent-guest/bare/main.c agent-guest/driver/links.c \
	agent-guest/driver/connect_vsock.c $(AGENT_GUEST_SRCS)))
