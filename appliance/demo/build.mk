# SPDX-License-Identifier: MIT
# The demo: files and signatures made at build time, and the image.

CORPUS := $(BUILD)/corpus
$(CORPUS)/stamp: tools/mkcorpus
	@tools/deps build run
	$(Q)tools/mkcorpus $(CORPUS)
	@touch $@

$(eval $(call image,demo,appliance/demo/demo.mux,$(CORPUS)/stamp \
	$(addprefix $(BUILD)/bare/,manager.elf av.elf guest.elf)))
IMAGES += $(BUILD)/images/demo.img
