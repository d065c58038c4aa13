#!/bin/sh
# SPDX-License-Identifier: MIT
# The antivirus appliance dies in the middle of its scans: first killed and restarted twice, then stopped for good.
. tests/system/lib.sh

count_lines() { # EXTENDED_REGEX
	grep -cE -e "$1" "$log"
}

value() { # NAME: a figure of the line `result:`
	sed -n "s/^manager *| result: .*\\b$1=\\([0-9]*\\).*/\\1/p" "$log"
}

boot restart 2 300
is "$status" 0 'restart: the run ends with success'
is "$(count_lines 'partition av restarts \([12]\)')" 2 'the appliance was killed and restarted twice'
is "$(count_lines 'chaos: restart of CID 16: done')" 2 'at the wish of a partition with the manager right'
[ "$(count_lines '^web +\| agent: service antivirus .* connected')" -ge 3 ]
ok $? 'the agent in the strict guest connected again each time'
[ "$(count_lines '^db +\| agent: service antivirus .* connected')" -ge 3 ]
ok $? 'the agent in the lax guest connected again each time'
is "$(infected web)" "$(oracle strict)" 'strict guest: scans were done again: all infected files are found'
is "$(infected db)" "$(oracle lax)" 'lax guest: likewise'
like '^web +\| open /samples/eicar\.com: missing' 'strict guest: the sample is in quarantine at the end'
like '^db +\| open /samples/eicar\.com: missing' 'lax guest: likewise'
unlike 'panic|vsock port stopped|partition (web|db|manager) stopped' 'nobody else was stopped'

boot down 2 200
is "$status" 0 'down: the run ends with success'
like '^chaos +\| chaos: stop of CID 16: done' 'the appliance was stopped in the middle of a scan'
like '^web +\| open [^ ]+: denied by antivirus \(service is away\) in [0-9]+ ticks' 'what waited was denied at its deadline (fail-closed)'
like '^manager +\| audit: web: (service went away|deadline passed): deny open' 'an audit record says so'
like '^web +\| ran without the appliance' 'a fail-open execution went on'
like '^web +\| open /etc/adduser\.conf: ok' 'what no rule names was not touched'
like '^manager +\| audit: db: events lost: .* could not be sent' 'reports that could not be sent stand in the audit'
like '^manager +\| alarm: service antivirus .* is silent' 'the silent service raised an alarm'
unlike 'panic|vsock port stopped|partition (web|db|manager) stopped' 'nobody else was stopped'
done_testing
