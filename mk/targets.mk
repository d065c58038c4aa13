# SPDX-License-Identifier: MIT
# The targets that people call.

.PHONY: all deps deps-test run test unit system fuzz bench lint format help clean

all: deps-build
	@$(MAKE) --no-print-directory build-all

.PHONY: build-all deps-build
build-all: $(HOST_TOOLS) $(BARE_PROGRAMS) $(IMAGES)

deps-build:
	@tools/deps build
deps: ## install every Debian package that building and testing need
	@tools/deps build run test

clean: ## remove what was built (the newlib cache stays)
	rm -rf $(BUILD)

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort -u | \
		awk -F ':.*## ' '{ printf "  make %-12s %s\n", $$1, $$2 }'

unit: ## unit tests on the host, with ASan and UBSan
	@tools/deps build test
	@$(MAKE) --no-print-directory unit-run
.PHONY: unit-run unit-build
unit-build: $(UNIT_TESTS)
unit-run: $(UNIT_TESTS)
	@CMOCKA_MESSAGE_OUTPUT=TAP prove --nocolor -e '' $(UNIT_TESTS)

format: ## format all C sources in place
	git ls-files '*.c' '*.h' | xargs clang-format -i

-include $(sort $(ALL_OBJECTS:.o=.d))
