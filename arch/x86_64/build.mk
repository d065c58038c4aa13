# SPDX-License-Identifier: MIT
# The host platform of ring 0, and the hypervisor's ELF image: $(BUILD)/hv.elf from HV_SRCS.

PLATFORM_SRCS := $(addprefix arch/x86_64/, entry.S trampoline.S exceptions_entry.S acpi.c apic.c console.c \
	cpu_features.c descriptors.c exceptions.c mitigation.c paging.c percpu.c platform.c smp.c symbols.c) \
	drivers/uart.c hv/format.c hv/log.c hv/mem.c hv/libc/string.c
HV_SRCS += $(PLATFORM_SRCS)

# clang fears that what an interrupt handler calls uses vector registers; ring 0 has none.
CFLAGS_arch_x86_64_apic := -Wno-interrupt-service-routine

HV_LDFLAGS := -static -nostdlib -Wl,-z,noexecstack -Wl,--build-id=none -Wl,-z,max-page-size=4096 \
	-Wl,--fatal-warnings -T linker.ld

# hv_image NAME,SOURCES: $(BUILD)/NAME.elf, an image of ring 0
define hv_image
$(BUILD)/$(1).elf: $(call objects,hv,$(2)) linker.ld
	@mkdir -p $$(@D)
	$(Q)$(CC) $(HV_LDFLAGS) -o $$@ $$(filter %.o,$$^)
ALL_OBJECTS += $(call objects,hv,$(2))
endef

# platform_image NAME: ring 0 with tests/system/platform/main_NAME.c instead of partitions, as a disk image
define platform_image
$(call hv_image,platform-$(1),$(PLATFORM_SRCS) tests/system/platform/report.c tests/system/platform/main_$(1).c)
$(BUILD)/images/platform-$(1).img: $(BUILD)/platform-$(1).elf $(BUILD)/images/platform.blob $(LOADER_EFI) \
		$(BUILD)/tools/mksyms tools/mkimage
	@mkdir -p $$(@D)
	$(Q)nm -n --defined-only $$< | $(BUILD)/tools/mksyms >$(BUILD)/platform-$(1).syms
	$(Q)tools/mkimage --loader $(LOADER_EFI) --hv $$< --syms $(BUILD)/platform-$(1).syms \
		--blob $(BUILD)/images/platform.blob --out $$@
SYSTEM_IMAGES += $(BUILD)/images/platform-$(1).img
endef
$(foreach t,report fault stack panic,$(eval $(call platform_image,$(t))))

$(BUILD)/images/platform.blob: tests/system/platform/platform.mux $(BUILD)/tools/muxpack $(BUILD)/bare/hello.elf
	@mkdir -p $(@D)
	$(Q)$(BUILD)/tools/muxpack -D BUILD=$(abspath $(BUILD)) -o $@ $<

# The other build.mk files add to HV_SRCS after this one is read.
.SECONDEXPANSION:
$(BUILD)/hv.elf: $$(call objects,hv,$$(sort $$(HV_SRCS))) linker.ld
	@mkdir -p $(@D)
	$(Q)$(CC) $(HV_LDFLAGS) -o $@ $(filter %.o,$^)
ALL_OBJECTS += $(call objects,hv,$(HV_SRCS))
