#!/bin/sh
# SPDX-License-Identifier: MIT
# The demo beside hostile partitions, which fault, restart, break queues, flood and send malformed messages: its result
# is the same as without them.
. tests/system/lib.sh

value() { # NAME: a figure of the line `result:`
	sed -n "s/^manager *| result: .*\\b$1=\\([0-9]*\\).*/\\1/p" "$log"
}

web=$(oracle strict)
db=$(oracle lax)
boot hostile 2 400
is "$status" 0 'the demo powers off with success'
is "$(infected web)" "$web" 'strict guest: infected is what clamscan finds'
is "$(infected db)" "$db" 'lax guest: infected is what clamscan finds'
is "$(value denied)" "$(printf '%s\n' "$web" | grep -c .)" 'each infected file of the strict guest was denied'
is "$(value lost) $(value fallbacks) $(value failed)" '0 0 0' 'no event lost, no deadline passed'
is "$(grep -c '^garbage *| garbage .*: ok$' "$log")" 36 'all kinds of malformed messages were refused by manager and service'
is "$(grep -c '^manager *| alarm: CID 66 breaks the protocol: malformed in HELLO$' "$log")" 7 'seven of them for what stands in the body of a HELLO'
like '^garbage +\| garbage: 0 not refused$' 'none was taken, and a HELLO that is in order was'
like 'partition h-memory stopped: ' 'a partition that reached outside its memory was stopped'
like 'h-tx: vsock port stopped: ' 'a broken queue stopped its port'
unlike 'partition (manager|av|web|db) stopped|(manager|av|web|db): vsock port stopped|panic' 'nobody else was stopped'
done_testing
