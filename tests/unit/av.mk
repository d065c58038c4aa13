# SPDX-License-Identifier: MIT
# Unit tests of the antivirus appliance.

$(eval $(call unit_test,test_av_hash,tests/unit/test_av_hash.c \
	appliance/av/engine/av_hash.c appliance/av/engine/av_hash_table.c))
$(eval $(call unit_test,test_av_scan,tests/unit/test_av_scan.c $(AV_ENGINE_SRCS)))
$(eval $(call unit_test,test_av_policy,tests/unit/test_av_policy.c $(AV_POLICY_SRCS)))
$(eval $(call unit_test,test_av_scanner,$(sort tests/unit/test_av_scanner.c \
	$(filter-out %/av_service.c,$(AV_SERVICE_SRCS)) $(AV_ENGINE_SRCS))))
