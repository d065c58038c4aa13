# SPDX-License-Identifier: MIT
# Codec of the agent-service protocol, for every flavour but ring 0.

WIRE_SRCS := $(addprefix lib/wire/,wire_io.c wire_check.c wire_encode.c wire_decode.c \
	wire_stream.c wire_text.c wire_status.c)
