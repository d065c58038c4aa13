# SPDX-License-Identifier: MIT
# The host platform of ring 0, and the hypervisor's ELF image.
