# SPDX-License-Identifier: MIT
# Unit tests of the virtual devices.

$(eval $(call unit_test,test_mmio_decode,tests/unit/test_mmio_decode.c \
	tests/unit/test_mmio_decode_table.S hv/mmio_decode.c))
$(eval $(call unit_test,test_guest_walk,tests/unit/test_guest_walk.c hv/guest_walk.c))
$(eval $(call unit_test,test_vuart,tests/unit/test_vuart.c hv/vuart.c))
$(eval $(call unit_test,test_vlapic,tests/unit/test_vlapic.c hv/vlapic.c,-lpthread))
$(eval $(call unit_test,test_vpci,tests/unit/test_vpci.c hv/vpci/vpci.c))
$(eval $(call unit_test,test_virtio_pci,tests/unit/test_virtio_pci.c tests/unit/virtio_pci_driver.c \
	hv/vpci/virtio_pci.c hv/vpci/msix.c hv/vpci/vpci.c))
