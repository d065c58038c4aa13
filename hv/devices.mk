# SPDX-License-Identifier: MIT
# Virtual devices of a partition.

HV_SRCS +=
