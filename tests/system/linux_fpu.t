#!/bin/sh
# SPDX-License-Identifier: MIT
# x87, SSE and AVX registers of partitions that share a CPU: nothing mixes, nothing stays for a partition that starts, and what
# CPUID says of XSAVE is true.
. tests/system/lib.sh

boot linux-fpu 1 240
is "$status" 0 'the machine ends with success'
for guest in one two; do
	like "^$guest +\\| .*init: fpu-check: XCR0 [37], (576|832) bytes\$" "$guest: x87 and SSE, and AVX where the CPU has it"
	like "^$guest +\\| .*init: fpu-check: CPU 0: unchanged many times\$" "$guest: its registers keep their pattern"
	like "^$guest +\\| .*init: fpu-check [17] [0-9]+ ends with 0\$" "$guest: CPUID and XSAVE agree; there is no AVX-512"
done
like '^one +\| .*init: fpu-check: CPU 1: unchanged many times$' 'one: the registers of its second vCPU on this CPU too'
like '^fresh +\| fpu-fresh: as it should be, XCR0 [37]$' 'a bare-metal partition keeps its registers'
unlike '^fresh +\| fpu-fresh: (old|changed)' 'and finds nothing of its last life or of others'
like '^\[.*\] fresh .* restarts ([5-9]|[0-9]{2,}),' 'in several lives'
unlike 'unchecked MSR access|WARNING: CPU|Call Trace|BUG:|Oops|XSAVE consistency' 'nothing that a kernel did not expect'
no_new_warnings one
no_new_warnings two
done_testing
