# SPDX-License-Identifier: MIT
# Unit tests of muxclamav's parts; tests/system/clamav.t has the whole.

$(eval $(call unit_test,test_clamav,tests/unit/test_clamav.c appliance/av/av_quantity.c appliance/av/engine/av_line.c \
	$(addprefix appliance/clamav/,clamav_confine.c clamav_message.c clamav_options.c clamav_time.c)))
$(eval $(call unit_test,test_clamav_pool,tests/unit/test_clamav_pool.c \
	$(addprefix appliance/clamav/,clamav_message.c clamav_pool.c clamav_time.c)))
ifeq ($(CLAMAV_PRESENT),yes)
$(eval $(call unit_test,test_clamav_engine,tests/unit/test_clamav_engine.c appliance/clamav/clamav_engine.c,$(CLAMAV_LIBS)))
endif
