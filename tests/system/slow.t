#!/bin/sh
# SPDX-License-Identifier: MIT
# A receiver that stops reading does not slow another pair by more than its share, nor what its own sender has for
# others. tests/guests/slow/monitor.c judges; with two CPUs the receivers run on the second.
. tests/system/lib.sh

# In Bochs a tick is an instruction; in QEMU time has to be counted, or a loaded host would be measured.
if [ "$EMU" = qemu ]; then
	BOOT_OPTIONS=--counted
fi

for cpus in 1 2; do
	boot slow $cpus 150
	is "$status" 0 "$cpus CPUs: the monitor is content"
	like '^monitor \| slow: no receiver slowed the pair$' "$cpus CPUs: no receiver slowed the pair"
	for kind in 'that reads' 'that stops reading' 'without buffers'; do
		like "^monitor \\| slow: beside a receiver $kind: [1-9][0-9]* packets" "$cpus CPUs: measured beside a receiver $kind"
	done
	for kind in reads stops empty; do
		like "^pour-$kind ?\\| pour: 20 messages came back from the server meanwhile\$" \
			"$cpus CPUs: its sender's other messages pass ($kind)"
	done
	unlike 'FAILED' "$cpus CPUs: nobody complains"
done
done_testing
