#!/bin/sh
# SPDX-License-Identifier: MIT
# The example service on a booted image: agent, service and manager find each other, rules and verdicts work,
# and the manager's table agrees with what the guest counted.
. tests/system/lib.sh

for cpus in 1 2; do
	boot example $cpus 120
	is "$status" 0 "$cpus CPU: the manager ends the run with success"
	like '^manager +\| service example 1.0 \(CID 16, port 7001\) joined' "$cpus CPU: the service registers by itself"
	like '^manager +\| agent web .*\(CID 3\) joined' "$cpus CPU: the agent announces itself"
	like '^example +\| web: .* opens /etc/motd$' "$cpus CPU: an open that is reported"
	like '^web +\| open /game.blocked: denied by example \(blocked by name\)' "$cpus CPU: an open that is denied"
	like '^web +\| open /game.free: ok' "$cpus CPU: an open that nobody asked about"
	like '^manager +\| audit: web: denied: deny open /game.blocked \(rule 1, service example, 1\)' "$cpus CPU: the denial is audited"
	like '^manager +\| agent web \(CID 3\) left: orderly end' "$cpus CPU: the agent says goodbye"
	like '^manager +\| result: files_seen=3 events=3 verdicts=2 denied=2 quarantined=0 fallbacks=0 lost=0 .* failed=0$' "$cpus CPU: the table"
	# Who is up before the partition that it calls is refused, and calls again.
	like '^manager +\| +all .* 1\.00 +[0-9]$' "$cpus CPU: one copy per byte"
	unlike 'alarm:' "$cpus CPU: no alarm"
done
done_testing
