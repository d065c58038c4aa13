# SPDX-License-Identifier: MIT
# Generic part of ring 0, and the VT-x and AMD-V backends: HV_SRCS += ... (the platform has log, memory and libc in
# its own list).

HV_SRCS += hv/build.c hv/cpuid.c hv/exit.c hv/hypercall.c hv/io.c hv/machine.c hv/msr.c \
	hv/partition.c hv/sched.c hv/vcpu.c arch/x86_64/fpu.c arch/x86_64/guest_state.c \
	arch/x86_64/nested.c
HV_SRCS += $(addprefix arch/x86_64/vmx/, controls.c entry.S exits.c registers.c run.c state.c vmx.c)
HV_SRCS += $(addprefix arch/x86_64/svm/, entry.S exits.c instruction.c registers.c run.c speculation.c state.c svm.c)
include hv/devices.mk hv/vsock/sources.mk

# Structure offsets for assembly: the compiler tells them, nobody types them.
VCPU_OFFSETS := $(BUILD)/hv/generated/vcpu_offsets.h
$(VCPU_OFFSETS): arch/x86_64/vcpu_offsets.c
	@mkdir -p $(@D)
	$(Q)$(hv_CC) $(filter-out -g -MMD -MP,$(hv_CFLAGS)) -MMD -MP -MT $@ -MF $@.d -S -o $@.s $<
	$(Q)sed -n 's/^[[:space:]]*\.ascii[[:space:]]*"->\([A-Z0-9_]*\) \$$\?\([0-9]*\)"$$/#define \1 \2/p' $@.s > $@
-include $(VCPU_OFFSETS).d
$(BUILD)/hv/arch/x86_64/vmx/entry.S.o $(BUILD)/hv/arch/x86_64/svm/entry.S.o: $(VCPU_OFFSETS)
hv_CFLAGS += -I$(BUILD)/hv/generated
ALL_OBJECTS += $(call objects,hv,$(HV_SRCS))
