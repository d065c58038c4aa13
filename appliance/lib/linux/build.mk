# SPDX-License-Identifier: MIT
# The access library for services in Linux partitions: static and shared, with pkg-config file and man page.
#   make linux-lib [PREFIX=/usr/local] [DESTDIR=...] [INSTALL=1]

PREFIX ?= /usr/local
LINUX_LIB         := $(BUILD)/linux-lib
LINUX_LIB_VERSION := 2.1.0
LINUX_LIB_MAJOR   := 2
LINUX_LIB_ROOT     = $(DESTDIR)$(PREFIX)

shared_CC     = $(CC)
shared_CFLAGS = $(host_CFLAGS) -fPIC
$(eval $(call flavour_rules,shared))
LINUX_LIB_OBJECTS := $(call objects,shared,$(sort $(ACCESS_LIB_SRCS) $(WIRE_SRCS)))
ALL_OBJECTS += $(LINUX_LIB_OBJECTS)

# One object, in which only the public names are global.
$(LINUX_LIB)/muxaccess.o: $(LINUX_LIB_OBJECTS)
	@mkdir -p $(@D)
	$(Q)ld -r -o $@.all $^
	$(Q)objcopy --wildcard --keep-global-symbol='mux_*' $@.all $@
	@rm -f $@.all
$(LINUX_LIB)/libmuxaccess.a: $(LINUX_LIB)/muxaccess.o
	@rm -f $@
	$(Q)ar rcsD $@ $^
$(LINUX_LIB)/libmuxaccess.so.$(LINUX_LIB_VERSION): $(LINUX_LIB)/muxaccess.o
	$(Q)$(CC) -shared -Wl,-soname,libmuxaccess.so.$(LINUX_LIB_MAJOR) -Wl,-z,defs -Wl,-z,relro,-z,now -o $@ $^
# Made each time: PREFIX may be another.
.PHONY: $(LINUX_LIB)/muxaccess.pc
$(LINUX_LIB)/muxaccess.pc: appliance/lib/linux/muxaccess.pc.in
	@mkdir -p $(@D)
	$(Q)sed 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(LINUX_LIB_VERSION)|' $< >$@

.PHONY: linux-lib linux-lib-build
linux-lib-build: $(LINUX_LIB)/libmuxaccess.a $(LINUX_LIB)/libmuxaccess.so.$(LINUX_LIB_VERSION) $(LINUX_LIB)/muxaccess.pc
linux-lib: linux-lib-build ## the access library for Linux, static and shared (INSTALL=1 PREFIX=/usr/local DESTDIR=)
ifneq ($(INSTALL),)
	install -d $(addprefix $(LINUX_LIB_ROOT)/,lib/pkgconfig include/muxvisor share/man/man3)
	install -m 644 $(LINUX_LIB)/libmuxaccess.a $(LINUX_LIB_ROOT)/lib/
	install -m 755 $(LINUX_LIB)/libmuxaccess.so.$(LINUX_LIB_VERSION) $(LINUX_LIB_ROOT)/lib/
	ln -sf libmuxaccess.so.$(LINUX_LIB_VERSION) $(LINUX_LIB_ROOT)/lib/libmuxaccess.so.$(LINUX_LIB_MAJOR)
	ln -sf libmuxaccess.so.$(LINUX_LIB_MAJOR) $(LINUX_LIB_ROOT)/lib/libmuxaccess.so
	install -m 644 $(LINUX_LIB)/muxaccess.pc $(LINUX_LIB_ROOT)/lib/pkgconfig/
	install -m 644 appliance/lib/include/muxaccess.h $(LINUX_LIB_ROOT)/include/
	install -m 644 include/muxvisor/protocol.h include/muxvisor/types.h $(LINUX_LIB_ROOT)/include/muxvisor/
	install -m 644 appliance/lib/linux/muxaccess.3 $(LINUX_LIB_ROOT)/share/man/man3/
endif

# For tests/system/linux_lib.t.
SYSTEM_IMAGES += linux-lib-build
