# SPDX-License-Identifier: MIT
# Generic part of ring 0.

HV_SRCS += hv/libc/string.c
