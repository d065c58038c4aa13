#!/bin/sh
# SPDX-License-Identifier: MIT
# Standard vsock programs: Debian's socat in two Linux guests, and bare-metal partitions as servers and clients of them. In
# Bochs a short form; LINUX_LONG=1 runs the whole there too.
. tests/system/lib.sh

image=linux-vsock seconds=240 connections=64 sequence=300
if [ "${EMU#bochs}" != "$EMU" ] && [ -z "${LINUX_LONG:-}" ]; then
	image=linux-vsock-short seconds=400 connections=50 sequence=20
elif [ "${EMU#bochs}" != "$EMU" ]; then
	seconds=3600
fi

passes() { # CHECK DESCRIPTION
	like "^one +\\| .*init: $1 ends with 0 " "$2"
}
says() { # CHECK TEXT DESCRIPTION
	like "^one +\\| .*init: $1: $2\$" "$3"
}

boot $image $linux_cpus $seconds
is "$status" 0 'the machine ends with success'
passes text 'socat to socat, stream'
passes text-seqpacket 'socat to socat, seqpacket'
passes text-bare 'socat to a bare-metal server, stream'
passes text-bare-seqpacket 'socat to a bare-metal server, seqpacket'
like '^caller +\| echo-client: all equal$' 'a bare-metal client of socat, stream'
like '^caller-seq *\| echo-client: all equal$' 'a bare-metal client of a Linux server, seqpacket'
passes boundaries 'seqpacket keeps the boundaries of messages, Linux to Linux'
passes boundaries-bare 'seqpacket keeps the boundaries of messages, Linux to bare metal'
for peer in '' -bare; do
	says many$peer "vsock-peer: $connections connections at once, [13] times" "$connections connections at once${peer:+, bare metal}"
	says sequence$peer "vsock-peer: $sequence connections in sequence" "$sequence connections in sequence${peer:+, bare metal}"
done
for server in guarded hidden; do
	like "^$server +\\| echo-server: listening on port 9000\$" "$server: a server that the guest may not reach"
done
for refusal in no-listener no-listener-bare port-forbidden cid-forbidden cid-unknown; do
	passes $refusal "$refusal: refused at once"
done
unlike '^(guarded|hidden) +\| echo-server: client' 'nobody was let in'
passes peer-killed 'the other side is killed with data unread: the connection ends'
like '^two +\| .*vsock-peer: end after data: (end of file|Connection reset by peer)$' 'this side is killed while it sends: the other one sees an end'
passes send-large 'a large transfer arrives whole, and its hash comes back through the half-closed connection'
passes receive-large 'a large transfer through a half-closed connection arrives whole'
says peer-reboots 'vsock-peer: flood ends: (Broken pipe|Connection reset by peer)' 'the other partition reboots during a transfer: reset'
like 'partition two restarts \(1\)' 'it did'
if [ $image = linux-vsock ]; then
	passes after-reboot 'and serves again'
else
	skip 1 'a boot takes a minute in Bochs; LINUX_LONG=1 runs it'
fi
unlike 'vsock port stopped|unchecked MSR access|WARNING: CPU|Call Trace|BUG:|Oops' 'nothing that a kernel or the switch did not expect'
no_new_warnings one
no_new_warnings two
done_testing
