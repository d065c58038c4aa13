# SPDX-License-Identifier: MIT
# Unit tests of ring 0's host platform: what of it is free of privileged instructions.

$(eval $(call unit_test,test_string,tests/unit/test_string.c))
$(eval $(call unit_test,test_format,tests/unit/test_format.c hv/format.c))
$(eval $(call unit_test,test_mem,tests/unit/test_mem.c hv/mem.c))
$(eval $(call unit_test,test_symbols,tests/unit/test_symbols.c arch/x86_64/symbols.c))
$(eval $(call unit_test,test_acpi,tests/unit/test_acpi.c arch/x86_64/acpi.c))
