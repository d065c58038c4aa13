#!/bin/sh
# SPDX-License-Identifier: MIT
# The runtime of bare-metal partitions: start, arguments, exit codes, faults, sockets; and segmentation: messages
# of 0 bytes to 1 MiB into receive buffers of 64 bytes to 64 KiB.
. tests/system/lib.sh

boot echo 1 60
is "$status" 0 'echo: the client ends with success'
like '^hello +\| hello from hello, CID 3, TSC [0-9]+ kHz, ABI 1$' 'a partition knows its name, CID and clock'
like '^hello +\| hello: argument 2 is "two words"$' 'a partition gets its arguments'
like 'partition hello exits with code 0' 'what main returns is the exit code'
like '^server +\| echo-server: client CID 21 port [0-9]+$' "a server sees its client's CID"
like '^client +\| echo-client: 200000 bytes in [0-9]+ us$' 'the longest message came back'
like '^client +\| echo-client: all equal$' 'all messages came back as they were'
like '^server +\| echo-server: done$' 'what was sent before close arrives'

boot transfer 2 120
is "$status" 0 'transfer: the slowest pair ends with success'
like '^fault +\| runtime: page fault: vector 0xe error 0x2 rip 0x[0-9a-f]+ cr2 0x0$' 'a null pointer is reported'
like 'partition fault exits with code 134' 'an exception ends its partition'
like '^overflow *\| runtime: page fault: vector 0xe error 0x2 ' 'a stack overflow meets the guard page and is reported'
like 'partition overflow exits with code 134' 'and ends its partition'
like '^code *\| runtime: page fault: vector 0xe error 0x3 ' 'code is read-only'
for pair in 64 4k 64k 100; do
	like "^s$pair +\\| transfer: send done" "receive buffers of $pair bytes: all sent"
	like "^r$pair +\\| transfer: receive done" "receive buffers of $pair bytes: all arrived whole and in order"
done
unlike 'transfer: message' 'no pair complains'
done_testing
