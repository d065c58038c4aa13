# SPDX-License-Identifier: MIT
# Unit tests of hv/vsock.

ifndef VSOCK_SRCS
include hv/vsock/sources.mk
endif

$(eval $(call unit_test,test_virtq,tests/unit/test_virtq.c hv/vsock/virtq.c hv/vsock/fault.c))

define vsock_test
$(call unit_test,$(1),tests/unit/$(1).c tests/unit/fake_driver.c tests/unit/vsock_check.c $(VSOCK_SRCS))
endef
$(foreach t,switch schedule segment faults notify reset model,$(eval $(call vsock_test,test_vsock_$(t))))

# Instructions that the switch runs per packet: the objects of ring 0 in a host program.
$(BUILD)/bench/switch: $(call objects,hv,$(VSOCK_SRCS)) \
		$(call objects,host,tests/bench/bench_switch.c tests/unit/fake_driver.c)
	@mkdir -p $(@D)
	$(Q)$(CC) -no-pie -o $@ $^
ALL_OBJECTS += $(call objects,host,tests/bench/bench_switch.c tests/unit/fake_driver.c)

.PHONY: bench-switch
bench-switch: $(BUILD)/bench/switch ## instructions per packet of the switch alone, counted on the host
	@$<
