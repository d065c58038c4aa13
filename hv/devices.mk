# SPDX-License-Identifier: MIT
# Virtual devices of a partition.

HV_SRCS += hv/vlapic.c hv/vuart.c hv/guest_walk.c hv/mmio_decode.c hv/vpci/vpci.c hv/vpci/msix.c \
	hv/vpci/virtio_pci.c
