# SPDX-License-Identifier: MIT
# Is denied a file in its first life, and reboots with an open that waits; in its second one it gets the file.
# shellcheck shell=sh
echo 'content' >/w/files/once
echo 'content' >/w/files/slow
start_agent
until_true 60 has_rules
if act open /w/files/once >/run/once; then
	say "second life: $(cat /run/once)"
	stop_agent
else
	say "first life: $(cat /run/once)"
	act open /w/files/slow &
	sleep 0.2
	reboot -f
fi
