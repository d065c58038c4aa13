# SPDX-License-Identifier: MIT
# The demo: files and signatures are made at build time (appliance/av/build.mk).

$(eval $(call image,demo,appliance/demo/demo.mux,$(CORPUS)/stamp $(addprefix $(BUILD)/bare/,manager.elf av.elf guest.elf)))
IMAGES += $(BUILD)/images/demo.img
include appliance/demo/linux/linux.mk
