# SPDX-License-Identifier: MIT
# Fuzz targets of the antivirus appliance.

$(eval $(call fuzz_target,fuzz_signature,tests/fuzz/fuzz_signature.c $(AV_ENGINE_SRCS)))
