# SPDX-License-Identifier: MIT
# Generic part of ring 0 and the VT-x backend's portable pieces.

$(eval $(call unit_test,nested,tests/unit/test_nested.c arch/x86_64/nested.c))
$(eval $(call unit_test,vcpu,tests/unit/test_vcpu.c hv/vlapic.c))
$(eval $(call unit_test,sched,tests/unit/test_sched.c))
