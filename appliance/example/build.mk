# SPDX-License-Identifier: MIT
# A service of under 100 lines that shows the access library, and a system that boots it.

$(eval $(call bare_program,example,appliance/example/example.c $(ACCESS_LIB_SRCS) $(WIRE_SRCS)))

$(eval $(call image,example,appliance/example/example.mux,\
	$(addprefix $(BUILD)/bare/,manager.elf example.elf guest.elf)))
SYSTEM_IMAGES += $(BUILD)/images/example.img
