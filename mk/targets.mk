# SPDX-License-Identifier: MIT
# The targets that people call.

DEMO    ?= demo
# Where Linux guests run, CPU 0 stays free (docs/testing.md).
CPUS    ?= $(if $(filter linux clamav,$(DEMO)),3,2)
JOBS    ?= 2
RUNFLAGS ?=

.PHONY: all build-all deps-build deps image run test unit unit-run system fuzz bench bench-messages bench-linux lint format help clean

all: deps-build
	@$(MAKE) --no-print-directory build-all

build-all: $(HOST_TOOLS) $(BUILD)/hv.elf $(LOADER_EFI) $(BARE_PROGRAMS) $(IMAGES)

deps-build:
	@tools/deps build
deps: ## install every Debian package that building, running and testing need
	@tools/deps build run test

MANIFEST   ?= appliance/demo/demo.mux
IMAGE      ?= $(BUILD)/image/$(basename $(notdir $(MANIFEST))).img
IMAGE_BLOB  = $(basename $(IMAGE)).blob
image: ## a disk image (MANIFEST=my.mux IMAGE=my.img), signed if SIGN_KEY=key.pem SIGN_CERT=cert.pem
	@tools/deps build $(if $(SIGN_KEY)$(SIGN_CERT),sign)
	@$(MAKE) --no-print-directory image-parts
	@mkdir -p $(dir $(IMAGE))
	@$(BUILD)/tools/muxpack -D BUILD=$(abspath $(BUILD)) -o $(IMAGE_BLOB) $(MANIFEST)
	@tools/mkimage --loader $(LOADER_EFI) --hv $(BUILD)/hv.elf --syms $(BUILD)/hv.syms --blob $(IMAGE_BLOB) --out $(IMAGE) \
		$(if $(SIGN_KEY),--sign-key $(SIGN_KEY)) $(if $(SIGN_CERT),--sign-cert $(SIGN_CERT))
	@echo "image: $(IMAGE), and as one PE file $(basename $(IMAGE)).efi: $(if $(SIGN_KEY),signed,not signed)"
# What mkimage needs; the demo's own files only for the demo.
.PHONY: image-parts
image-parts: $(BUILD)/tools/muxpack $(BUILD)/hv.syms $(LOADER_EFI) $(BARE_PROGRAMS) \
	$(if $(filter appliance/demo/demo.mux,$(MANIFEST)),$(BUILD)/images/demo.blob)
	@:

run: ## build the image and boot the demo (EMU=bochs|bochs-amd|qemu|qemu-kvm, else what suits the host; CPUS=2, DEMO=linux|clamav)
	@tools/deps build run
	@$(MAKE) --no-print-directory $(BUILD)/images/$(DEMO).img
	@tools/muxrun $(if $(EMU),--emu $(EMU)) --cpus $(CPUS) $(RUNFLAGS) $(BUILD)/images/$(DEMO).img

SYSTEM_TESTS ?= $(sort $(wildcard tests/system/*.t))
# Each of them runs in each of these emulators: AMD-V in QEMU, VT-x in Bochs. HOST_TESTS boot nothing, or choose their
# emulator themselves.
EMUS         ?= $(if $(EMU),$(EMU),qemu bochs)
HOST_TESTS   := $(addprefix tests/system/,boot.t clamav.t linux_lib.t muxagentd.t muxrun.t oracle.t secureboot.t tools.t)
SYSTEM_RUNS   = $(filter $(HOST_TESTS),$(SYSTEM_TESTS)) \
	$(foreach emu,$(EMUS),$(addsuffix @$(emu),$(filter-out $(HOST_TESTS),$(SYSTEM_TESTS))))

test: ## every test: lint, both compilers, unit tests, system tests in the emulator
	@tools/deps build run test
	@$(MAKE) --no-print-directory -j$(JOBS) unit-build build-all $(SYSTEM_IMAGES)
	@$(MAKE) --no-print-directory -j$(JOBS) CC=clang BUILD=$(BUILD)/clang build-all unit-build
	@BUILD=$(BUILD) tests/run --jobs $(JOBS) tests/lint.t $(sort $(UNIT_TESTS)) $(SYSTEM_RUNS)

unit: ## unit tests on the host, with ASan and UBSan
	@tools/deps build test
	@$(MAKE) --no-print-directory unit-run
.PHONY: unit-build
unit-build: $(UNIT_TESTS)
unit-run: $(UNIT_TESTS)
	@tests/run $(sort $(UNIT_TESTS))

system: ## system tests on the booted image (SYSTEM_TESTS=tests/system/x.t for some of them, EMU=qemu for one emulator)
	@tools/deps build run test
	@$(MAKE) --no-print-directory -j$(JOBS) build-all $(SYSTEM_IMAGES)
	@BUILD=$(BUILD) tests/run --jobs $(JOBS) $(SYSTEM_RUNS)

FUZZ_SECONDS ?= 60
fuzz: ## fuzz every parser of hostile input (FUZZ_SECONDS=60 for each)
	@tools/deps build test
	@$(MAKE) --no-print-directory -j$(JOBS) $(FUZZ_TARGETS)
	@for target in $(FUZZ_TARGETS); do \
		corpus=$(CACHE)/corpus/$$(basename $$target); mkdir -p $$corpus; \
		echo "fuzz: $$target, $(FUZZ_SECONDS) s"; \
		$$target -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 $$corpus \
			$$(ls -d tests/fuzz/seeds/$$(basename $$target) 2>/dev/null) || exit 1; \
	done

bench: ## all figures: messages, start, sizes, Linux guests (deterministic counts)
	@$(MAKE) --no-print-directory bench-messages
	@$(MAKE) --no-print-directory bench-linux

bench-messages: ## exits, ring-0 instructions, bytes copied per message; sizes
	@tools/deps build run
	@$(MAKE) --no-print-directory -j$(JOBS) $(BUILD)/images/bench.img $(BUILD)/images/bench-poll.img
	@tests/bench/run $(BUILD) $(HV_SRCS)

LINUX_FIGURES ?= work open
bench-linux: ## Linux guests beside the machine itself, idle exits, open() (LINUX_FIGURES=work or open for one of them)
	@tools/deps build run
	@$(MAKE) --no-print-directory -j$(JOBS) $(addprefix $(BUILD)/images/,bench-linux.img bench-linux-direct.img bench-open.img)
	@tests/bench/run-linux $(BUILD) $(LINUX_FIGURES)

lint: ## format, self-standing headers, cppcheck, code lines of ring 0
	@tools/deps build test
	@$(MAKE) --no-print-directory $(NEWLIB)/stamp $(VCPU_OFFSETS)
	@tools/lint $(BUILD) $(HV_SRCS)
print-ring0:
	@echo $(HV_SRCS)
.PHONY: print-ring0

format: ## format all C sources in place
	git ls-files '*.c' '*.h' | xargs clang-format -i

clean: ## remove what was built (.cache stays: newlib, kernels, fuzz corpora)
	rm -rf $(BUILD)

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' Makefile $(filter %.mk,$(MAKEFILE_LIST)) | sort -u | \
		awk -F ':.*## ' '{ printf "  make %-15s %s\n", $$1, $$2 }'

-include $(sort $(ALL_OBJECTS:.o=.d))
