# SPDX-License-Identifier: MIT
# The antivirus appliance: its portable engine, the host scanner, and the service partition.

AV_ENGINE_SRCS := $(addprefix appliance/av/engine/,av_automaton.c av_hash.c av_hash_table.c \
	av_line.c av_link.c av_pattern.c av_program.c av_scan.c av_signatures.c)
# What does not depend on the engine, for other antivirus services too.
AV_POLICY_SRCS  := $(addprefix appliance/av/,av_policy.c av_quantity.c av_text.c engine/av_line.c) lib/wire/wire_text.c
AV_SHARED_SRCS  := $(AV_POLICY_SRCS) $(addprefix appliance/av/,av_scanner.c av_service.c)
AV_SERVICE_SRCS := $(AV_SHARED_SRCS) appliance/av/av_stream.c

$(eval $(call host_tool,muxscan,appliance/av/host/muxscan.c $(AV_ENGINE_SRCS)))
$(eval $(call host_tool,bench_av,tests/bench/bench_av.c $(AV_ENGINE_SRCS)))
$(eval $(call bare_program,av,$(sort appliance/av/av_main.c $(AV_SERVICE_SRCS) $(AV_ENGINE_SRCS) \
	$(ACCESS_LIB_SRCS) $(WIRE_SRCS))))

# The demo's files and signatures: two guests' trees and the signature files. Needs the packages of
# the group `run`, so `all` does not make it.
CORPUS := $(BUILD)/corpus
$(CORPUS)/stamp: tools/mkcorpus
	$(Q)tools/deps run
	$(Q)tools/mkcorpus $(CORPUS)
	@touch $@
.PHONY: corpus
corpus: $(CORPUS)/stamp ## make the demo's files and signatures
