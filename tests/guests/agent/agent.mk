# SPDX-License-Identifier: MIT
# The agent in Linux guests: a bare-metal service, and guests that are all of one initramfs.

$(eval $(call bare_program,judge,tests/guests/agent/judge.c $(ACCESS_LIB_SRCS) $(WIRE_SRCS)))
$(eval $(call linux_program,act,tests/guests/agent/act.c))

AGENT_ROLES := probe.sh victim.sh storm.sh again.sh
$(eval $(call guest_initrd,initrd-agent,cloud-amd64,tests/guests/agent/init,$(BUILD)/linux/muxagentd=/sbin/muxagentd \
	$(BUILD)/linux/act=/bin/act tests/guests/agent/agent.conf=/etc/muxvisor/agent.conf \
	$(foreach role,$(AGENT_ROLES),tests/guests/agent/$(role)=/role/$(role))))

AGENT_PARTS := $(BUILD)/linux/initrd-agent $(addprefix $(BUILD)/bare/,manager.elf judge.elf)
$(eval $(call image,linux-agent,tests/guests/linux-agent.mux,$(AGENT_PARTS)))
$(eval $(call image,linux-storm,tests/guests/linux-storm.mux,$(AGENT_PARTS)))
SYSTEM_IMAGES += $(BUILD)/images/linux-agent.img $(BUILD)/images/linux-storm.img
