# SPDX-License-Identifier: MIT
# Generic part of ring 0: HV_SRCS += ... (the platform has log, memory and libc in its own list).

