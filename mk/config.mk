# SPDX-License-Identifier: MIT
# Compilers and flags of each flavour of object file:
#   hv    ring 0: freestanding, own <string.h> and <errno.h> from hv/libc, no SSE
#   bare  bare-metal partitions: newlib
#   host  tools on the build machine        san   unit tests: host with ASan and UBSan
#   fuzz  libFuzzer targets (clang)

CACHE   ?= .cache
NEWLIB  := $(CACHE)/newlib
CC_INCLUDE := $(shell $(CC) -print-file-name=include)
LIBGCC     := $(shell gcc -print-libgcc-file-name)
IS_CLANG   := $(findstring clang,$(CC))

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wundef -Wmissing-prototypes -Wstrict-prototypes \
	-Wframe-larger-than=2048 -Werror

COMMON := -std=gnu11 -g -I. -Iinclude $(WARNINGS) -MMD -MP

hv_CC     = $(CC)
hv_CFLAGS = $(COMMON) -O2 -ffreestanding -nostdinc -isystem hv/libc -isystem $(CC_INCLUDE) \
	-fno-pic -fno-pie -mcmodel=kernel -mno-red-zone -mgeneral-regs-only -fno-stack-protector \
	-fcf-protection=none -fno-asynchronous-unwind-tables -fno-strict-aliasing -fno-common \
	-fno-delete-null-pointer-checks -fno-builtin-printf -DMUX_RING0=1

# Headers of newlib come first; the rule stands in appliance/runtime/build.mk.
bare_ORDER  = $(NEWLIB)/stamp
bare_CC     = $(CC)
bare_CFLAGS = $(COMMON) -O2 -ffreestanding -nostdinc -isystem appliance/runtime/include \
	-isystem $(NEWLIB)/x86_64-elf/include -isystem $(CC_INCLUDE) -fno-pic -fno-pie -mno-red-zone \
	-fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables \
	-ffunction-sections -fdata-sections -U__linux__ -U__linux -Ulinux -DMUX_BARE=1

host_CC     = $(CC)
host_CFLAGS = $(COMMON) -O2 -D_GNU_SOURCE

san_CC     = $(CC)
san_CFLAGS = $(filter-out -Wframe-larger-than=2048,$(COMMON)) -O1 -D_GNU_SOURCE -DMUX_HOST_TEST=1 \
	-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
san_LDFLAGS = -fsanitize=address,undefined

fuzz_CC     = clang
fuzz_CFLAGS = $(filter-out -Wframe-larger-than=2048,$(COMMON)) -O1 -D_GNU_SOURCE -DMUX_HOST_TEST=1 \
	-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all
