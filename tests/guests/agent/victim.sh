# SPDX-License-Identifier: MIT
# Opens files beside a guest under stress: its verdicts have a deadline of 3 s, and then the opens are denied.
# shellcheck shell=sh
start_agent
until_true 60 has_rules
report act load /w/files 2 8
ask tell
say "$(muxagentd status | grep fallbacks:)"
say "$(muxagentd status | grep 'verdict time:')"
stop_agent
