# SPDX-License-Identifier: MIT
# A service of under 100 lines that shows the access library.

$(eval $(call bare_program,example,appliance/example/example.c $(ACCESS_LIB_SRCS) $(WIRE_SRCS)))
