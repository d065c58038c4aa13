# SPDX-License-Identifier: MIT
# Muxvisor: `make help` lists the targets. Every component adds its sources in its own build.mk.

BUILD ?= build
CC    ?= gcc
ifeq ($(origin CC),default)
CC := gcc
endif

.DEFAULT_GOAL := all
all: ## build the image, the partitions and the tools

include mk/config.mk
include mk/rules.mk

# Components, in the order in which they may use each other's variables.
COMPONENTS := tools lib/wire arch/x86_64/boot arch/x86_64 hv drivers appliance/runtime appliance/lib appliance/lib/linux \
	appliance/av appliance/manager appliance/example appliance/demo agent-guest agent-guest/linux appliance/clamav tests/guests tests/bench tests
include $(wildcard $(addsuffix /build.mk,$(COMPONENTS)))
include $(wildcard tests/unit/*.mk tests/fuzz/*.mk)

include mk/targets.mk
