# SPDX-License-Identifier: MIT
# The antivirus appliance: its portable engine, the host scanner, and the service partition.

AV_ENGINE_SRCS := $(addprefix appliance/av/engine/,av_automaton.c av_hash.c av_hash_table.c \
	av_line.c av_link.c av_pattern.c av_program.c av_scan.c av_signatures.c)

$(eval $(call host_tool,muxscan,appliance/av/host/muxscan.c $(AV_ENGINE_SRCS)))
