# SPDX-License-Identifier: MIT
# Fuzz targets of the AMD-V backend.

$(eval $(call fuzz_target,fuzz_svm_instruction,tests/fuzz/fuzz_svm_instruction.c arch/x86_64/svm/instruction.c))
$(eval $(call fuzz_target,fuzz_svm_exits,tests/fuzz/fuzz_svm_exits.c $(addprefix arch/x86_64/svm/, exits.c \
	instruction.c registers.c)))
