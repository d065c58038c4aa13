# SPDX-License-Identifier: MIT
# The EFI loader: $(BUILD)/boot/loader.efi, to which tools/mkimage adds hypervisor and manifest as sections.

EFI_INCLUDE := /usr/include/efi
EFI_LDS     := /usr/lib/elf_x86_64_efi.lds
EFI_CRT0    := /usr/lib/crt0-efi-x86_64.o

# -mno-red-zone, -fshort-wchar and position independence are the firmware's rules; warnings of GNU-EFI's headers are
# not ours (-isystem).
efi_CC     = $(CC)
efi_CFLAGS = $(COMMON) -O2 -ffreestanding -nostdinc -isystem hv/libc -isystem $(EFI_INCLUDE) \
	-isystem $(EFI_INCLUDE)/x86_64 -isystem $(CC_INCLUDE) -DGNU_EFI_USE_MS_ABI -fpic -fshort-wchar \
	-fvisibility=hidden -mno-red-zone -mgeneral-regs-only -fno-stack-protector -fcf-protection=none \
	-fno-asynchronous-unwind-tables -fno-strict-aliasing -DMUX_LOADER=1
$(eval $(call flavour_rules,efi))

# efi_program NAME,SOURCES: $(BUILD)/boot/NAME.efi. Symbols stay in NAME.so: behind the last section they would be bytes of
# the signed file that belong to none.
define efi_program
ALL_OBJECTS += $(call objects,efi,$(2))
$(BUILD)/boot/$(1).so: $(call objects,efi,$(2))
	@mkdir -p $$(@D)
	$(Q)ld -nostdlib -shared -Bsymbolic -znocombreloc -znoexecstack --build-id=none \
		--no-warn-rwx-segments --no-undefined -T $(EFI_LDS) -o $$@ $(EFI_CRT0) $$^ -L/usr/lib -l:libgnuefi.a
$(BUILD)/boot/$(1).efi: $(BUILD)/boot/$(1).so
	$(Q)objcopy --strip-all -j .text -j .sdata -j .data -j .dynamic -j .dynsym -j '.rel*' -j '.rela*' -j .reloc \
		--output-target efi-app-x86_64 --subsystem=10 $$< $$@
endef

LOADER_SRCS := $(addprefix arch/x86_64/boot/,main.c check.c clock.c console.c image.c measure.c memory_map.c \
	page_tables.c secure_boot.c source.c jump.S) hv/manifest.c hv/crc32c.c hv/libc/string.c
LOADER_EFI  := $(BUILD)/boot/loader.efi
$(eval $(call efi_program,loader,$(LOADER_SRCS)))

# For tests/system/boot.t and secureboot.t: programs that play a firmware, and start the loader then.
CHAIN_SRCS := tests/system/boot/chain.c hv/libc/string.c
$(eval $(call efi_program,lock_vmx,tests/system/boot/lock_vmx.c $(CHAIN_SRCS)))
$(eval $(call efi_program,lock_svm,tests/system/boot/lock_svm.c arch/x86_64/boot/console.c $(CHAIN_SRCS)))
$(eval $(call efi_program,show_tpm,tests/system/boot/show_tpm.c $(CHAIN_SRCS)))
$(eval $(call efi_program,fail_tpm,tests/system/boot/fail_tpm.c $(CHAIN_SRCS)))
SYSTEM_IMAGES += $(addprefix $(BUILD)/boot/,lock_vmx.efi lock_svm.efi show_tpm.efi fail_tpm.efi) $(BUILD)/images/echo.img
