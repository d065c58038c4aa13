# SPDX-License-Identifier: MIT
# Fuzz targets of the virtual devices.

$(eval $(call fuzz_target,fuzz_mmio_decode,tests/fuzz/fuzz_mmio_decode.c hv/mmio_decode.c))
$(eval $(call fuzz_target,fuzz_guest_walk,tests/fuzz/fuzz_guest_walk.c hv/guest_walk.c))
$(eval $(call fuzz_target,fuzz_devices,tests/fuzz/fuzz_devices.c hv/vpci/vpci.c hv/vpci/msix.c \
	hv/vpci/virtio_pci.c hv/vlapic.c hv/vuart.c))
