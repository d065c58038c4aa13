#!/bin/sh
# SPDX-License-Identifier: MIT
# Ring 0's platform without partitions: start of all CPUs, timers, kicks, log, and what happens when ring 0 fails.
. tests/system/lib.sh

for cpus in 1 2 4; do
	boot platform-report $cpus 120
	is $status 0 "$cpus CPUs: powers off with success"
	like "test: all $cpus CPUs passed" "$cpus CPUs: each is kicked and gets its timer interrupt"
	like 'paging: W\^X holds over [1-9][0-9]* pages.*; [1-9][0-9]* executable' "$cpus CPUs: W^X self test"
	is "$(grep -cE '^\[cpu [0-9]+ [0-9]+\.[0-9]{3}\] line [ 0-9]{2} of 20: the quick brown fox jumps over the lazy dog$' "$log")" \
		$((cpus * 20)) "$cpus CPUs: lines come out whole"
done

boot platform-fault 2 120
is $status 1 'a page fault of ring 0 ends the machine with failure'
like 'exception 14 \(page fault\), error code 0x0$' 'vector and error code'
like 'at ffffffff8[0-9a-f]{7} read_unmapped[a-z0-9.]*\+0x' 'RIP with its symbol'
like 'cr2 0000123456789000' 'CR2'
like 'ffffffff8[0-9a-f]{7} hv_main\+0x' 'the caller is on the stack trace'

boot platform-stack 2 120
is $status 1 'a stack overflow of ring 0 ends the machine with failure'
like 'exception 8 \(double fault\)' 'it is a double fault'
like 'guard page of the main stack of CPU 0' 'on the guard page'
like 'ffffffff8[0-9a-f]{7} recurse\+0x' 'the recursion is on the stack trace'

boot platform-panic 4 120
is $status 1 'a panic ends the machine with failure'
like '^\[cpu 0 [0-9.]+\] panic: test: the end$' 'its line comes out whole'
like '^\[cpu 3 [0-9.]+\] CPU 3 goes on$' 'the other CPUs were busy'
is "$(sed -n '/panic:/,$p' "$log" | grep -c '^\[cpu [1-9]')" 0 'and stopped'

done_testing
