#!/bin/sh
# SPDX-License-Identifier: MIT
# Debian's kernels as they are: boot, processors, clock, vsock with both kinds of sockets to bare-metal partitions and to
# each other, power-off, reboot.
. tests/system/lib.sh

boot linux-boot 1 150
is "$status" 0 'the guest switches itself off by ACPI'
like '^linux +\| .*init: CPUs 1, clock (tsc|kvm-clock), year ([0-9]+), RTC \2-' 'one CPU, a clock, the machine'"'"'s date'
for type in stream seqpacket; do
	like "^$type *\\| echo-server: client CID 30 port [0-9]+$" "$type: a bare-metal server sees the guest's CID"
	like "^linux +\\| .*init: echo-client 2[01] 9000 $type ends with 0$" "$type: all came back as it was sent"
done
no_new_warnings linux
unlike 'unchecked MSR access|WARNING: CPU|Call Trace|BUG:|Oops' 'nothing that the kernel did not expect'
like 'partition linux exits with code 0' 'the partition ends with success'

boot linux-panic 1 150
is "$status" 1 'a panic is a failure'
like '^linux +\| .*Kernel panic - not syncing: sysrq triggered crash' 'the last console lines tell of it'
like "partition linux .*the guest's kernel panicked" 'ring 0 tells it, and stops the partition'

if [ "${EMU#bochs}" != "$EMU" ] && [ -z "${LINUX_LONG:-}" ]; then
	skip 9 'takes minutes in Bochs; LINUX_LONG=1 runs it'
	done_testing
fi
boot linux-two $linux_cpus 600
is "$status" 0 'two guests: success'
for guest in server client; do
	like "^$guest +\\| .*smp: Brought up 1 node, 2 CPUs" "$guest: two processors"
	like "^$guest +\\| .*init: CPUs 2, clock (tsc|kvm-clock), year " "$guest: init sees them"
	no_new_warnings $guest
done
is "$(grep -cE '^client +\| .*init: echo-client 30 9000 stream (quit )?ends with 0$' "$log")" 2 \
	'they talk, before and after a reboot'
like 'partition server restarts \(1\)' 'the reboot restarts the partition'
done_testing
