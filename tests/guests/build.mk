# SPDX-License-Identifier: MIT
# Small bare-metal partitions that the system tests boot.

$(eval $(call bare_program,hello,tests/guests/hello.c))
$(eval $(call bare_program,echo-server,tests/guests/echo_server.c))
$(eval $(call bare_program,echo-client,tests/guests/echo_client.c))
$(eval $(call bare_program,transfer,tests/guests/transfer.c))

$(eval $(call image,echo,tests/guests/echo.mux,$(addprefix $(BUILD)/bare/,hello.elf echo-server.elf echo-client.elf)))
$(eval $(call image,transfer,tests/guests/transfer.mux,$(addprefix $(BUILD)/bare/,hello.elf transfer.elf)))
SYSTEM_IMAGES += $(BUILD)/images/echo.img $(BUILD)/images/transfer.img
