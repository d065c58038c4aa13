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

# The other build.mk files add to HV_SRCS after this one is read.
.SECONDEXPANSION:
$(BUILD)/hv.elf: $$(call objects,hv,$$(HV_SRCS)) linker.ld
	@mkdir -p $(@D)
	$(Q)$(CC) $(HV_LDFLAGS) -o $@ $(filter %.o,$^)
ALL_OBJECTS += $(call objects,hv,$(HV_SRCS))

# Ring 0 without partitions, for the tests of the platform itself.
$(foreach t,report fault stack,$(eval $(call hv_image,platform-$(t),$(PLATFORM_SRCS) \
	tests/system/platform/report.c tests/system/platform/main_$(t).c)))
