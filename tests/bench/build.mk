# SPDX-License-Identifier: MIT
# Measurements: deterministic counts, no timed tests.

$(eval $(call bare_program,bench,tests/bench/bench.c))
$(eval $(call image,bench,tests/bench/bench.mux,$(BUILD)/bare/bench.elf))
$(eval $(call image,bench-poll,tests/bench/bench-poll.mux,$(BUILD)/bare/bench.elf))
include tests/bench/linux/build.mk
