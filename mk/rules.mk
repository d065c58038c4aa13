# SPDX-License-Identifier: MIT
# Compile rules, and the macros with which build.mk files declare what they make.

define flavour_rules
$(BUILD)/$(1)/%.c.o: %.c | $$($(1)_ORDER)
	@mkdir -p $$(@D)
	$(Q)$$($(1)_CC) $$($(1)_CFLAGS) $$(CFLAGS_$$(subst /,_,$$*)) -c $$< -o $$@
$(BUILD)/$(1)/%.S.o: %.S | $$($(1)_ORDER)
	@mkdir -p $$(@D)
	$(Q)$$($(1)_CC) $$(filter-out -W%,$$($(1)_CFLAGS)) -c $$< -o $$@
endef
Q := $(if $(V),,@)

$(foreach f,hv bare host san fuzz,$(eval $(call flavour_rules,$(f))))

# objects FLAVOUR,SOURCES
objects = $(patsubst %,$(BUILD)/$(1)/%.o,$(2))

# host_tool NAME,SOURCES[,LIBS]: $(BUILD)/tools/NAME
define host_tool
HOST_TOOLS += $(BUILD)/tools/$(1)
$(BUILD)/tools/$(1): $(call objects,host,$(2))
	@mkdir -p $$(@D)
	$(Q)$(CC) -o $$@ $$^ $(3)
ALL_OBJECTS += $(call objects,host,$(2))
endef

# unit_test NAME,SOURCES[,LIBS]: a cmocka program with ASan and UBSan, run by `make unit`
define unit_test
UNIT_TESTS += $(BUILD)/unit/$(1)
$(BUILD)/unit/$(1): $(call objects,san,$(2))
	@mkdir -p $$(@D)
	$(Q)$(CC) $(san_LDFLAGS) -o $$@ $$^ -lcmocka $(3)
ALL_OBJECTS += $(call objects,san,$(2))
endef

# fuzz_target NAME,SOURCES: $(BUILD)/fuzz/NAME (libFuzzer), seeds in tests/fuzz/seeds/NAME
define fuzz_target
FUZZ_TARGETS += $(BUILD)/fuzz/$(1)
$(BUILD)/fuzz/$(1): $(call objects,fuzz,$(2))
	@mkdir -p $$(@D)
	$(Q)clang -fsanitize=fuzzer,address,undefined -o $$@ $$^
ALL_OBJECTS += $(call objects,fuzz,$(2))
endef

# bare_program NAME,SOURCES: $(BUILD)/bare/NAME.elf, a bare-metal partition image: its own sources and
# $(RUNTIME_SRCS), linked with newlib by appliance/runtime/bare.ld
define bare_program
BARE_PROGRAMS += $(BUILD)/bare/$(1).elf
$(BUILD)/bare/$(1).elf: $(call objects,bare,$(2)) $(call objects,bare,$(RUNTIME_SRCS)) appliance/runtime/bare.ld
	@mkdir -p $$(@D)
	$(Q)$(CC) -static -nostdlib -Wl,--gc-sections -Wl,-z,noexecstack -Wl,--build-id=none \
		-Wl,-z,max-page-size=4096 -Wl,--no-warn-rwx-segments -T appliance/runtime/bare.ld \
		-o $$@ $$(filter %.o,$$^) $(NEWLIB)/x86_64-elf/lib/libc.a $(LIBGCC)
ALL_OBJECTS += $(call objects,bare,$(2)) $(call objects,bare,$(RUNTIME_SRCS))
endef
