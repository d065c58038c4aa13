# SPDX-License-Identifier: MIT
# Unit tests of the AMD-V backend.

$(eval $(call unit_test,test_svm_instruction,tests/unit/test_svm_instruction.c arch/x86_64/svm/instruction.c))
$(eval $(call unit_test,test_svm_speculation,tests/unit/test_svm_speculation.c))
$(eval $(call unit_test,test_svm_exits,tests/unit/test_svm_exits.c $(addprefix arch/x86_64/svm/, exits.c \
	instruction.c registers.c)))
$(eval $(call unit_test,test_svm_run,tests/unit/test_svm_run.c))
